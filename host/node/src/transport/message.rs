//! A message on its way: what every transport and every mailbox carries.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use m2m_policy::Protection;
pub use m2m_policy::topic::SharedTopic;
pub use m2m_provisioning::speech::PeerId;

use super::requests::OpenRequest;

/// The largest payload that a node carries, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The name of an AE, as in `node.toml` and in its capability file.
pub type AeName = Arc<str>;

/// A payload within [`PAYLOAD_BYTES_MAX`], shared by everyone it is delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The payload was over [`PAYLOAD_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload of {bytes} bytes, where at most {PAYLOAD_BYTES_MAX} are carried")]
pub struct PayloadTooLarge {
    /// Its length.
    pub bytes: usize,
}

impl TryFrom<Vec<u8>> for Payload {
    type Error = PayloadTooLarge;

    fn try_from(bytes: Vec<u8>) -> Result<Self, PayloadTooLarge> {
        match bytes.len() {
            length if length > PAYLOAD_BYTES_MAX => Err(PayloadTooLarge { bytes: length }),
            _ => Ok(Self(bytes.into())),
        }
    }
}

/// Who a message is from, as far as its receiver may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// An AE of this node.
    Ae(AeName),
    /// Another node: the rights that its certificate proves, each `service/operation`, and nothing that identifies it.
    Node(Arc<[String]>),
    /// The node itself: timers, time-outs, dead letters.
    System,
}

/// How an earlier request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The payload is the reply.
    Replied,
    /// Nobody answered in time.
    TimedOut,
    /// The one that was asked dropped the request.
    Declined,
}

/// Ends an earlier request of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The number that the request got.
    pub request: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// One message in one mailbox.
#[derive(Debug)]
pub struct Envelope {
    /// Where it was published; for an answer, what was asked.
    pub topic: SharedTopic,
    /// What it says.
    pub payload: Payload,
    /// Who said it.
    pub sender: Sender,
    /// How it was protected on its way: `local` for all that an AE of this node, or the node itself, says.
    pub protection: Protection,
    /// Whom a confidential answer would go to; set on what comes from another node.
    pub peer: Option<Peer>,
    /// When the node took it, milliseconds since 1970.
    pub received_at_ms: u64,
    /// The same moment on the monotonic clock, to measure how long delivery took.
    pub accepted: Instant,
    /// Kept from before the subscription.
    pub retained: bool,
    /// Set on what ends a request of the receiver.
    pub answers: Option<Answer>,
    /// Set on a request: the right to answer it.
    pub reply: Option<ReplyTicket>,
    /// How often an instance was already given it.
    pub attempts: u32,
}

impl Envelope {
    /// A plain message, as of now.
    pub fn new(topic: SharedTopic, payload: Payload, sender: Sender) -> Self {
        Self {
            topic,
            payload,
            sender,
            protection: Protection::Local,
            peer: None,
            received_at_ms: now_ms(),
            accepted: Instant::now(),
            retained: false,
            answers: None,
            reply: None,
            attempts: 0,
        }
    }
}

/// Milliseconds since 1970; 0 on a clock before that.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The right to answer one request once. Dropped unsent, it declines.
#[derive(Debug, Clone)]
pub struct ReplyTicket {
    pub(super) request: Arc<OpenRequest>,
    /// What was asked; the policy decides over it when the reply is sent.
    pub(crate) topic: SharedTopic,
}

/// One peer on another node. It says nothing about that node, and ends with its pseudonym or with this node's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub(crate) PeerId);
