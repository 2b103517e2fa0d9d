//! Sending and subscribing (`messaging` in the WIT), for topics that are known only at run time.
//!
//! Where the topic is known when the AE is written, [`Topic`](crate::Topic), [`Filter`](crate::Filter) and
//! [`RequestTopic`](crate::RequestTopic) say the same with types.

use std::time::Duration;

use crate::{Protection, Result, wit::m2m::node::messaging};

/// How a message is to travel, and whether it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What protects it outside the node.
    pub protection: Protection,
    /// Keep it as the topic's last value; an empty payload clears it.
    pub retain: bool,
}

impl Options {
    /// Never leaves the node, is not kept.
    pub const LOCAL: Self = Options { protection: Protection::Local, retain: false };

    /// Never leaves the node, is kept as the topic's last value.
    pub const RETAINED: Self = Options { protection: Protection::Local, retain: true };

    /// Goes to other nodes too, readable by all, signed under the node's current pseudonym.
    pub const SIGNED: Self = Options { protection: Protection::Signed, retain: false };

    /// Goes to those other nodes alone that take messages of the topic's service, and only they can read it.
    pub const CONFIDENTIAL: Self = Options { protection: Protection::Confidential, retain: false };
}

/// The number of a request of this entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Ok means taken: in the mailbox of every subscriber, or durably queued where it leaves the node. A full mailbox answers
/// [`Error::Exhausted`](crate::Error::Exhausted), and then nobody got it.
pub fn publish(topic: &str, payload: &[u8], options: Options) -> Result<()> {
    let Options { protection, retain } = options;
    let options = messaging::Options { protection, retain };
    Ok(messaging::publish(topic, payload, options)?)
}

/// Asks whoever serves the topic and returns at once; the answer comes as a message.
/// [`Error::NotFound`](crate::Error::NotFound) where nobody serves it. `timeout` is cut to 49 days.
pub fn request(topic: &str, payload: &[u8], timeout: Duration) -> Result<RequestId> {
    let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    Ok(RequestId(messaging::request(topic, payload, timeout_ms)?))
}

/// Starts the delivery of what matches; retained values come first.
pub fn subscribe(filter: &str) -> Result<()> {
    Ok(messaging::subscribe(filter)?)
}

/// Ends a subscription of exactly this filter.
pub fn unsubscribe(filter: &str) -> Result<()> {
    Ok(messaging::unsubscribe(filter)?)
}
