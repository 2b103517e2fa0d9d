//! What the sections of a capability file can grant.

use std::fmt;

use crate::request::Sender;
use crate::topic::{Topic, TopicFilter};
use crate::vocabulary::{Algorithms, KeyOperations, Protection, Protections};

/// The largest payload of a message, and the `max-size` of a grant that names none.
pub const PAYLOAD_BYTES_MAX: u32 = 64 * 1024;
/// The `max-timeout` of a request grant that names none.
pub const REQUEST_TIMEOUT_MS_DEFAULT: u32 = 10_000;
/// The most that `max-timeout` may be: an hour.
pub const REQUEST_TIMEOUT_MS_MAX: u32 = 3_600_000;
/// The most that `max-keys` may be.
pub const KEYS_MAX: usize = 65_536;
/// The most filters in one `except`, and entries in one `from`: they are looked through one by one.
pub const LIST_ENTRIES_MAX: usize = 32;

/// `[keys.ALIAS]`: what may be done with the keys whose alias the pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// An alias, or a prefix with a `*` behind it.
    pub pattern: AliasPattern,
    /// What such a key may be.
    pub algorithms: Algorithms,
    /// Whether one may be made.
    pub generate: bool,
    /// What may be done with it; `open` and `attributes` are always among these.
    pub operations: KeyOperations,
    /// How many such keys may exist.
    pub max_keys: usize,
    /// Whether one may outlive the instance.
    pub persistent: bool,
    /// What `agree` and `derive` may make of it; there whenever one of the two is granted.
    pub child: Option<ChildGrant>,
}

impl KeyGrant {
    /// Whether this entry speaks of the alias. Another entry may be more specific.
    pub fn covers_alias(&self, alias: &str) -> bool {
        self.pattern.fits(alias)
    }
}

/// What a child key may be and do. Children of the child are under the same grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildGrant {
    /// What it may be.
    pub algorithms: Algorithms,
    /// What may be done with it; `attributes` is always among these. It has no alias, so it is never opened.
    pub operations: KeyOperations,
}

/// `meter-id`, `session-*` or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AliasPattern {
    /// This alias alone.
    Exact(Box<str>),
    /// Every alias that begins with this.
    Prefix(Box<str>),
}

impl AliasPattern {
    /// Whether the alias is meant.
    pub fn fits(&self, alias: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *alias,
            Self::Prefix(prefix) => alias.starts_with(&**prefix),
        }
    }
}

impl fmt::Display for AliasPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(alias) => f.write_str(alias),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// A filter and what is taken out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicScope {
    /// What is granted.
    pub filter: TopicFilter,
    /// What is not, each within `filter`; at most [`LIST_ENTRIES_MAX`].
    pub except: Box<[TopicFilter]>,
}

impl TopicScope {
    /// Whether an exception matches the topic.
    pub fn excepts(&self, topic: &Topic) -> bool {
        self.except.iter().any(|filter| filter.matches(topic))
    }
}

/// `[[publish]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishGrant {
    /// Where to.
    pub scope: TopicScope,
    /// The largest payload.
    pub max_bytes: u32,
    /// Whether a value may stay for later subscribers; only what is `local` can.
    pub retain: bool,
    /// How the message may be protected: one in an AE's file, one or several in a ceiling.
    pub protection: Protections,
    /// The right, as `service/operation`, under which a message leaves the node. In an AE's file it is there exactly when
    /// `protection` is not `local`; a ceiling without one lets every service through.
    pub service: Option<Box<str>>,
}

/// `[[request]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestGrant {
    /// Who is asked.
    pub scope: TopicScope,
    /// The largest payload.
    pub max_bytes: u32,
    /// The longest wait for an answer.
    pub max_timeout_ms: u32,
}

/// `[[subscribe]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeGrant {
    /// What is listened to.
    pub scope: TopicScope,
    /// From whom; never empty, at most [`LIST_ENTRIES_MAX`].
    pub from: Box<[SenderPattern]>,
    /// How a message must be protected; without the key, all that the senders in `from` have ([`SenderPattern::has`]).
    pub protection: Protections,
    /// Whether requests may be answered.
    pub reply: bool,
    /// The largest answer.
    pub max_reply_bytes: u32,
    /// What happens when the mailbox is full.
    pub when_full: WhenFull,
}

impl SubscribeGrant {
    /// Whether a message of this sender with this protection is accepted by an entry of `from`.
    pub fn accepts(&self, sender: Sender<'_>, protection: Protection) -> bool {
        self.protection.contains(protection)
            && self.from.iter().any(|pattern| pattern.has(protection) && pattern.accepts(sender))
    }
}

/// An entry of `from`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SenderPattern {
    /// `ae:NAME`, an AE of this node.
    Ae(Box<str>),
    /// `ae:*`, any AE of this node.
    AnyAe,
    /// `system`, the node itself.
    System,
    /// `service:SERVICE/OPERATION`, another node with this right in its certificate.
    Service(Box<str>),
}

impl SenderPattern {
    /// Whether a message of this sender is accepted.
    pub fn accepts(&self, sender: Sender<'_>) -> bool {
        match (self, sender) {
            (Self::Ae(name), Sender::Ae(sender)) => **name == *sender,
            (Self::AnyAe, Sender::Ae(_)) | (Self::System, Sender::System) => true,
            (Self::Service(service), Sender::Node(rights)) => rights.iter().any(|right| **right == **service),
            _ => false,
        }
    }

    /// Whether messages of such senders can be so protected. Between AEs of one node everything is `local`, what an AE
    /// also sends to others included; what comes from another node never is.
    pub fn has(&self, protection: Protection) -> bool {
        match self {
            Self::Ae(_) | Self::AnyAe | Self::System => protection == Protection::Local,
            Self::Service(_) => matches!(protection, Protection::Signed | Protection::Confidential),
        }
    }
}

impl fmt::Display for SenderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ae(name) => write!(f, "ae:{name}"),
            Self::AnyAe => f.write_str("ae:*"),
            Self::System => f.write_str("system"),
            Self::Service(service) => write!(f, "service:{service}"),
        }
    }
}

/// What becomes of a message to a full mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The sender is told `exhausted`, and nobody gets it.
    BackPressure,
    /// The oldest waiting message makes room.
    DropOldest,
}

/// `[authorization]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationGrant {
    /// Services that may be asked for, sorted.
    pub services: Box<[Box<str>]>,
    /// Whether a change of pseudonym may be suggested.
    pub change_pseudonym: bool,
}
