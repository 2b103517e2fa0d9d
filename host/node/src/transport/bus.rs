//! The node's own bus: MQTT topics between AEs, in memory.
//!
//! INVARIANT (all or none): a message is in the mailbox of every receiver, or its sender is told and nobody has it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use m2m_policy::WhenFull;
use m2m_policy::topic::{FilterTree, Topic, TopicFilter};

use super::mailbox::{Mailbox, Slot};
use super::message::{AeName, Envelope, Payload, Peer, Protection, Sender, SharedTopic};
use super::requests::OpenRequest;
use super::retained::{Retained, Value};

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// A receiver's mailbox is full.
    #[error("the mailbox of a receiver is full")]
    MailboxFull,
    /// The sender keeps as many retained values as it may.
    #[error("too many retained values")]
    RetainedFull,
    /// No AE answers requests on this topic.
    #[error("nobody answers requests on this topic")]
    NobodyServes,
    /// The asker has no room for the answer.
    #[error("no room for the answer")]
    NoRoomForAnswer,
}

/// Who gets what, and the last values.
#[derive(Debug, Default)]
pub struct Bus {
    routes: RwLock<Routes>,
    /// Locked before `routes` wherever both are needed, so that no retained value falls between keeping and subscribing.
    retained: Mutex<Retained>,
}

#[derive(Debug, Default)]
struct Routes {
    by_filter: FilterTree<Route>,
    /// Filters, and which instance asked for each.
    by_receiver: HashMap<AeName, BTreeMap<String, u64>>,
}

/// How many subscriptions one AE may have at a time.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 256;

/// The AE has [`SUBSCRIPTIONS_MAX`] subscriptions already.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {SUBSCRIPTIONS_MAX} subscriptions at a time: end one first")]
pub struct TooManySubscriptions;

/// One subscription.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) receiver: AeName,
    /// Which instance of the receiver asked for it.
    pub(crate) instance: u64,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) accepts: Accepts,
    pub(crate) may_reply: bool,
    pub(crate) when_full: WhenFull,
}

/// Whether the receiver's policy takes what a sender says on a topic. Asked before there is anything in its mailbox, so that
/// whom it does not listen to cannot fill it; decided again when the message leaves it.
#[derive(Clone)]
pub(crate) struct Accepts(Arc<AcceptsFn>);

type AcceptsFn = dyn Fn(&Topic, &Sender, Protection) -> bool + Send + Sync;

impl Accepts {
    pub(crate) fn new(policy: impl Fn(&Topic, &Sender, Protection) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(policy))
    }

    fn ask(&self, topic: &Topic, sender: &Sender, protection: Protection) -> bool {
        (self.0)(topic, sender, protection)
    }
}

impl std::fmt::Debug for Accepts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accepts")
    }
}

/// A request on its way, with where its answer goes.
pub(crate) struct Question<'a> {
    pub(crate) id: u64,
    pub(crate) topic: SharedTopic,
    pub(crate) payload: Payload,
    pub(crate) asker: AeName,
    pub(crate) answer_to: &'a Arc<Mailbox>,
    pub(crate) timeout: Duration,
}

/// A message that came from another node and was verified.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) topic: SharedTopic,
    pub(crate) payload: Payload,
    pub(crate) sender: Sender,
    pub(crate) protection: Protection,
    pub(crate) peer: Option<Peer>,
}

impl Bus {
    /// Gives the message to every AE that subscribed to its topic.
    ///
    /// # Errors
    /// [`Undelivered::MailboxFull`], and nobody has it.
    pub(crate) fn publish(&self, from: &AeName, topic: &Topic, payload: &Payload) -> Result<(), Undelivered> {
        let sender = Sender::Ae(Arc::clone(from));
        let receivers = self.receivers(topic, &sender, Protection::Local);
        let slots = reserve_all(&receivers)?;
        fill_all(slots, &SharedTopic::from(topic), payload, &sender);
        Ok(())
    }

    /// Publishes, and keeps the payload as the topic's last value.
    ///
    /// # Errors
    /// [`Undelivered::RetainedFull`], or as [`Bus::publish`].
    pub(crate) fn publish_retained(&self, from: &AeName, topic: &Topic, payload: &Payload) -> Result<(), Undelivered> {
        let value = Value {
            topic: SharedTopic::from(topic),
            payload: payload.clone(),
            from: Arc::clone(from),
            received_at_ms: super::message::now_ms(),
        };
        let mut retained = self.retained();
        retained.has_room_for(&value).map_err(|_| Undelivered::RetainedFull)?;
        self.publish(from, topic, payload)?;
        retained.keep(value);
        Ok(())
    }

    /// Gives a request to one AE that may answer: where several may, the one with the most specific filter.
    ///
    /// # Errors
    /// Nobody has it: see [`Undelivered`].
    pub(crate) fn ask(&self, question: Question<'_>) -> Result<(), Undelivered> {
        let sender = Sender::Ae(question.asker);
        let receivers = self.receivers(question.topic.topic(), &sender, Protection::Local);
        let server = receivers.into_iter().find(|route| route.may_reply).ok_or(Undelivered::NobodyServes)?;
        let answer_to = question.answer_to.reserve().ok_or(Undelivered::NoRoomForAnswer)?;
        // Where the asker serves its own topic, both come from the same mailbox.
        let slot = server.mailbox.reserve().ok_or(Undelivered::MailboxFull)?;
        let ticket = OpenRequest::open(question.id, question.topic.clone(), answer_to, question.timeout);
        let mut envelope = Envelope::new(question.topic, question.payload, sender);
        envelope.reply = Some(ticket);
        slot.fill(envelope);
        Ok(())
    }

    /// Starts a subscription, or replaces the one that this AE has on the same filter. Retained values come first.
    ///
    /// # Errors
    /// [`TooManySubscriptions`].
    pub(crate) fn subscribe(&self, filter: &TopicFilter, route: Route) -> Result<(), TooManySubscriptions> {
        let retained = self.retained();
        let (mailbox, accepts) = (Arc::clone(&route.mailbox), route.accepts.clone());
        self.write_routes().add(filter, route)?;
        let values = retained.matching(filter).into_iter().map(Value::into_envelope);
        mailbox.offer_retained(
            values.filter(|value| accepts.ask(value.topic.topic(), &value.sender, value.protection)).collect(),
        );
        Ok(())
    }

    /// Ends the subscription on exactly this filter. False where there was none.
    pub(crate) fn unsubscribe(&self, filter: &TopicFilter, receiver: &AeName) -> bool {
        self.write_routes().remove(filter, receiver)
    }

    /// Ends what some instances of an AE subscribed to. What an earlier one asked for goes on until its successor is ready,
    /// so that nothing is missed while it restarts.
    pub(crate) fn forget_where(&self, receiver: &AeName, is_over: impl Fn(u64) -> bool) {
        self.write_routes().forget(receiver, is_over);
    }

    /// Ends every subscription of an AE that is gone for good.
    pub(crate) fn forget(&self, receiver: &AeName) {
        self.write_routes().forget(receiver, |_| true);
    }

    /// A message of the node's own. There is no sender to be told: whoever has no room, and drops nothing, misses it.
    pub(crate) fn publish_system(&self, topic: &SharedTopic, payload: &Payload) {
        for slot in self.receivers(topic.topic(), &Sender::System, Protection::Local).iter().filter_map(Route::reserve)
        {
            slot.fill(Envelope::new(topic.clone(), payload.clone(), Sender::System));
        }
    }

    /// A message of another node, for every AE that takes what such a sender says. Its sender cannot be told either: whoever
    /// has no room misses it, and that is counted there. True where anybody took it.
    pub(crate) fn deliver(&self, arrived: &Arrived) -> bool {
        let mut is_taken = false;
        for route in self.receivers(arrived.topic.topic(), &arrived.sender, arrived.protection) {
            match route.reserve() {
                Some(slot) => {
                    slot.fill(arrived.to_envelope());
                    is_taken = true;
                }
                None => route.mailbox.missed_one(),
            }
        }
        is_taken
    }

    /// A beat of a timer, for one AE, if it subscribed and has dealt with the last one.
    pub(crate) fn tick(&self, receiver: &AeName, topic: &SharedTopic) {
        let routes = self.receivers(topic.topic(), &Sender::System, Protection::Local);
        let route = routes.into_iter().find(|route| route.receiver == *receiver);
        let free = route.filter(|route| !route.mailbox.holds_system(topic.as_str()));
        if let Some(slot) = free.and_then(|route| route.reserve()) {
            slot.fill(Envelope::new(topic.clone(), Payload::empty(), Sender::System));
        }
    }

    /// Each AE once, however many of its filters match, if it takes what this sender says.
    fn receivers(&self, topic: &Topic, sender: &Sender, protection: Protection) -> Vec<Route> {
        let mut receivers: Vec<Route> = Vec::new();
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.by_filter.for_each_match(topic, |route| {
            match receivers.iter_mut().find(|other| other.receiver == route.receiver) {
                Some(known) => known.merge(route),
                None => receivers.push(route.clone()),
            }
        });
        receivers.retain(|route| route.accepts.ask(topic, sender, protection));
        receivers
    }

    fn write_routes(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn retained(&self) -> MutexGuard<'_, Retained> {
        self.retained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn add(&mut self, filter: &TopicFilter, route: Route) -> Result<(), TooManySubscriptions> {
        let filters = self.by_receiver.entry(Arc::clone(&route.receiver)).or_default();
        let of_this_instance = filters.iter().filter(|(_, asked_by)| **asked_by == route.instance);
        if of_this_instance.filter(|(other, _)| *other != filter.as_str()).count() >= SUBSCRIPTIONS_MAX {
            return Err(TooManySubscriptions);
        }
        self.by_filter.remove(filter, |other| other.receiver == route.receiver);
        filters.insert(filter.as_str().to_owned(), route.instance);
        self.by_filter.insert(filter, route);
        Ok(())
    }

    fn remove(&mut self, filter: &TopicFilter, receiver: &AeName) -> bool {
        if let Some(filters) = self.by_receiver.get_mut(receiver) {
            filters.remove(filter.as_str());
        }
        self.by_filter.remove(filter, |route| route.receiver == *receiver) > 0
    }

    fn forget(&mut self, receiver: &AeName, is_over: impl Fn(u64) -> bool) {
        let Some(filters) = self.by_receiver.get_mut(receiver) else { return };
        let over: Vec<_> = filters.extract_if(.., |_, asked_by| is_over(*asked_by)).collect();
        for filter in over.iter().filter_map(|(filter, _)| TopicFilter::new(filter).ok()) {
            self.by_filter.remove(&filter, |route| route.receiver == *receiver);
        }
    }
}

impl Route {
    fn reserve(&self) -> Option<Slot> {
        match self.when_full {
            WhenFull::BackPressure => self.mailbox.reserve(),
            WhenFull::DropOldest => self.mailbox.reserve_by_dropping(),
        }
    }

    /// Two filters of one AE match: the wider right and the more careful loss.
    fn merge(&mut self, other: &Self) {
        self.may_reply |= other.may_reply;
        if other.when_full == WhenFull::BackPressure {
            self.when_full = WhenFull::BackPressure;
        }
    }
}

impl Arrived {
    fn to_envelope(&self) -> Envelope {
        let mut envelope = Envelope::new(self.topic.clone(), self.payload.clone(), self.sender.clone());
        envelope.protection = self.protection;
        envelope.peer = self.peer;
        envelope
    }
}

impl Value {
    fn into_envelope(self) -> Envelope {
        let mut envelope = Envelope::new(self.topic, self.payload, Sender::Ae(self.from));
        envelope.received_at_ms = self.received_at_ms;
        envelope.retained = true;
        envelope
    }
}

/// Back-pressure first: only when every receiver that may refuse has room, others lose their oldest.
fn reserve_all(receivers: &[Route]) -> Result<Vec<Slot>, Undelivered> {
    let (refusing, dropping): (Vec<_>, Vec<_>) =
        receivers.iter().partition(|route| route.when_full == WhenFull::BackPressure);
    let slots: Option<Vec<_>> = refusing.into_iter().map(|route| route.mailbox.reserve()).collect();
    let mut slots = slots.ok_or(Undelivered::MailboxFull)?;
    slots.extend(dropping.into_iter().filter_map(|route| route.mailbox.reserve_by_dropping()));
    Ok(slots)
}

fn fill_all(slots: Vec<Slot>, topic: &SharedTopic, payload: &Payload, sender: &Sender) {
    for slot in slots {
        slot.fill(Envelope::new(topic.clone(), payload.clone(), sender.clone()));
    }
}
