//! `[[test]]`: calls with their expected outcome, run at every load.

use std::ops::Range;

use super::section::{Section, Text};
use super::suggest::closest;
use super::units;
use crate::call::{Call, CallError, OPERATIONS};
use crate::decision::Decision;
use crate::diagnostic::Reporter;
use crate::policy::Policy;
use crate::request::Request;
use crate::vocabulary::{KeyUsage, Usage};

const CASE_KEYS: &[&str] = &[
    "call",
    "expect",
    "topic",
    "filter",
    "alias",
    "size",
    "sender",
    "protection",
    "retain",
    "level",
    "service",
    "algorithm",
    "usage",
    "child",
    "persistent",
    "timeout",
];

pub(super) struct Case {
    header: Range<usize>,
    call: Call,
    expects_allow: bool,
}

pub(super) fn read(file: &Section<'_>, errors: &mut Reporter<'_>) -> Vec<Case> {
    let tables = file.tables("test", errors);
    tables
        .into_iter()
        .filter_map(|(header, table)| {
            let section = Section::open("[[test]]", header.clone(), table, CASE_KEYS, errors);
            for key in ["call", "expect"].into_iter().filter(|key| !section.has(key)) {
                section.missing(key, "a test is a call and what is expected of it, `allow` or `deny`", errors);
            }
            let expects_allow = section.parsed("expect", expectation, errors);
            let call = call(&section, errors)?;
            Some(Case { header, call, expects_allow: expects_allow? })
        })
        .collect()
}

fn expectation(text: &str) -> Result<bool, String> {
    match text {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(format!("expected `allow` or `deny`, found `{text}`")),
    }
}

/// The call of a test, checked as far as it can be without a policy.
fn call(section: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Call> {
    let (span, operation) = section.text("call", errors)?;
    let owned = |text: Option<Text<'_>>| text.map(|(_, text)| text.to_owned());
    let size = |text: &str| units::size(text, 0..=u32::MAX.into());
    let timeout = |text: &str| units::duration(text, std::time::Duration::from_millis(u32::MAX.into()));
    let call = Call {
        operation: operation.to_owned(),
        topic: owned(section.text("topic", errors)),
        filter: owned(section.text("filter", errors)),
        alias: owned(section.text("alias", errors)),
        size_bytes: section.parsed("size", size, errors).and_then(|size| size.try_into().ok()),
        sender: owned(section.text("sender", errors)),
        protection: section.parsed("protection", str::parse, errors),
        retain: section.flag("retain", errors),
        level: section.parsed("level", str::parse, errors),
        service: owned(section.text("service", errors)),
        algorithm: section.parsed("algorithm", str::parse, errors),
        usage: usage(section, errors),
        child: section.flag("child", errors),
        persistent: section.flag("persistent", errors),
        timeout_ms: section.parsed("timeout", timeout, errors).and_then(|time| time.as_millis().try_into().ok()),
    };
    let Err(error) = call.with_request(|_| ()) else {
        return Some(call);
    };
    match &error {
        CallError::UnknownOperation { operation } => {
            let help = match closest(operation, &OPERATIONS.map(|(name, ..)| name)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("known calls: {}", OPERATIONS.map(|(name, ..)| name).join(", ")),
            };
            errors.error_with_help(span, error.to_string(), help);
        }
        CallError::Missing { .. } => errors.error(section.header(), error.to_string()),
        CallError::NotTaken { field, .. } => errors.error(section.key_span(field), error.to_string()),
        CallError::Malformed { field, .. } => {
            let span = section.value(field).map_or(section.header(), toml::Spanned::span);
            errors.error(span, error.to_string());
        }
    }
    None
}

fn usage(section: &Section<'_>, errors: &mut Reporter<'_>) -> Option<Usage> {
    let words = section.list("usage", errors)?;
    Some(super::section::each(&words, str::parse::<KeyUsage>, errors).into_iter().collect())
}

pub(super) fn run(cases: &[Case], policy: &Policy, errors: &mut Reporter<'_>) {
    for case in cases {
        let mut failure = None;
        // The call was read with success, so it makes a request again.
        let _ = case.call.with_request(|request| failure = judge(case, policy, request));
        if let Some((message, help)) = failure {
            errors.error_with_help(case.header.clone(), message, help);
        }
    }
}

/// What is wrong and which rule did it, when the outcome is not the expected one.
fn judge(case: &Case, policy: &Policy, request: &Request<'_>) -> Option<(String, String)> {
    let decision = policy.decide(request);
    if decision.is_allowed() == case.expects_allow {
        return None;
    }
    let explanation = policy.explain(request);
    let wanted = if case.expects_allow { "allow" } else { "deny" };
    Some((format!("test failed, expected {wanted}: {}", explanation.text), help(policy, decision)))
}

fn help(policy: &Policy, decision: Decision) -> String {
    match decision.rule {
        Some(id) => {
            let rule = policy.rule(id);
            format!("decided by {} in line {}, `{}`", rule.grant().section(), rule.line(), rule.reason())
        }
        None => "decided by no rule: what nothing allows is denied".to_owned(),
    }
}
