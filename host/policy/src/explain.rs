//! Decisions in words, for policy authors.

mod suggestion;

use std::fmt;

use serde::Serialize;

use crate::decision::{Cause, Effect, RuleId};
use crate::policy::Policy;
use crate::request::Request;
use crate::rule::Rule;
use crate::vocabulary::Protection;
use suggestion::{edit, new_grant, pattern_for};

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
            Effect::Deny => format!("denied: {}", why(verdict.cause, request, rule)),
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

    fn change(&self, cause: Cause, request: &Request<'_>, rule: Option<&Rule>) -> Option<String> {
        let Some(rule) = rule else {
            let grant = new_grant(request)?;
            return Some(format!("to allow it, add to {}:\n{grant}", self.file_name()));
        };
        let is_new = cause == Cause::Protection && !self.is_ceiling();
        if is_new {
            let grant = new_grant(request)?;
            return Some(format!("to allow it as well, add to {}:\n{grant}", self.file_name()));
        }
        let edit = edit(cause, request, rule, self.is_ceiling())?;
        let place = format!("{}:{}", self.file_name(), rule.line());
        Some(format!("to allow it, in the {} of {place}: {edit}", rule.grant().section()))
    }
}

fn why(cause: Cause, request: &Request<'_>, rule: Option<&Rule>) -> String {
    let text = match cause {
        Cause::Granted => "",
        Cause::NoRule => return format!("no {} speaks of it", section(request)),
        Cause::Excepted => "`except` takes the topic out",
        Cause::Size => "the payload is too large",
        Cause::Protection => "another protection is granted",
        Cause::OtherService => return format!("it is not under {}", granted_service(rule)),
        Cause::Retain if leaves(request) => "what leaves the node is not kept",
        Cause::Retain => "retaining is not granted",
        Cause::Timeout => "the time-out is over `max-timeout`",
        Cause::Reply => "answering requests is not granted",
        Cause::Sender => return format!("{} is not in `from`", sender_of(request)),
        Cause::SenderProtection => return format!("{} is accepted with another protection", sender_of(request)),
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

/// The section that could grant a request.
fn section(request: &Request<'_>) -> &'static str {
    match request {
        Request::Publish { .. } | Request::SendToPeer { .. } => "[[publish]]",
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

fn sender_of(request: &Request<'_>) -> String {
    match request {
        Request::Deliver { sender, .. } => {
            pattern_for(*sender).map_or("the sender".to_owned(), |sender| format!("`{}`", sender.escape_debug()))
        }
        _ => "the sender".to_owned(),
    }
}

fn leaves(request: &Request<'_>) -> bool {
    matches!(request, Request::Publish { protection, .. } if *protection != Protection::Local)
}

fn granted_service(rule: Option<&Rule>) -> String {
    match rule.and_then(Rule::publish).and_then(|grant| grant.service.as_deref()) {
        Some(service) => format!("the service `{service}`"),
        None => "a service".to_owned(),
    }
}
