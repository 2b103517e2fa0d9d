//! `protection` and `service`: how a message is protected, and under which right it leaves the node.

use toml::de::DeValue;

use super::section::{Section, Text, each};
use crate::diagnostic::Reporter;
use crate::name::is_service;
use crate::rule::SenderPattern;
use crate::vocabulary::{Protection, Protections};

/// What `[[publish]]` says about protection.
pub(super) struct Leaving {
    pub(super) protection: Protections,
    pub(super) service: Option<Box<str>>,
}

/// `protection` and `service` of `[[publish]]`: what is `local` names no service, what leaves the node names one, and a
/// ceiling may.
pub(super) fn of_publish(section: &Section<'_>, is_ceiling: bool, retain: bool, errors: &mut Reporter<'_>) -> Leaving {
    let service = section.parsed("service", service, errors);
    let protection = match one_or_for_a_ceiling_several(section, is_ceiling, errors) {
        Ok(words) => each(&words, protection, errors).into_iter().collect(),
        Err(Absent) => Protections::EMPTY.with(Protection::Local),
    };
    if protection.is_empty() {
        return Leaving { protection, service };
    }
    let is_kept_here = protection.contains(Protection::Local);
    let leaves = protection.contains(Protection::Signed) || protection.contains(Protection::Confidential);
    if retain && !is_kept_here {
        let message = "`retain` in [[publish]] has no effect on messages that leave the node";
        errors.error_with_help(section.key_span("retain"), message, "remove it: only `local` messages can be kept");
    }
    if !leaves && section.has("service") {
        let message = "`service` in [[publish]] has no effect on `local` messages";
        let help = "set `protection = \"signed\"` or `\"confidential\"`, or remove `service`: what stays on the node needs none";
        errors.error_with_help(section.key_span("service"), message, help);
    }
    if leaves && !is_ceiling && !section.has("service") {
        let help = "name the right that the message leaves under, as in `service = \"metering/report\"`";
        section.missing("service", help, errors);
    }
    Leaving { protection, service }
}

/// `protection` of `[[subscribe]]`, within what the senders in `from` have. `from` are its entries and what they say.
pub(super) fn of_subscribe(
    section: &Section<'_>,
    from: &[(Text<'_>, SenderPattern)],
    errors: &mut Reporter<'_>,
) -> Protections {
    let has = |protection: &Protection| from.iter().any(|(_, pattern)| pattern.has(*protection));
    if !section.has("protection") {
        return Protection::ALL.iter().copied().filter(has).collect();
    }
    let words = section.one_or_list("protection", errors).unwrap_or_default();
    let mut accepted = Protections::EMPTY;
    for (span, text) in &words {
        match protection(text) {
            Err(message) => errors.error(span.clone(), message),
            Ok(protection) if has(&protection) || from.is_empty() => accepted = accepted.with(protection),
            Ok(protection) => {
                let message = format!("`{protection}` in `protection` has no effect: no sender in `from` has it");
                let help = "messages of this node are `local`, those of a `service:…` are `signed` or `confidential`";
                errors.error_with_help(span.clone(), message, help);
            }
        }
    }
    for ((span, text), pattern) in from {
        if !accepted.is_empty() && !accepted.iter().any(|protection| pattern.has(protection)) {
            let message = format!("`{text}` in `from` has no effect: `protection` leaves out what its messages have");
            let has = Protection::ALL.iter().filter(|protection| pattern.has(**protection));
            let words: Vec<_> = has.map(|protection| format!("\"{protection}\"")).collect();
            let help = format!("add {} to `protection`, or remove the sender", words.join(" or "));
            errors.error_with_help(span.clone(), message, help);
        }
    }
    accepted
}

pub(super) fn service(text: &str) -> Result<Box<str>, String> {
    let expected = || format!("expected `SERVICE/OPERATION` such as `metering/report`, found `{text}`");
    if is_service(text) { Ok(text.into()) } else { Err(expected()) }
}

/// There is no `protection`.
struct Absent;

fn one_or_for_a_ceiling_several<'t>(
    section: &Section<'t>,
    is_ceiling: bool,
    errors: &mut Reporter<'_>,
) -> Result<Vec<Text<'t>>, Absent> {
    let value = section.value("protection").ok_or(Absent)?;
    if !is_ceiling && matches!(value.get_ref(), DeValue::Array(_)) {
        let help = "give each protection a [[publish]] of its own, over the same topic; only a ceiling takes a list";
        errors.error_with_help(value.span(), "expected one word for `protection`, found a list", help);
        return Ok(Vec::new());
    }
    Ok(section.one_or_list("protection", errors).unwrap_or_default())
}

fn protection(text: &str) -> Result<Protection, String> {
    match text.parse() {
        Ok(Protection::Unauthenticated) => {
            Err("`unauthenticated` is not enforced by this node yet: it has no plain devices".to_owned())
        }
        Ok(protection) => Ok(protection),
        Err(_) => Err(format!("unknown protection `{text}`, expected `local`, `signed` or `confidential`")),
    }
}
