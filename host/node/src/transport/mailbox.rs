//! A bounded mailbox: room is reserved first and filled afterwards, so that a message goes to all its receivers or to none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::message::Envelope;

/// What waits for one AE. Outlives the AE's instances.
#[derive(Debug)]
pub struct Mailbox {
    capacity: usize,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Envelope>,
    /// Room that is promised and not yet filled.
    reserved: usize,
    dropped: u64,
    missed: u64,
    closed: bool,
}

/// Room for one message in one mailbox; dropped unfilled, the room is free again.
#[derive(Debug)]
pub(super) struct Slot {
    mailbox: Option<Arc<Mailbox>>,
}

impl Mailbox {
    /// With room for `capacity` messages.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, inner: Mutex::default(), arrived: Notify::new() })
    }

    /// The next message, when there is one.
    pub async fn next(&self) -> Envelope {
        loop {
            let arrived = self.arrived.notified();
            if let Some(envelope) = self.lock().queue.pop_front() {
                return envelope;
            }
            arrived.await;
        }
    }

    /// Puts a message back to the front, to be handled again. The room it came from may be taken: one more is kept then.
    pub(crate) fn put_back(&self, envelope: Envelope) {
        self.lock().queue.push_front(envelope);
        self.arrived.notify_one();
    }

    /// Retained values at the start of a subscription. They need no room: there is at most one of each topic.
    pub(super) fn offer_retained(&self, values: Vec<Envelope>) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        let is_renewed =
            |waiting: &Envelope| waiting.retained && values.iter().any(|value| value.topic == waiting.topic);
        inner.queue.retain(|waiting| !is_renewed(waiting));
        inner.queue.extend(values);
        drop(inner);
        self.arrived.notify_one();
    }

    /// Takes nothing in from now on, and gives up what waits. Returns how many that were.
    pub(crate) fn close(&self) -> usize {
        // Dropped after the lock: a request that is dropped declines, which may need this very mailbox.
        let given_up = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.queue)
        };
        given_up.len()
    }

    /// How many messages wait.
    pub fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// How many were given up because a subscription drops the oldest.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// How many messages of other nodes found no room.
    pub fn missed(&self) -> u64 {
        self.lock().missed
    }

    pub(super) fn missed_one(&self) {
        self.lock().missed += 1;
    }

    pub(super) fn reserve(self: &Arc<Self>) -> Option<Slot> {
        let mut inner = self.lock();
        if inner.closed || inner.queue.len() + inner.reserved >= self.capacity {
            return None;
        }
        inner.reserved += 1;
        Some(Slot { mailbox: Some(Arc::clone(self)) })
    }

    /// Reserves even when full, at the cost of the oldest message that is neither an answer nor a request.
    pub(super) fn reserve_by_dropping(self: &Arc<Self>) -> Option<Slot> {
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        if inner.queue.len() + inner.reserved >= self.capacity {
            // Whether an old message goes or, where none can, the new one: one is lost, and counted.
            inner.dropped += 1;
            let is_plain = |envelope: &Envelope| envelope.answers.is_none() && envelope.reply.is_none();
            let oldest = inner.queue.iter().position(is_plain)?;
            inner.queue.remove(oldest);
        }
        inner.reserved += 1;
        Some(Slot { mailbox: Some(Arc::clone(self)) })
    }

    /// Whether a message of this topic from the node itself waits already; a timer then skips a beat.
    pub(super) fn holds_system(&self, topic: &str) -> bool {
        let is_it = |envelope: &Envelope| {
            envelope.sender == super::message::Sender::System
                && envelope.topic.as_str() == topic
                && envelope.answers.is_none()
        };
        self.lock().queue.iter().any(is_it)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn fill(mut self, envelope: Envelope) {
        let Some(mailbox) = self.mailbox.take() else { return };
        {
            let mut inner = mailbox.lock();
            inner.reserved -= 1;
            if !inner.closed {
                inner.queue.push_back(envelope);
            }
        }
        mailbox.arrived.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.lock().reserved -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::message::{Payload, Sender, SharedTopic};

    fn message(topic: &str) -> Envelope {
        Envelope::new(SharedTopic::new(topic).unwrap(), Payload::empty(), Sender::System)
    }

    #[test]
    fn a_reservation_takes_room_and_gives_it_back() {
        let mailbox = Mailbox::new(1);
        let slot = mailbox.reserve().unwrap();
        assert!(mailbox.reserve().is_none());
        drop(slot);
        mailbox.reserve().unwrap().fill(message("a"));
        assert!(mailbox.reserve().is_none());
        assert_eq!(mailbox.waiting(), 1);
    }

    #[tokio::test]
    async fn order_is_kept_and_what_is_put_back_comes_first() {
        let mailbox = Mailbox::new(4);
        for topic in ["a", "b"] {
            mailbox.reserve().unwrap().fill(message(topic));
        }
        let first = mailbox.next().await;
        assert_eq!(first.topic.as_str(), "a");
        mailbox.put_back(first);
        assert_eq!(mailbox.next().await.topic.as_str(), "a");
        assert_eq!(mailbox.next().await.topic.as_str(), "b");
    }

    #[test]
    fn dropping_makes_room_by_the_oldest_and_counts_it() {
        let mailbox = Mailbox::new(2);
        for topic in ["a", "b"] {
            mailbox.reserve().unwrap().fill(message(topic));
        }
        mailbox.reserve_by_dropping().unwrap().fill(message("c"));
        assert_eq!((mailbox.waiting(), mailbox.dropped()), (2, 1));
    }

    #[test]
    fn a_closed_mailbox_takes_nothing_in() {
        let mailbox = Mailbox::new(2);
        let slot = mailbox.reserve().unwrap();
        mailbox.close();
        slot.fill(message("a"));
        assert_eq!(mailbox.waiting(), 0);
        assert!(mailbox.reserve().is_none());
        assert!(mailbox.reserve_by_dropping().is_none());
    }
}
