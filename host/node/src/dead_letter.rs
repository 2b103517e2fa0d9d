//! Messages that no instance could handle: published on `$dead-letter/AE`, and the last of them shown by `status`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::transport::Bus;
use crate::transport::message::{AeName, Envelope, Payload, Sender, SharedTopic};

/// How many of each AE `status` shows.
const KEPT_MAX: usize = 8;
/// How much of a payload is passed on.
const LETTER_PAYLOAD_BYTES_MAX: usize = 4 * 1024;
/// How many of each AE are published and logged in a second: whoever reads dead letters is not to be flooded with them.
const PER_SECOND_MAX: u32 = 20;

/// One message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeadLetter {
    /// Whose mailbox it was in.
    pub ae: String,
    /// Its topic.
    pub topic: String,
    /// `ae:NAME`, `service:RIGHT,RIGHT` or `system`.
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

/// Where they go, from all AEs.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    bus: Arc<Bus>,
    kept: Arc<Mutex<BTreeMap<AeName, Kept>>>,
}

#[derive(Debug)]
struct Kept {
    last: VecDeque<DeadLetter>,
    second: Instant,
    passed_on: u32,
}

impl DeadLetters {
    pub(crate) fn new(bus: &Arc<Bus>) -> Self {
        Self { bus: Arc::clone(bus), kept: Arc::default() }
    }

    pub(crate) fn add(&self, ae: &AeName, envelope: &Envelope, why: &str) {
        let letter = DeadLetter::new(ae, envelope, why);
        let within_rate = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.entry(AeName::clone(ae)).or_insert_with(Kept::new).add(letter.clone(), Instant::now())
        };
        if within_rate {
            self.publish(&letter);
            let (topic, attempts) = (envelope.topic.as_str().escape_debug(), envelope.attempts);
            tracing::warn!(ae = &**ae, %topic, "to `$dead-letter` after {attempts} attempts: {why}");
        }
    }

    /// A dead letter that dies itself goes no further: that would be a loop.
    fn publish(&self, letter: &DeadLetter) {
        let topic = SharedTopic::new(&format!("$dead-letter/{}", letter.ae));
        let payload = serde_json::to_vec(letter).ok().and_then(|bytes| Payload::try_from(bytes).ok());
        if let (Ok(topic), Some(payload), false) = (topic, payload, letter.topic.starts_with("$dead-letter/")) {
            self.bus.publish_system(&topic, &payload);
        }
    }

    /// The last ones of every AE.
    pub(crate) fn last(&self) -> Vec<DeadLetter> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values().flat_map(|kept| kept.last.iter().cloned()).collect()
    }
}

impl Kept {
    fn new() -> Self {
        Self { last: VecDeque::new(), second: Instant::now(), passed_on: 0 }
    }

    /// True while the rate is kept.
    fn add(&mut self, letter: DeadLetter, now: Instant) -> bool {
        if self.last.len() == KEPT_MAX {
            self.last.pop_front();
        }
        self.last.push_back(letter);
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.passed_on) = (now, 0);
        }
        self.passed_on += 1;
        self.passed_on <= PER_SECOND_MAX
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
                Sender::Node(rights) => format!("service:{}", rights.join(",")),
                Sender::System => "system".to_owned(),
            },
            attempts: envelope.attempts,
            why: why.to_owned(),
            received_at_ms: envelope.received_at_ms,
            payload: hex::encode(payload.get(..LETTER_PAYLOAD_BYTES_MAX).unwrap_or(payload)),
            payload_bytes: payload.len(),
        }
    }
}
