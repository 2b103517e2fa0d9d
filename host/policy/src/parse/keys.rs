//! `[keys.ALIAS]` and `[stateless]`.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::section::{Section, Text, each};
use super::suggest::closest;
use super::{Draft, head};
use crate::diagnostic::Reporter;
use crate::index::is_alias;
use crate::rule::{AliasPattern, ChildGrant, Grant, KEYS_MAX, KeyGrant, Rate, Rule};
use crate::vocabulary::{
    Algorithm, Algorithms, KeyOperation, KeyOperations, StatelessOperation, StatelessOperations, list_words,
};

const ENTRY_KEYS: &[&str] = &["algorithm", "allow", "rate", "max-keys", "persistent", "child", "reason"];
const CHILD_KEYS: &[&str] = &["algorithm", "allow"];
const STATELESS_KEYS: &[&str] = &["allow", "rate", "reason"];
/// What `allow` of an entry takes beside the key operations.
const GENERATE: &str = "generate";

pub(super) fn read(file: &Section<'_>, errors: &mut Reporter<'_>) -> Vec<Draft> {
    let Some((_, entries)) = file.table("keys", errors) else {
        return Vec::new();
    };
    let mut drafts = Vec::with_capacity(entries.len());
    for (alias, entry) in entries.iter() {
        match entry.get_ref() {
            DeValue::Table(table) => drafts.extend(read_entry((alias.span(), alias.get_ref()), table, errors)),
            _ => errors.error_with_help(
                alias.span(),
                format!("expected a section for `keys.{}`", alias.get_ref()),
                "write `[keys.ALIAS]`, with the alias of a key or a prefix and `*`",
            ),
        }
    }
    drafts
}

fn read_entry(alias: Text<'_>, table: &DeTable<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, name) = alias;
    let entry = Section::open(format!("[keys.{name}]"), header.clone(), table, ENTRY_KEYS, errors);
    let pattern = pattern(name, header.clone(), errors);
    let algorithms = algorithms(&entry, errors);
    let (generate, operations) = allowed(&entry, algorithms, errors);
    let child = child(&entry, operations, errors);
    let max_keys = head::count(&entry, "max-keys", KEYS_MAX, errors).unwrap_or(1);
    if !generate {
        entry.idle("max-keys", "`generate` in `allow`", errors);
        entry.idle("persistent", "`generate` in `allow`", errors);
    }
    if matches!(pattern, Some(AliasPattern::Exact(_))) && max_keys > 1 {
        let span = entry.key_span("max-keys");
        errors.error_with_help(
            span,
            "expected `max-keys = 1`, as one alias is one key",
            "end the alias with `*` to allow several keys",
        );
    }
    let persistent = entry.flag("persistent", errors).unwrap_or(true);
    let (rate, reason) = (entry.rate(errors), entry.reason(errors));
    let grant = KeyGrant { pattern: pattern?, algorithms, generate, operations, max_keys, persistent, child };
    Some(draft(header, Grant::Keys(grant), rate, reason, errors))
}

pub(super) fn draft(
    header: Range<usize>,
    grant: Grant,
    rate: Option<Rate>,
    reason: Box<str>,
    errors: &Reporter<'_>,
) -> Draft {
    let line = u32::try_from(errors.line(header.start)).unwrap_or(u32::MAX);
    Draft { rule: Rule { line, reason, rate, grant }, header }
}

fn pattern(text: &str, span: Range<usize>, errors: &mut Reporter<'_>) -> Option<AliasPattern> {
    let (name, is_prefix) = match text.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (text, false),
    };
    let is_whole = is_alias(name) || (is_prefix && name.is_empty());
    if !is_whole || name.contains('*') {
        let message = "expected an alias of 1 to 64 printable ASCII characters, with `*` at its end or not at all";
        errors.error(span, message);
        return None;
    }
    Some(if is_prefix { AliasPattern::Prefix(name.into()) } else { AliasPattern::Exact(name.into()) })
}

fn algorithms(section: &Section<'_>, errors: &mut Reporter<'_>) -> Algorithms {
    if !section.has("algorithm") {
        section.missing("algorithm", &format!("one or several of {}", Algorithm::WORDS.join(", ")), errors);
    }
    let words = section.one_or_list("algorithm", errors).unwrap_or_default();
    each(&words, |word| word.parse::<Algorithm>(), errors).into_iter().collect()
}

/// `allow` of an entry: whether keys may be made, and what may be done with them.
fn allowed(entry: &Section<'_>, algorithms: Algorithms, errors: &mut Reporter<'_>) -> (bool, KeyOperations) {
    let words = allow(entry, errors);
    let (generate, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|(_, word)| *word == GENERATE);
    let known: Vec<&str> = std::iter::once(GENERATE).chain(KeyOperation::WORDS.iter().copied()).collect();
    let implied = [KeyOperation::Open, KeyOperation::Attributes];
    let operations = operations(&words, algorithms, &known, errors);
    (!generate.is_empty(), operations.into_iter().chain(implied).collect())
}

fn allow<'t>(section: &Section<'t>, errors: &mut Reporter<'_>) -> Vec<Text<'t>> {
    if !section.has("allow") {
        section.missing("allow", "list what may be done, as in `allow = [\"sign\"]`", errors);
    }
    section.list("allow", errors).unwrap_or_default()
}

/// Operations by name, each of which one of the algorithms must offer.
fn operations(
    words: &[Text<'_>],
    algorithms: Algorithms,
    known: &[&str],
    errors: &mut Reporter<'_>,
) -> Vec<KeyOperation> {
    let mut operations = Vec::with_capacity(words.len());
    for (span, word) in words {
        let Some(operation) = word.parse().ok().filter(|_| known.contains(word)) else {
            let help = match closest(word, known) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("expected {}", list_words(known)),
            };
            errors.error_with_help(span.clone(), format!("unknown key operation `{word}` in `allow`"), help);
            continue;
        };
        let offered = algorithms.iter().any(|algorithm| algorithm.offers(operation));
        if !offered && !algorithms.is_empty() {
            let names: Vec<&str> = algorithms.iter().map(Algorithm::as_str).collect();
            errors.error(span.clone(), format!("no key of {} offers `{word}`", list_words(&names)));
        }
        operations.push(operation);
    }
    operations
}

fn child(entry: &Section<'_>, parent: KeyOperations, errors: &mut Reporter<'_>) -> Option<ChildGrant> {
    let makes_children = parent.contains(KeyOperation::Agree) || parent.contains(KeyOperation::Derive);
    if !makes_children {
        entry.idle("child", "`agree` or `derive` in `allow`", errors);
    } else if !entry.has("child") {
        let help = "say what comes out: `child = { algorithm = \"chacha20-poly1305\", allow = [\"encrypt\"] }`";
        entry.missing("child", help, errors);
    }
    let (header, table) = entry.table("child", errors)?;
    let child = Section::open("`child`", header, table, CHILD_KEYS, errors);
    let algorithms = algorithms(&child, errors);
    // A child has no alias to open it by, and is made anew rather than rotated.
    let known: Vec<&str> =
        KeyOperation::WORDS.iter().copied().filter(|word| !matches!(*word, "open" | "rotate")).collect();
    let words = allow(&child, errors);
    let operations = operations(&words, algorithms, &known, errors);
    let operations = operations.into_iter().chain([KeyOperation::Attributes]).collect();
    Some(ChildGrant { algorithms, operations })
}

pub(super) fn read_stateless(file: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Draft> {
    let (header, table) = file.table("stateless", errors)?;
    let section = Section::open("[stateless]", header.clone(), table, STATELESS_KEYS, errors);
    let words = allow(&section, errors);
    let operations: StatelessOperations =
        each(&words, |word| word.parse::<StatelessOperation>(), errors).into_iter().collect();
    let (rate, reason) = (section.rate(errors), section.reason(errors));
    Some(draft(header, Grant::Stateless(operations), rate, reason, errors))
}
