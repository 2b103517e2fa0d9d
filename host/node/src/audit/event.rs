//! What an audit line can say.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The longest text that an audit line takes over from a guest, in bytes.
pub const ALLEGATION_BYTES_MAX: usize = 256;

/// How a mediated call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A rule allows it.
    Allow,
    /// No rule allows it, or one forbids it.
    Deny,
    /// Allowed but for the size of an argument.
    TooLarge,
    /// Allowed, but a rate, quota or mailbox is used up.
    Exhausted,
    /// Not carried out because its audit line could not be appended.
    Unavailable,
}

impl Effect {
    /// The name in the file: `allow`, `deny`, `too-large`, `exhausted`, `unavailable`.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
            Effect::TooLarge => "too-large",
            Effect::Exhausted => "exhausted",
            Effect::Unavailable => "unavailable",
        }
    }
}

/// One step in the life of an AE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum AeEvent {
    /// Its instance runs.
    Started {
        /// Digest of the component's bytes, as `sha256:…`.
        component: String,
        /// Digest of the capability file in force, as `sha256:…`.
        policy: String,
    },
    /// It came to a clean end.
    Stopped,
    /// The instance broke its contract and was dropped.
    Fault {
        /// Which limit or rule of the contract: `trap`, `cpu`, `memory`, `handle`, …
        fault: String,
        /// What the engine or the guest said.
        text: String,
    },
    /// A new instance runs after a fault.
    Restarted {
        /// Counts restarts inside the budget, from 1.
        attempt: u32,
    },
    /// The restart budget is used up.
    Failed {
        /// Why it is not tried again.
        text: String,
    },
    /// It was not started at all.
    Refused {
        /// Why: a capability file that does not load, a digest that differs, an import that is not granted.
        text: String,
    },
}

/// One step in the life of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum NodeEvent {
    /// The node's process runs.
    Started {
        /// Version of the binary.
        version: String,
    },
    /// A clean end.
    Stopped,
    /// A step of enrolment, authorization or pseudonyms, written before it was done. It names no credential and no pseudonym.
    Provisioning {
        /// Which: `enrolled`, `pseudonym-change`.
        step: String,
        /// In words.
        text: String,
    },
    /// Messages of other nodes that were not believed, since the line before of this cause.
    MessagesRefused {
        /// Why: `replay`, `not-authentic`.
        cause: String,
        /// How many.
        count: u64,
    },
    /// The audit writes this and those below. Lines can no longer be made durable; from here on listed calls were refused.
    Degraded {
        /// What failed.
        why: String,
    },
    /// Lines are durable again.
    Recovered {
        /// Lines that were not taken meanwhile; the calls among them are in the counts that follow.
        lost: u64,
    },
    /// Lines came in faster than they could be written.
    Lost {
        /// How many were not taken.
        lines: u64,
    },
    /// At open, an incomplete last line was removed: the end of a process that was killed while writing.
    Torn {
        /// Its length.
        bytes: u64,
    },
}

/// The content of a line, told apart by `kind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// One call, listed before its effect.
    Call {
        /// Name of the AE.
        ae: String,
        /// The right, as a capability file names it: `keys.generate`.
        operation: Cow<'static, str>,
        /// Topic, alias or service that was asked for; an allegation.
        subject: String,
        /// How it was answered.
        effect: Effect,
        /// `file:line` that decided; absent when no rule allows the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The reason that the rule gives, or what was wrong with the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Calls counted since the AE's line before: allowed ones that are not listed, and refused ones beyond the rate.
    Calls {
        /// Name of the AE.
        ae: String,
        /// The right.
        operation: Cow<'static, str>,
        /// How they were answered.
        effect: Effect,
        /// `file:line` that decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// How many.
        count: u64,
    },
    /// A step in the life of an AE.
    Ae {
        /// Name of the AE.
        ae: String,
        /// The step.
        #[serde(flatten)]
        event: AeEvent,
    },
    /// A step in the life of the node.
    Node {
        /// The step.
        #[serde(flatten)]
        event: NodeEvent,
    },
    /// A signature over the line before this one, and thereby over all lines before it.
    Checkpoint {
        /// Ed25519, 64 bytes in lower-case hexadecimal digits.
        signature: String,
    },
    /// The first line of a chain that replaces a broken one.
    Break {
        /// The name under which the broken file was kept; absent when there was none left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// `sha256:…` of that file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// What was wrong with it.
        found: String,
        /// Why the integrator started anew.
        reason: String,
    },
}

impl Event {
    /// The AE that this is about, if it is about one.
    pub fn ae(&self) -> Option<&str> {
        match self {
            Event::Call { ae, .. } | Event::Calls { ae, .. } | Event::Ae { ae, .. } => Some(ae),
            Event::Node { .. } | Event::Checkpoint { .. } | Event::Break { .. } => None,
        }
    }

    /// How the calls were answered, where it is about calls.
    pub fn effect(&self) -> Option<Effect> {
        match self {
            Event::Call { effect, .. } | Event::Calls { effect, .. } => Some(*effect),
            _ => None,
        }
    }
}

impl AeEvent {
    /// The same with every text cut to [`ALLEGATION_BYTES_MAX`]: fault texts come from guests.
    pub(super) fn bounded(self) -> AeEvent {
        match self {
            AeEvent::Started { component, policy } => {
                AeEvent::Started { component: bounded(&component), policy: bounded(&policy) }
            }
            AeEvent::Fault { fault, text } => AeEvent::Fault { fault: bounded(&fault), text: bounded(&text) },
            AeEvent::Failed { text } => AeEvent::Failed { text: bounded(&text) },
            AeEvent::Refused { text } => AeEvent::Refused { text: bounded(&text) },
            unbound @ (AeEvent::Stopped | AeEvent::Restarted { .. }) => unbound,
        }
    }
}

/// `text`, or its first [`ALLEGATION_BYTES_MAX`] bytes with a mark that says how long it was.
pub(super) fn bounded(text: &str) -> String {
    if text.len() <= ALLEGATION_BYTES_MAX {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(ALLEGATION_BYTES_MAX)).unwrap_or_default();
    format!("{kept}… (cut, {} bytes)", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_long_is_cut_and_marked() {
        let fits = "a".repeat(ALLEGATION_BYTES_MAX);
        assert_eq!(bounded(&fits), fits);
        let long = "ä".repeat(ALLEGATION_BYTES_MAX);
        let cut = bounded(&long);
        assert!(cut.ends_with("ä… (cut, 512 bytes)"), "{cut}");
        assert!(cut.len() < ALLEGATION_BYTES_MAX + 32);
    }
}
