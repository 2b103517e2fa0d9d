//! The last value of a topic, kept for whoever subscribes later.

use std::collections::{BTreeMap, HashMap};

use m2m_policy::topic::TopicFilter;

use super::message::{AeName, Payload, SharedTopic};

/// How many values one AE may keep, so that none fills the node.
pub(crate) const RETAINED_VALUES_MAX: usize = 256;
/// And how many bytes they may have together.
pub(crate) const RETAINED_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Retained {
    by_topic: BTreeMap<String, Value>,
    by_sender: HashMap<AeName, Kept>,
}

/// What one AE keeps.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    values: usize,
    bytes: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) topic: SharedTopic,
    pub(super) payload: Payload,
    pub(super) from: AeName,
    pub(super) received_at_ms: u64,
}

impl Value {
    /// Of topic and payload.
    fn bytes(&self) -> usize {
        self.topic.as_str().len() + self.payload.bytes().len()
    }
}

/// The AE keeps as much as it may already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RetainedFull;

impl Retained {
    /// Whether `value` could be kept now. Clearing always can.
    pub(super) fn has_room_for(&self, value: &Value) -> Result<(), RetainedFull> {
        if value.payload.bytes().is_empty() {
            return Ok(());
        }
        let replaced = self.by_topic.get(value.topic.as_str()).filter(|kept| kept.from == value.from);
        let kept = self.by_sender.get(&value.from).copied().unwrap_or_default();
        let others = kept.values - usize::from(replaced.is_some());
        let bytes = kept.bytes - replaced.map_or(0, Value::bytes) + value.bytes();
        if others < RETAINED_VALUES_MAX && bytes <= RETAINED_BYTES_MAX { Ok(()) } else { Err(RetainedFull) }
    }

    /// Replaces the topic's value; an empty payload clears it (MQTT 5, 3.3.1.3).
    pub(super) fn keep(&mut self, value: Value) {
        if let Some(old) = self.by_topic.remove(value.topic.as_str()) {
            self.count(&old, |kept, bytes| Kept { values: kept.values - 1, bytes: kept.bytes - bytes });
        }
        if !value.payload.bytes().is_empty() {
            self.count(&value, |kept, bytes| Kept { values: kept.values + 1, bytes: kept.bytes + bytes });
            self.by_topic.insert(value.topic.as_str().to_owned(), value);
        }
    }

    fn count(&mut self, value: &Value, change: impl FnOnce(Kept, usize) -> Kept) {
        let kept = self.by_sender.entry(AeName::clone(&value.from)).or_default();
        *kept = change(*kept, value.bytes());
    }

    pub(super) fn matching(&self, filter: &TopicFilter) -> Vec<Value> {
        self.by_topic.values().filter(|value| filter.matches(value.topic.topic())).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(from: &str, topic: &str, bytes: usize) -> Value {
        Value {
            topic: SharedTopic::new(topic).unwrap(),
            payload: Payload::try_from(vec![1; bytes]).unwrap(),
            from: from.into(),
            received_at_ms: 0,
        }
    }

    #[test]
    fn values_are_counted_for_each_sender_and_clearing_gives_room() {
        let mut retained = Retained::default();
        for number in 0..RETAINED_VALUES_MAX {
            let value = value("a", &format!("t/{number}"), 1);
            retained.has_room_for(&value).unwrap();
            retained.keep(value);
        }
        assert_eq!(retained.has_room_for(&value("a", "t/more", 1)), Err(RetainedFull));
        retained.has_room_for(&value("a", "t/0", 9)).unwrap();
        retained.has_room_for(&value("b", "t/more", 1)).unwrap();
        retained.has_room_for(&value("a", "t/other", 0)).unwrap();
        retained.keep(value("b", "t/0", 0));
        retained.has_room_for(&value("a", "t/more", 1)).unwrap();
    }

    #[test]
    fn bytes_are_counted_with_their_topics() {
        let mut retained = Retained::default();
        let each = RETAINED_BYTES_MAX / 16;
        for number in 0..15 {
            retained.keep(value("a", &format!("t/{number:02}"), each - 4));
        }
        retained.has_room_for(&value("a", "t/15", each - 4)).unwrap();
        assert_eq!(retained.has_room_for(&value("a", "t/15", each - 3)), Err(RetainedFull));
    }
}
