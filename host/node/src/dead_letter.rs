//! Messages that no instance could handle: published on `$dead-letter/AE`, and the last of them shown by `status`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::transport::Bus;
use crate::transport::message::{AeName, Envelope, Payload, Sender, SharedTopic};

/// How many `status` shows.
const KEPT_MAX: usize = 32;
/// How much of a payload is passed on.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// One message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeadLetter {
    /// Whose mailbox it was in.
    pub ae: String,
    /// Its topic.
    pub topic: String,
    /// `ae:NAME` or `system`.
    pub sender: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last try ended with.
    pub why: String,
    /// When it was received, milliseconds since 1970.
    pub received_at_ms: u64,
    /// The beginning of its payload, in hexadecimal.
    pub payload: String,
    /// Of the whole payload.
    pub payload_bytes: usize,
}

/// Where they go. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    bus: Arc<Bus>,
    kept: Arc<Mutex<VecDeque<DeadLetter>>>,
}

impl DeadLetters {
    pub(crate) fn new(bus: &Arc<Bus>) -> Self {
        Self { bus: Arc::clone(bus), kept: Arc::default() }
    }

    pub(crate) fn add(&self, ae: &AeName, envelope: &Envelope, why: &str) {
        tracing::warn!(
            ae = &**ae,
            topic = envelope.topic.as_str(),
            "to `$dead-letter` after {} attempts: {why}",
            envelope.attempts
        );
        let letter = DeadLetter::new(ae, envelope, why);
        self.publish(&letter);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(letter);
    }

    /// A dead letter that dies itself goes no further: that would be a loop.
    fn publish(&self, letter: &DeadLetter) {
        let topic = SharedTopic::new(&format!("$dead-letter/{}", letter.ae));
        let payload = serde_json::to_vec(letter).ok().and_then(|bytes| Payload::try_from(bytes).ok());
        if let (Ok(topic), Some(payload), false) = (topic, payload, letter.topic.starts_with("$dead-letter/")) {
            self.bus.publish_system(&topic, &payload);
        }
    }

    pub(crate) fn last(&self) -> Vec<DeadLetter> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl DeadLetter {
    fn new(ae: &AeName, envelope: &Envelope, why: &str) -> Self {
        let payload = envelope.payload.bytes();
        Self {
            ae: ae.to_string(),
            topic: envelope.topic.as_str().to_owned(),
            sender: match &envelope.sender {
                Sender::Ae(name) => format!("ae:{name}"),
                Sender::System => "system".to_owned(),
            },
            attempts: envelope.attempts,
            why: why.to_owned(),
            received_at_ms: envelope.received_at_ms,
            payload: hex::encode(payload.get(..PAYLOAD_BYTES_MAX).unwrap_or(payload)),
            payload_bytes: payload.len(),
        }
    }
}
