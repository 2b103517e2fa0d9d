//! Requests that wait for their answer. The room for the answer is reserved when the question is asked, so it always arrives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::mailbox::Slot;
use super::message::{Answer, Envelope, Outcome, Payload, ReplyTicket, Sender, SharedTopic};

/// One request, from its asker's side. Ends once, whichever of reply, time-out and decline comes first.
#[derive(Debug)]
pub(super) struct OpenRequest {
    id: u64,
    topic: SharedTopic,
    /// Taken by whatever ends the request.
    answer_to: Mutex<Option<Slot>>,
    /// Ended with the request, so that what is answered leaves nothing behind.
    timer: OnceLock<AbortHandle>,
}

/// Gives numbers to requests. They say nothing about other AEs: each asker counts for itself.
#[derive(Debug, Default)]
pub(crate) struct RequestCounter(AtomicU64);

impl RequestCounter {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl OpenRequest {
    /// Starts the clock. Must be called within a tokio runtime.
    pub(super) fn open(id: u64, topic: SharedTopic, answer_to: Slot, timeout: Duration) -> ReplyTicket {
        let request =
            Arc::new(Self { id, topic: topic.clone(), answer_to: Mutex::new(Some(answer_to)), timer: OnceLock::new() });
        let waiting = Arc::downgrade(&request);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            if let Some(request) = waiting.upgrade() {
                request.end(Outcome::TimedOut, Payload::empty(), Sender::System);
            }
        });
        let _ = request.timer.set(timer.abort_handle());
        ReplyTicket { request, topic }
    }

    /// True if this was what ended it.
    fn end(&self, outcome: Outcome, payload: Payload, sender: Sender) -> bool {
        let slot = self.answer_to.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(slot) = slot else { return false };
        if let Some(timer) = self.timer.get() {
            timer.abort();
        }
        let mut envelope = Envelope::new(self.topic.clone(), payload, sender);
        envelope.answers = Some(Answer { request: self.id, outcome });
        slot.fill(envelope);
        true
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.end(Outcome::Declined, Payload::empty(), Sender::System);
    }
}

impl ReplyTicket {
    /// Answers. False when the request has ended already.
    pub(crate) fn answer(&self, payload: Payload, sender: Sender) -> bool {
        self.request.end(Outcome::Replied, payload, sender)
    }
}
