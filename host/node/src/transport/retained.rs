//! The last value of a topic, kept for whoever subscribes later.

use std::collections::BTreeMap;

use m2m_policy::topic::TopicFilter;

use super::message::{AeName, Payload, SharedTopic};

/// How many values one AE may keep, so that none fills the node.
pub(crate) const RETAINED_VALUES_MAX: usize = 256;
/// And how many bytes they may have together.
pub(crate) const RETAINED_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<String, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) topic: SharedTopic,
    pub(super) payload: Payload,
    pub(super) from: AeName,
    pub(super) received_at_ms: u64,
}

/// The AE keeps as much as it may already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RetainedFull;

impl Retained {
    /// Whether `value` could be kept now.
    pub(super) fn has_room_for(&self, value: &Value) -> Result<(), RetainedFull> {
        let others = || self.by_topic.values().filter(|kept| kept.from == value.from && kept.topic != value.topic);
        let bytes: usize = others().map(|kept| kept.payload.bytes().len()).sum();
        let fits = others().count() < RETAINED_VALUES_MAX && bytes + value.payload.bytes().len() <= RETAINED_BYTES_MAX;
        if fits { Ok(()) } else { Err(RetainedFull) }
    }

    /// Replaces the topic's value; an empty payload clears it (MQTT 5, 3.3.1.3).
    pub(super) fn keep(&mut self, value: Value) {
        if value.payload.bytes().is_empty() {
            self.by_topic.remove(value.topic.as_str());
        } else {
            self.by_topic.insert(value.topic.as_str().to_owned(), value);
        }
    }

    pub(super) fn matching(&self, filter: &TopicFilter) -> Vec<Value> {
        self.by_topic.values().filter(|value| filter.matches(value.topic.topic())).cloned().collect()
    }
}
