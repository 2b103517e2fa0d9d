//! What is asked of a policy: one value for each call an AE can make, and for each message it would get.

use crate::rule::Rule;
use crate::topic::{Topic, TopicFilter};
use crate::vocabulary::{Algorithm, KeyOperation, LogLevel, Protection, StatelessOperation, Usage};

/// A call, reduced to what a policy decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// `messaging.publish`
    Publish {
        /// Where to.
        topic: &'a Topic,
        /// Of the payload.
        size_bytes: usize,
        /// How it is to be protected.
        protection: Protection,
        /// For a ceiling: the service that the AE's own file lets it leave under. See [`Self::under`].
        service: Option<&'a str>,
        /// Whether it is to stay as the topic's last value.
        retain: bool,
    },
    /// `messages.peer.send`: confidential to one peer. Needs a publish grant with that protection.
    SendToPeer {
        /// Where to.
        topic: &'a Topic,
        /// Of the payload.
        size_bytes: usize,
        /// As in [`Self::Publish`].
        service: Option<&'a str>,
    },
    /// `messaging.request`
    Ask {
        /// Who is asked.
        topic: &'a Topic,
        /// Of the payload.
        size_bytes: usize,
        /// How long the AE would wait.
        timeout_ms: u32,
    },
    /// `messages.reply.send`
    Reply {
        /// The topic of the request that is answered.
        topic: &'a Topic,
        /// Of the payload.
        size_bytes: usize,
    },
    /// `messaging.subscribe`
    Subscribe {
        /// What the AE would listen to.
        filter: &'a TopicFilter,
    },
    /// `messaging.unsubscribe`
    Unsubscribe {
        /// What the AE listens to.
        filter: &'a TopicFilter,
    },
    /// A message is about to be handed to the AE.
    Deliver {
        /// The message's topic.
        topic: &'a Topic,
        /// Who sent it.
        sender: Sender<'a>,
        /// How it was protected on its way: `local` whenever an AE of this node or the node itself sent it.
        protection: Protection,
    },
    /// The end of an earlier `messaging.request` is about to be handed to the AE.
    DeliverAnswer {
        /// The topic that was asked.
        topic: &'a Topic,
    },
    /// `keys.generate`
    Generate {
        /// The new key's alias, as the AE gave it.
        alias: &'a str,
        /// What it is to be.
        algorithm: Algorithm,
        /// Whether it is to outlive the instance.
        persistent: bool,
    },
    /// `keys.open`, or a function of a key handle.
    Key {
        /// The key's alias; for a child, the alias of the key it comes from.
        alias: &'a str,
        /// Whether `agree` or `derive` made this key.
        child: bool,
        /// The function.
        operation: KeyOperation,
    },
    /// `keys.agree` or `keys.derive`, with the template of the child.
    Child {
        /// The alias of the key that the child comes from.
        alias: &'a str,
        /// Whether that key is itself a child; the alias is then that of the first parent.
        child: bool,
        /// `agree` or `derive`; any other is denied.
        operation: KeyOperation,
        /// What the child is to be.
        algorithm: Algorithm,
        /// What it is to be used for.
        usage: Usage,
    },
    /// `keys.aliases`. What is listed is for the node to narrow, with [`Policy::key_rights`](crate::Policy::key_rights).
    Aliases,
    /// `keys.verify`, `keys.seal` or `keys.random`
    Stateless(StatelessOperation),
    /// `logging.log`
    Log {
        /// The line's level.
        level: LogLevel,
    },
    /// A clock is read.
    Clock,
    /// `authorization.services`. What is listed is for the node to narrow, with [`Request::Service`].
    Services,
    /// `authorization.request`
    Service {
        /// `service/operation`, as the AE gave it.
        name: &'a str,
    },
    /// `authorization.change-pseudonym`
    ChangePseudonym,
}

/// Who a message comes from, as the node knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender<'a> {
    /// An AE of this node, by name.
    Ae(&'a str),
    /// Another node: the rights of its certificate, each `service/operation`.
    Node(&'a [String]),
    /// A plain device. No capability file can accept one yet.
    Device,
    /// This node.
    System,
}

impl<'a> Request<'a> {
    /// The same request as it is put to a ceiling: with the service of `granted`, the rule that allowed it in the AE's
    /// file. A ceiling that names a service denies what comes without one.
    #[must_use]
    pub fn under(mut self, granted: &'a Rule) -> Self {
        if let Self::Publish { service, .. } | Self::SendToPeer { service, .. } = &mut self {
            *service = granted.publish().and_then(|grant| grant.service.as_deref());
        }
        self
    }

    /// The right in question, as denials and capability files name it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "messaging.publish",
            Self::SendToPeer { .. } => "messaging.send",
            Self::Ask { .. } => "messaging.request",
            Self::Reply { .. } => "messages.reply",
            Self::Subscribe { .. } => "messaging.subscribe",
            Self::Unsubscribe { .. } => "messaging.unsubscribe",
            Self::Deliver { .. } => "messaging.deliver",
            Self::DeliverAnswer { .. } => "messaging.deliver-answer",
            Self::Generate { .. } => "keys.generate",
            Self::Key { operation, .. } | Self::Child { operation, .. } => key_operation(*operation),
            Self::Aliases => "keys.aliases",
            Self::Stateless(StatelessOperation::Verify) => "keys.verify",
            Self::Stateless(StatelessOperation::Seal) => "keys.seal",
            Self::Stateless(StatelessOperation::Random) => "keys.random",
            Self::Log { .. } => "logging.log",
            Self::Clock => "clocks.now",
            Self::Services => "authorization.services",
            Self::Service { .. } => "authorization.request",
            Self::ChangePseudonym => "authorization.change-pseudonym",
        }
    }

    /// The topic, filter, alias, level or service that is asked for; empty where a call names nothing.
    pub fn subject(&self) -> &str {
        match self {
            Self::Publish { topic, .. }
            | Self::SendToPeer { topic, .. }
            | Self::Ask { topic, .. }
            | Self::Reply { topic, .. }
            | Self::Deliver { topic, .. }
            | Self::DeliverAnswer { topic } => topic.as_str(),
            Self::Subscribe { filter } | Self::Unsubscribe { filter } => filter.as_str(),
            Self::Generate { alias, .. } | Self::Key { alias, .. } | Self::Child { alias, .. } => alias,
            Self::Log { level } => level.as_str(),
            Self::Service { name } => name,
            Self::Aliases | Self::Stateless(_) | Self::Clock | Self::Services | Self::ChangePseudonym => "",
        }
    }
}

fn key_operation(operation: KeyOperation) -> &'static str {
    match operation {
        KeyOperation::Open => "keys.open",
        KeyOperation::Attributes => "keys.attributes",
        KeyOperation::PublicKey => "keys.public-key",
        KeyOperation::Sign => "keys.sign",
        KeyOperation::Encrypt => "keys.encrypt",
        KeyOperation::Decrypt => "keys.decrypt",
        KeyOperation::Unseal => "keys.unseal",
        KeyOperation::Agree => "keys.agree",
        KeyOperation::Derive => "keys.derive",
        KeyOperation::Mac => "keys.mac",
        KeyOperation::VerifyMac => "keys.verify-mac",
        KeyOperation::Rotate => "keys.rotate",
        KeyOperation::Destroy => "keys.destroy",
        KeyOperation::Attest => "keys.attest",
    }
}
