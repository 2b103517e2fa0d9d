//! What comes of sending and receiving.

use m2m_trust::clock_floor::FloorError;
use m2m_trust::identity::Micros;

use super::{Frame, Refused};

/// A peer's pseudonym, as this node calls it: random, new with each change on either side, and good for an answer only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub(super) u64);

/// To whom a confidential message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The sender of something that was delivered.
    Peer(PeerId),
    /// Whoever announced that it listens to the topic's operation, at most 16.
    Listeners,
}

/// How a message was protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// A signed broadcast: everybody could read it.
    Signed,
    /// Through an association.
    Confidential,
}

/// A message for AEs of this node, as far as their capability files want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it was published.
    pub topic: String,
    /// The content.
    pub payload: Vec<u8>,
    /// How it came.
    pub protection: Protection,
    /// What the sender's certificate allows, such as `metering/report`, in the order of the trust bundle.
    pub rights: Vec<String>,
    /// Whom to answer.
    pub peer: PeerId,
}

/// What a frame came to. All empty: it was one's own, or meant for others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// To deliver.
    pub deliver: Option<Delivery>,
    /// To send at once.
    pub send: Vec<Frame>,
    /// Why it was refused; counted already.
    pub refused: Option<Refused>,
}

/// Why a message does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The pseudonym is being changed: try again.
    #[error("the node is silent, because its pseudonym changes")]
    Silent {
        /// When the silence ends; `None` before it has begun.
        until: Option<Micros>,
    },
    /// No certificate of the node allows it, or the topic belongs to no service.
    #[error("no right to send: {0}")]
    NoRight(String),
    /// The peer is gone, or takes no part in the service; or nobody is known that listens.
    #[error("no such peer at the moment")]
    NoPeer,
    /// Topic or content.
    #[error("{size} bytes, expected at most {limit}")]
    TooLarge {
        /// Bytes.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] FloorError),
    /// The node has no pseudonym that counts now.
    #[error("the node is not authorized at the moment")]
    NotAuthorized,
    /// A key did not answer, or too much waits for associations.
    #[error("{0}")]
    Unavailable(String),
}

impl Unsent {
    /// Whether the same message can be sent a little later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Clock(_) | Self::NotAuthorized | Self::Unavailable(_))
    }
}
