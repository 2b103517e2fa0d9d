//! Decisions in words, for policy authors.

use std::fmt;

use serde::Serialize;

use crate::decision::{Cause, Effect, RuleId};
use crate::policy::Policy;
use crate::request::{Request, Sender};
use crate::rule::Rule;
use crate::vocabulary::KeyOperations;

/// A decision, the rule behind it, and the smallest change to the file that would allow a denied call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// As [`Request::operation`].
    pub operation: &'static str,
    /// As [`Request::subject`].
    pub subject: String,
    /// What was decided.
    pub effect: Effect,
    /// The rule that decided, if one did.
    pub rule: Option<RuleId>,
    /// The capability file.
    pub file: String,
    /// The line of that rule.
    pub line: Option<u32>,
    /// Why that rule is there, in its author's words.
    pub reason: Option<String>,
    /// All of it in a sentence.
    pub text: String,
    /// What to write, and where; `None` when the call is allowed, or when no capability file can allow it.
    pub smallest_change: Option<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match (self.line, &self.reason) {
            (Some(line), Some(reason)) => write!(f, " ({}:{line}, `{reason}`)", self.file)?,
            _ => write!(f, " ({})", self.file)?,
        }
        match &self.smallest_change {
            Some(change) => write!(f, "\n{change}"),
            None => Ok(()),
        }
    }
}

impl Policy {
    /// Decides as [`Self::decide`] does, and says why.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let verdict = self.verdict(request);
        let rule = verdict.decision.rule.map(|id| self.rule(id));
        let outcome = match verdict.decision.effect {
            Effect::Allow => "allowed".to_owned(),
            Effect::Deny => format!("denied: {}", self.why(verdict.cause, request)),
            Effect::TooLarge { max_bytes } => {
                format!("too large: at most {max_bytes} bytes are granted")
            }
        };
        let subject = request.subject();
        let on = if subject.is_empty() { String::new() } else { format!(" on `{}`", subject.escape_debug()) };
        Explanation {
            operation: request.operation(),
            subject: subject.to_owned(),
            effect: verdict.decision.effect,
            rule: verdict.decision.rule,
            file: self.file_name().to_owned(),
            line: rule.map(Rule::line),
            reason: rule.map(|rule| rule.reason().to_owned()),
            text: format!("`{}`{on} is {outcome}", request.operation()),
            smallest_change: self.change(verdict.cause, request, rule),
        }
    }

    fn why(&self, cause: Cause, request: &Request<'_>) -> String {
        let text = match cause {
            Cause::Granted => "",
            Cause::NoRule => return format!("no {} speaks of it", section(request)),
            Cause::Excepted => "`except` takes the topic out",
            Cause::Size => "the payload is too large",
            Cause::Protection => "another protection is granted",
            Cause::Retain => "retaining is not granted",
            Cause::Timeout => "the time-out is over `max-timeout`",
            Cause::Reply => "answering requests is not granted",
            Cause::Sender => return format!("{} is not in `from`", sender_of(request)),
            Cause::Operation => "it is not in `allow`",
            Cause::ChildOperation => "it is not in the `allow` of `child`",
            Cause::Algorithm => "the algorithm is not in `algorithm`",
            Cause::ChildAlgorithm => "the algorithm is not in the `algorithm` of `child`",
            Cause::ChildUsage => "the usage goes past the `allow` of `child`",
            Cause::Persistent => "persistent keys are not granted",
            Cause::Level => "the level is below the granted one",
            Cause::Service => "the service is not in `services`",
            Cause::ChangePseudonym => "`change-pseudonym` is not granted",
        };
        text.to_owned()
    }

    fn change(&self, cause: Cause, request: &Request<'_>, rule: Option<&Rule>) -> Option<String> {
        let Some(rule) = rule else {
            let grant = new_grant(request)?;
            return Some(format!("to allow it, add to {}:\n{grant}", self.file_name()));
        };
        let edit = edit(cause, request)?;
        let place = format!("{}:{}", self.file_name(), rule.line());
        Some(format!("to allow it, in the {} of {place}: {edit}", rule.grant().section()))
    }
}

/// The section that could grant a request.
fn section(request: &Request<'_>) -> &'static str {
    match request {
        Request::Publish { .. } => "[[publish]]",
        Request::Ask { .. } | Request::DeliverAnswer { .. } => "[[request]]",
        Request::Reply { .. } | Request::Subscribe { .. } | Request::Unsubscribe { .. } | Request::Deliver { .. } => {
            "[[subscribe]]"
        }
        Request::Generate { .. } | Request::Key { .. } | Request::Child { .. } | Request::Aliases => "[keys] entry",
        Request::Stateless(_) => "[stateless]",
        Request::Log { .. } => "[logging]",
        Request::Clock => "[clocks]",
        Request::Services | Request::Service { .. } | Request::ChangePseudonym => "[authorization]",
    }
}

/// The grant to write where there is none. `None` for what cannot be granted.
fn new_grant(request: &Request<'_>) -> Option<String> {
    let subject = quoted(request.subject());
    let lines = match request {
        Request::Publish { topic, .. } | Request::Ask { topic, .. } | Request::DeliverAnswer { topic }
            if topic.is_reserved() =>
        {
            return None;
        }
        Request::Publish { retain, .. } => {
            let retain = if *retain { "\nretain = true" } else { "" };
            format!("[[publish]]\ntopic = {subject}{retain}")
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
fn edit(cause: Cause, request: &Request<'_>) -> Option<String> {
    let text = match (cause, request) {
        (Cause::Retain, _) => "`retain = true`".to_owned(),
        (Cause::Reply, _) => "`reply = true`".to_owned(),
        (Cause::ChangePseudonym, _) => "`change-pseudonym = true`".to_owned(),
        (Cause::Persistent, _) => "remove `persistent = false`".to_owned(),
        (Cause::Excepted, _) => "narrow `except`".to_owned(),
        (Cause::Size, Request::Publish { size_bytes, .. } | Request::Ask { size_bytes, .. }) => {
            return within_payload(*size_bytes).map(|size| format!("`max-size = \"{size} B\"`"));
        }
        (Cause::Size, Request::Reply { size_bytes, .. }) => {
            return within_payload(*size_bytes).map(|size| format!("`max-reply-size = \"{size} B\"`"));
        }
        (Cause::Timeout, Request::Ask { timeout_ms, .. }) => {
            let possible = *timeout_ms <= crate::rule::REQUEST_TIMEOUT_MS_MAX;
            return possible.then(|| format!("`max-timeout = \"{timeout_ms} ms\"`"));
        }
        (Cause::Sender, Request::Deliver { sender, .. }) => {
            format!("add {} to `from`", quoted(&pattern_for(*sender)?))
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
fn pattern_for(sender: Sender<'_>) -> Option<String> {
    match sender {
        Sender::Ae(name) => Some(format!("ae:{name}")),
        Sender::System => Some("system".to_owned()),
        Sender::Node(rights) => rights.first().map(|right| format!("service:{right}")),
        Sender::Device => None,
    }
}

fn sender_of(request: &Request<'_>) -> String {
    match request {
        Request::Deliver { sender, .. } => {
            pattern_for(*sender).map_or("the sender".to_owned(), |sender| format!("`{}`", sender.escape_debug()))
        }
        _ => "the sender".to_owned(),
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
