//! What to write so that a denied call is allowed.

use crate::decision::Cause;
use crate::request::{Request, Sender};
use crate::rule::{Rule, SenderPattern};
use crate::vocabulary::{KeyOperations, Protection};

/// The grant to write where there is none. `None` for what cannot be granted.
pub(super) fn new_grant(request: &Request<'_>) -> Option<String> {
    let subject = quoted(request.subject());
    let lines = match request {
        Request::Publish { topic, .. }
        | Request::SendToPeer { topic, .. }
        | Request::Ask { topic, .. }
        | Request::DeliverAnswer { topic }
            if topic.is_reserved() =>
        {
            return None;
        }
        Request::Publish { retain: true, protection, .. } if *protection != Protection::Local => return None,
        Request::Publish { protection: Protection::Unauthenticated, .. } => return None,
        Request::Publish { retain, protection, service, .. } => {
            let retain = if *retain { "\nretain = true" } else { "" };
            format!("[[publish]]\ntopic = {subject}{}{retain}", leaving(*protection, *service))
        }
        Request::SendToPeer { service, .. } => {
            format!("[[publish]]\ntopic = {subject}{}", leaving(Protection::Confidential, *service))
        }
        Request::Ask { .. } | Request::DeliverAnswer { .. } => {
            format!("[[request]]\ntopic = {subject}")
        }
        Request::Subscribe { .. } | Request::Unsubscribe { .. } => {
            format!("[[subscribe]]\ntopic = {subject}\nfrom = [\"ae:…\"]")
        }
        Request::Reply { .. } => {
            format!("[[subscribe]]\ntopic = {subject}\nfrom = [\"ae:…\"]\nreply = true")
        }
        Request::Deliver { sender, protection, .. } if !possible(*sender, *protection) => return None,
        Request::Deliver { sender, .. } => {
            format!("[[subscribe]]\ntopic = {subject}\nfrom = [{}]", quoted(&pattern_for(*sender)?))
        }
        Request::Generate { algorithm, .. } => {
            format!("[keys.{subject}]\nalgorithm = \"{algorithm}\"\nallow = [\"generate\"]")
        }
        Request::Key { operation, child: false, .. } if !implied().contains(*operation) => {
            format!("[keys.{subject}]\nalgorithm = \"…\"\nallow = [\"{operation}\"]")
        }
        Request::Key { .. } | Request::Child { .. } => {
            format!("[keys.{subject}]\nalgorithm = \"…\"\nallow = [\"…\"]")
        }
        Request::Aliases => "[keys.…]\nalgorithm = \"…\"\nallow = [\"…\"]".to_owned(),
        Request::Stateless(operation) => format!("[stateless]\nallow = [\"{operation}\"]"),
        Request::Log { level } => format!("[logging]\nlevel = \"{level}\""),
        Request::Clock => "[clocks]".to_owned(),
        Request::Services => "[authorization]\nservices = [\"…\"]".to_owned(),
        Request::Service { .. } => format!("[authorization]\nservices = [{subject}]"),
        Request::ChangePseudonym => "[authorization]\nchange-pseudonym = true".to_owned(),
    };
    Some(format!("{lines}\nreason = \"…\""))
}

/// What to write in the rule that denied. `None` for what cannot be granted.
pub(super) fn edit(cause: Cause, request: &Request<'_>, rule: &Rule, is_ceiling: bool) -> Option<String> {
    let text = match (cause, request) {
        (Cause::Retain, Request::Publish { protection, .. }) if *protection != Protection::Local => return None,
        (Cause::Retain, _) => "`retain = true`".to_owned(),
        (Cause::Reply, _) => "`reply = true`".to_owned(),
        (Cause::ChangePseudonym, _) => "`change-pseudonym = true`".to_owned(),
        (Cause::Persistent, _) => "remove `persistent = false`".to_owned(),
        (Cause::Excepted, _) => "narrow `except`".to_owned(),
        (
            Cause::Size,
            Request::Publish { size_bytes, .. }
            | Request::SendToPeer { size_bytes, .. }
            | Request::Ask { size_bytes, .. },
        ) => {
            return within_payload(*size_bytes).map(|size| format!("`max-size = \"{size} B\"`"));
        }
        (Cause::Size, Request::Reply { size_bytes, .. }) => {
            return within_payload(*size_bytes).map(|size| format!("`max-reply-size = \"{size} B\"`"));
        }
        (Cause::Timeout, Request::Ask { timeout_ms, .. }) => {
            let possible = *timeout_ms <= crate::rule::REQUEST_TIMEOUT_MS_MAX;
            return possible.then(|| format!("`max-timeout = \"{timeout_ms} ms\"`"));
        }
        (Cause::Protection, Request::Publish { protection: Protection::Unauthenticated, .. }) => return None,
        (Cause::Protection, Request::Publish { protection, .. }) if is_ceiling => {
            format!("add \"{protection}\" to `protection`")
        }
        (Cause::Protection, Request::SendToPeer { .. }) if is_ceiling => {
            "add \"confidential\" to `protection`".to_owned()
        }
        (
            Cause::OtherService,
            Request::Publish { service: Some(service), .. } | Request::SendToPeer { service: Some(service), .. },
        ) if rule.publish()?.service.is_some() => format!("`service = {}`", quoted(service)),
        (Cause::Sender, Request::Deliver { sender, protection, .. }) if possible(*sender, *protection) => {
            format!("add {} to `from`", quoted(&pattern_for(*sender)?))
        }
        (Cause::SenderProtection, Request::Deliver { sender, protection, .. }) if possible(*sender, *protection) => {
            format!("add \"{protection}\" to `protection`")
        }
        (Cause::Operation, Request::Generate { .. }) => "add \"generate\" to `allow`".to_owned(),
        (Cause::Operation, Request::Key { operation, .. } | Request::Child { operation, .. }) => {
            format!("add \"{operation}\" to `allow`")
        }
        (Cause::Operation, Request::Stateless(operation)) => {
            format!("add \"{operation}\" to `allow`")
        }
        (Cause::ChildOperation, Request::Key { operation, .. } | Request::Child { operation, .. }) => {
            format!("add \"{operation}\" to the `allow` of `child`")
        }
        (Cause::Algorithm, Request::Generate { algorithm, .. }) => {
            format!("add \"{algorithm}\" to `algorithm`")
        }
        (Cause::ChildAlgorithm, Request::Child { algorithm, .. }) => {
            format!("add \"{algorithm}\" to the `algorithm` of `child`")
        }
        (Cause::ChildUsage, _) => "add what is missing to the `allow` of `child`".to_owned(),
        (Cause::Level, Request::Log { level }) => format!("`level = \"{level}\"`"),
        (Cause::Service, Request::Service { name }) => {
            format!("add {} to `services`", quoted(name))
        }
        _ => return None,
    };
    Some(text)
}

fn within_payload(size_bytes: usize) -> Option<u32> {
    u32::try_from(size_bytes).ok().filter(|size| *size <= crate::rule::PAYLOAD_BYTES_MAX)
}

/// The entry of `from` that accepts a sender.
pub(super) fn pattern_for(sender: Sender<'_>) -> Option<String> {
    match sender {
        Sender::Ae(name) => Some(format!("ae:{name}")),
        Sender::System => Some("system".to_owned()),
        Sender::Node(rights) => rights.first().map(|right| format!("service:{right}")),
        Sender::Device => None,
    }
}

/// The lines of a publish grant for this protection.
fn leaving(protection: Protection, service: Option<&str>) -> String {
    match protection {
        Protection::Local => String::new(),
        protection => format!("\nprotection = \"{protection}\"\nservice = {}", quoted(service.unwrap_or("…"))),
    }
}

/// Whether messages of this sender can be so protected at all.
fn possible(sender: Sender<'_>, protection: Protection) -> bool {
    match sender {
        Sender::Ae(_) | Sender::System => SenderPattern::System.has(protection),
        Sender::Node(_) => SenderPattern::Service("".into()).has(protection),
        Sender::Device => false,
    }
}

fn implied() -> KeyOperations {
    use crate::vocabulary::KeyOperation::{Attributes, Open};
    KeyOperations::from_iter([Open, Attributes])
}

/// A TOML string. What a guest named can hold anything, so everything unusual is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\'' => quoted.push(c),
            // Neither controls nor what turns the direction of writing around: nothing hides in a suggestion.
            c if c.escape_debug().len() > 1 => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
