//! Every operation that can be permitted, as a type of its own: a [`Permit`](super::Permit) for one is no permit for another.

use std::marker::PhantomData;

use m2m_policy::topic::{Topic, TopicFilter};
use m2m_policy::{Algorithm, KeyOperation, LogLevel, Protection, Request, StatelessOperation, Usage};

use crate::transport::message::{Sender, SharedTopic};

/// Something that an AE wants to do, or that is to be done to it.
pub trait Operation {
    /// The question that the policy answers.
    fn request(&self) -> Request<'_>;
}

/// An operation that stands in the audit as a number, with the others of its second and rule.
pub trait Counted: Operation {}

/// An operation with a line of its own in the audit, durable before the effect: what makes, changes or ends a key.
pub trait Listed: Operation {}

/// `messaging.publish`.
#[derive(Debug)]
pub struct Publish<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) size_bytes: usize,
    pub(crate) protection: Protection,
    pub(crate) retain: bool,
}

impl Operation for Publish<'_> {
    fn request(&self) -> Request<'_> {
        Request::Publish {
            topic: self.topic,
            size_bytes: self.size_bytes,
            protection: self.protection,
            service: None,
            retain: self.retain,
        }
    }
}

/// `messaging.send`: confidential to one peer.
#[derive(Debug)]
pub struct SendToPeer<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) size_bytes: usize,
}

impl Operation for SendToPeer<'_> {
    fn request(&self) -> Request<'_> {
        Request::SendToPeer { topic: self.topic, size_bytes: self.size_bytes, service: None }
    }
}

/// `messaging.request`.
#[derive(Debug)]
pub struct Ask<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) size_bytes: usize,
    pub(crate) timeout_ms: u32,
}

impl Operation for Ask<'_> {
    fn request(&self) -> Request<'_> {
        Request::Ask { topic: self.topic, size_bytes: self.size_bytes, timeout_ms: self.timeout_ms }
    }
}

/// `messages.reply`.
#[derive(Debug)]
pub struct Reply<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) size_bytes: usize,
}

impl Operation for Reply<'_> {
    fn request(&self) -> Request<'_> {
        Request::Reply { topic: self.topic, size_bytes: self.size_bytes }
    }
}

/// `messaging.subscribe`.
#[derive(Debug)]
pub struct Subscribe {
    pub(crate) filter: TopicFilter,
}

impl Operation for Subscribe {
    fn request(&self) -> Request<'_> {
        Request::Subscribe { filter: &self.filter }
    }
}

/// `messaging.unsubscribe`.
#[derive(Debug)]
pub struct Unsubscribe {
    pub(crate) filter: TopicFilter,
}

impl Operation for Unsubscribe {
    fn request(&self) -> Request<'_> {
        Request::Unsubscribe { filter: &self.filter }
    }
}

/// `messaging.deliver`: what leaves the mailbox, answers excepted.
#[derive(Debug)]
pub struct Deliver<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) sender: &'a Sender,
    pub(crate) protection: Protection,
}

impl Operation for Deliver<'_> {
    fn request(&self) -> Request<'_> {
        let sender = match self.sender {
            Sender::Ae(name) => m2m_policy::Sender::Ae(name),
            Sender::Node(rights) => m2m_policy::Sender::Node(rights),
            Sender::System => m2m_policy::Sender::System,
        };
        Request::Deliver { topic: self.topic, sender, protection: self.protection }
    }
}

/// `messaging.deliver` of what ends a request of the AE itself.
#[derive(Debug)]
pub struct DeliverAnswer {
    pub(crate) topic: SharedTopic,
}

impl Operation for DeliverAnswer {
    fn request(&self) -> Request<'_> {
        Request::DeliverAnswer { topic: self.topic.topic() }
    }
}

/// `keys.generate`.
#[derive(Debug)]
pub struct Generate<'a> {
    pub(crate) alias: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) persistent: bool,
}

impl Operation for Generate<'_> {
    fn request(&self) -> Request<'_> {
        Request::Generate { alias: self.alias, algorithm: self.algorithm, persistent: self.persistent }
    }
}

/// `keys.aliases`.
#[derive(Debug)]
pub struct Aliases;

impl Operation for Aliases {
    fn request(&self) -> Request<'_> {
        Request::Aliases
    }
}

/// Which key a handle stands for, as the policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    /// The alias; of an agreed or derived key, that of the key it comes from in the end.
    pub(crate) alias: std::sync::Arc<str>,
    /// Agreed or derived.
    pub(crate) child: bool,
}

/// A method of the `key` resource, or `keys.open`.
#[derive(Debug)]
pub struct Use<'a, V> {
    key: &'a KeyName,
    verb: PhantomData<V>,
}

impl<'a, V: Verb> Use<'a, V> {
    pub(crate) fn of(key: &'a KeyName) -> Self {
        Self { key, verb: PhantomData }
    }

    pub(crate) fn key(&self) -> &'a KeyName {
        self.key
    }
}

impl<V: Verb> Operation for Use<'_, V> {
    fn request(&self) -> Request<'_> {
        Request::Key { alias: &self.key.alias, child: self.key.child, operation: V::OPERATION }
    }
}

/// `keys.agree` or `keys.derive`: what comes out is a key, within what the capability file lets children be.
#[derive(Debug)]
pub struct MakeChild<'a, V> {
    key: &'a KeyName,
    algorithm: Algorithm,
    usage: Usage,
    verb: PhantomData<V>,
}

impl<'a, V: Verb> MakeChild<'a, V> {
    pub(crate) fn of(key: &'a KeyName, algorithm: Algorithm, usage: Usage) -> Self {
        Self { key, algorithm, usage, verb: PhantomData }
    }
}

impl<V: Verb> Operation for MakeChild<'_, V> {
    fn request(&self) -> Request<'_> {
        Request::Child {
            alias: &self.key.alias,
            child: self.key.child,
            operation: V::OPERATION,
            algorithm: self.algorithm,
            usage: self.usage,
        }
    }
}

/// What can be done with a key.
pub trait Verb {
    /// The policy's word for it.
    const OPERATION: KeyOperation;
}

/// The verbs of the `key` resource, a type each.
pub mod verb {
    use super::{Counted, KeyOperation, Listed, Use, Verb};

    macro_rules! verbs {
        ($($record:ident: $($name:ident),+;)+) => {$($(
            #[doc = concat!("`", stringify!($name), "`.")]
            #[derive(Debug)]
            pub enum $name {}
            impl Verb for $name {
                const OPERATION: KeyOperation = KeyOperation::$name;
            }
            impl $record for Use<'_, $name> {}
        )+)+};
    }

    verbs! {
        Counted: Open, Attributes, PublicKey, Sign, Encrypt, Decrypt, Unseal, Agree, Derive, Mac, VerifyMac, Attest;
        Listed: Rotate, Destroy;
    }
}

/// A question of `keys` that involves no stored key: `verify`, `seal` or `random`.
#[derive(Debug)]
pub struct Stateless<W> {
    which: PhantomData<W>,
}

impl<W: StatelessVerb> Stateless<W> {
    pub(crate) fn new() -> Self {
        Self { which: PhantomData }
    }
}

impl<W: StatelessVerb> Operation for Stateless<W> {
    fn request(&self) -> Request<'_> {
        Request::Stateless(W::OPERATION)
    }
}

/// What can be asked of the Secure Environment without a key.
pub trait StatelessVerb {
    /// The policy's word for it.
    const OPERATION: StatelessOperation;
}

/// `keys.verify`.
#[derive(Debug)]
pub enum Verify {}
/// `keys.seal`.
#[derive(Debug)]
pub enum Seal {}
/// `keys.random`.
#[derive(Debug)]
pub enum Random {}

impl StatelessVerb for Verify {
    const OPERATION: StatelessOperation = StatelessOperation::Verify;
}
impl StatelessVerb for Seal {
    const OPERATION: StatelessOperation = StatelessOperation::Seal;
}
impl StatelessVerb for Random {
    const OPERATION: StatelessOperation = StatelessOperation::Random;
}

/// `logging.log`.
#[derive(Debug)]
pub struct Log {
    pub(crate) level: LogLevel,
}

impl Operation for Log {
    fn request(&self) -> Request<'_> {
        Request::Log { level: self.level }
    }
}

/// `clocks.now`.
#[derive(Debug)]
pub struct ReadClock;

impl Operation for ReadClock {
    fn request(&self) -> Request<'_> {
        Request::Clock
    }
}

/// `authorization.services`.
#[derive(Debug)]
pub struct ListServices;

impl Operation for ListServices {
    fn request(&self) -> Request<'_> {
        Request::Services
    }
}

/// `authorization.request`.
#[derive(Debug)]
pub struct RequestService<'a> {
    pub(crate) service: &'a str,
}

impl Operation for RequestService<'_> {
    fn request(&self) -> Request<'_> {
        Request::Service { name: self.service }
    }
}

/// `authorization.change-pseudonym`.
#[derive(Debug)]
pub struct ChangePseudonym;

impl Operation for ChangePseudonym {
    fn request(&self) -> Request<'_> {
        Request::ChangePseudonym
    }
}

impl Counted for Publish<'_> {}
impl Counted for SendToPeer<'_> {}
impl Counted for Ask<'_> {}
impl Counted for Reply<'_> {}
impl Counted for Subscribe {}
impl Counted for Unsubscribe {}
impl Counted for Deliver<'_> {}
impl Counted for DeliverAnswer {}
impl Counted for Aliases {}
impl Counted for MakeChild<'_, verb::Agree> {}
impl Counted for MakeChild<'_, verb::Derive> {}
impl<W: StatelessVerb> Counted for Stateless<W> {}
impl Counted for Log {}
impl Counted for ReadClock {}
impl Counted for ListServices {}
impl Listed for Generate<'_> {}
impl Listed for RequestService<'_> {}
impl Listed for ChangePseudonym {}
