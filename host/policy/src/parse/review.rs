//! What a grant means beside the others: duplicates are errors, what can be left out is a warning.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::Draft;
use super::section::Section;
use crate::decision::RuleId;
use crate::diagnostic::{Reporter, Warning};
use crate::policy::Policy;
use crate::rule::{Grant, Rule, SubscribeGrant, TopicScope};
use crate::topic::FilterTree;
use crate::vocabulary::Protections;

/// Two grants of one kind over one filter; publish grants may differ in protection, and in a ceiling in service. (TOML itself refuses a second `[keys.ALIAS]`.)
pub(super) fn refuse_duplicates(drafts: &[Draft], is_ceiling: bool, errors: &mut Reporter<'_>) {
    let mut lines: HashMap<(&str, &str, Protections, &str), u32> = HashMap::new();
    for draft in drafts {
        let Some(scope) = scope(&draft.rule) else {
            continue;
        };
        let (section, filter) = (draft.rule.grant.section(), scope.filter.as_str());
        let (protection, service) = way(&draft.rule, is_ceiling);
        if let Some(line) = lines.insert((section, filter, protection, service), draft.rule.line) {
            let message = format!("`{filter}` is granted twice: the first {section} is in line {line}");
            errors.error_with_help(draft.header.clone(), message, "merge the two");
        }
    }
}

fn way(rule: &Rule, is_ceiling: bool) -> (Protections, &str) {
    match &rule.grant {
        Grant::Publish(grant) => {
            (grant.protection, grant.service.as_deref().filter(|_| is_ceiling).unwrap_or_default())
        }
        _ => (Protections::EMPTY, ""),
    }
}

fn scope(rule: &Rule) -> Option<&TopicScope> {
    match &rule.grant {
        Grant::Publish(grant) => Some(&grant.scope),
        Grant::Request(grant) => Some(&grant.scope),
        Grant::Subscribe(grant) => Some(&grant.scope),
        _ => None,
    }
}

pub(super) fn warnings(policy: &Policy, file: &Section<'_>, has_tests: bool, errors: &Reporter<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |line: u32, message: String| warnings.push(Warning { line, message });
    let first = u32::try_from(errors.line(file.key_span("ae").start)).unwrap_or(1);
    if !policy.is_ceiling() && policy.component_digest().is_none() {
        warn(first, "no `component` digest: any component could run under these rights".to_owned());
    }
    if !has_tests {
        warn(first, "no `[[test]]`: nothing checks that the file grants what it is meant to".to_owned());
    }
    for rule in &policy.rules {
        let Some(scope) = scope(rule) else { continue };
        let section = rule.grant.section();
        if !policy.is_ceiling() && matches!(scope.filter.as_str(), "#" | "+/#") {
            warn(rule.line, format!("{section} over `{}` grants every topic", scope.filter));
        }
        if let Some(wider) = covering(policy, rule) {
            warn(rule.line, format!("{section} over `{}` adds nothing to line {}", scope.filter, wider.line));
        }
    }
    warnings.sort_by_key(|warning| warning.line);
    warnings
}

/// Another rule that grants everything this one does, at the same rate.
fn covering<'p>(policy: &'p Policy, rule: &Rule) -> Option<&'p Rule> {
    let index = &policy.index;
    let find = |tree: &FilterTree<RuleId>| {
        tree.find_covering(&scope(rule)?.filter, |&id| {
            let wider = policy.rule(id);
            let is_other = wider.line != rule.line && wider.rate == rule.rate;
            if is_other && grants_all(&wider.grant, &rule.grant) {
                return ControlFlow::Break(wider);
            }
            ControlFlow::Continue(())
        })
    };
    match rule.grant {
        Grant::Publish(_) => find(&index.publish),
        Grant::Request(_) => find(&index.request),
        Grant::Subscribe(_) => find(&index.subscribe),
        _ => None,
    }
}

/// Whether `wide`, whose filter covers that of `narrow`, allows all that `narrow` allows.
fn grants_all(wide: &Grant, narrow: &Grant) -> bool {
    match (wide, narrow) {
        (Grant::Publish(wide), Grant::Publish(narrow)) => {
            leaves(&wide.scope, &narrow.scope)
                && wide.max_bytes >= narrow.max_bytes
                && (wide.retain || !narrow.retain)
                && wide.protection.includes(narrow.protection)
                && (wide.service.is_none() || wide.service == narrow.service)
        }
        (Grant::Request(wide), Grant::Request(narrow)) => {
            leaves(&wide.scope, &narrow.scope)
                && wide.max_bytes >= narrow.max_bytes
                && wide.max_timeout_ms >= narrow.max_timeout_ms
        }
        (Grant::Subscribe(wide), Grant::Subscribe(narrow)) => {
            leaves(&wide.scope, &narrow.scope) && accepts_all(wide, narrow)
        }
        _ => false,
    }
}

fn accepts_all(wide: &SubscribeGrant, narrow: &SubscribeGrant) -> bool {
    let replies = !narrow.reply || (wide.reply && wide.max_reply_bytes >= narrow.max_reply_bytes);
    replies
        && wide.when_full == narrow.when_full
        && wide.protection.includes(narrow.protection)
        && narrow.from.iter().all(|sender| wide.from.contains(sender))
}

/// Whether no exception of `wide` touches what `narrow` is about.
fn leaves(wide: &TopicScope, narrow: &TopicScope) -> bool {
    wide.except
        .iter()
        .all(|taken| !taken.overlaps(&narrow.filter) || narrow.except.iter().any(|also_taken| also_taken.covers(taken)))
}
