//! TOML text to a policy. Every error is collected, at its place; a policy comes out only when there is none.

mod cases;
mod head;
mod keys;
mod messages;
mod protection;
mod review;
mod section;
mod singles;
mod suggest;
mod units;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{PolicyError, Reporter};
use crate::index::Index;
use crate::policy::Policy;
use crate::rule::Rule;
use section::Section;

/// The largest capability file, in bytes.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

const TOP_KEYS: &[&str] = &[
    "ae",
    "ceiling",
    "component",
    "limits",
    "keys",
    "stateless",
    "publish",
    "request",
    "subscribe",
    "logging",
    "clocks",
    "authorization",
    "wasi",
    "test",
];

/// A rule and the bytes of its header.
struct Draft {
    rule: Rule,
    header: Range<usize>,
}

pub(crate) fn parse(file_name: &str, text: &str) -> Result<Policy, PolicyError> {
    let mut errors = Reporter::new(text);
    let read = read(file_name, text, &mut errors);
    match read.filter(|_| errors.is_clean()) {
        Some(policy) => Ok(policy),
        None => Err(errors.into_error(file_name)),
    }
}

/// `None` only after an error was reported.
fn read(file_name: &str, text: &str, errors: &mut Reporter<'_>) -> Option<Policy> {
    if text.len() > FILE_BYTES_MAX {
        errors.error(0..0, format!("expected a file of at most {} MiB", FILE_BYTES_MAX >> 20));
        return None;
    }
    let (table, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        errors.error(error.span().unwrap_or(0..0), error.message());
    }
    if !syntax.is_empty() {
        return None;
    }
    let file = Section::open("this file", 0..0, table.get_ref(), TOP_KEYS, errors);
    let scope = head::read(&file, errors);
    let mut drafts = drafts(&file, errors);
    drafts.sort_by_key(|draft| draft.header.start);
    review::refuse_duplicates(&drafts, file.has("ceiling"), errors);

    let (scope, is_clean) = (scope?, errors.is_clean());
    let rules: Box<[Rule]> = drafts.into_iter().map(|draft| draft.rule).collect();
    let index = Index::new(&rules);
    let mut policy = Policy { file_name: file_name.into(), scope, rules, index, warnings: Vec::new() };
    let cases = cases::read(&file, errors);
    if is_clean {
        cases::run(&cases, &policy, errors);
        policy.warnings = review::warnings(&policy, &file, !cases.is_empty(), errors);
    }
    Some(policy)
}

fn drafts(file: &Section<'_>, errors: &mut Reporter<'_>) -> Vec<Draft> {
    let is_ceiling = file.has("ceiling");
    let mut drafts = keys::read(file, errors);
    drafts.extend(keys::read_stateless(file, errors));
    for (header, table) in file.tables("publish", errors) {
        drafts.extend(messages::publish(header, table, is_ceiling, errors));
    }
    for (header, table) in file.tables("request", errors) {
        drafts.extend(messages::request(header, table, errors));
    }
    for (header, table) in file.tables("subscribe", errors) {
        drafts.extend(messages::subscribe(header, table, errors));
    }
    drafts.extend(singles::read(file, errors));
    drafts
}

/// A value and where it stands.
type Value<'t> = Spanned<DeValue<'t>>;
