//! What an AE is handed (`messages` in the WIT).

use crate::{Result, wit::m2m::node::messages};

pub use crate::wit::m2m::node::messages::{Answer as Ended, Outcome, Protection, Sender};

/// One message. Dropping a request that was not answered declines it.
#[derive(Debug)]
pub struct Message {
    /// Where it was published; for an answer, the topic that was asked.
    pub topic: String,
    /// As it came. The typed topics decode it.
    pub payload: Vec<u8>,
    /// Who sent it.
    pub sender: Sender,
    /// How it travelled.
    pub protection: Protection,
    /// Milliseconds since 1970, as coarse as the node's clock.
    pub received_at_ms: u64,
    /// Kept from before the subscription.
    pub retained: bool,
    /// Set on what ends an earlier request.
    pub answers: Option<Ended>,
    reply: Option<messages::Reply>,
    peer: Option<messages::Peer>,
}

impl Message {
    /// A local message of the node that asks for nothing; for unit tests.
    pub fn new(topic: &str, payload: &[u8]) -> Self {
        Message {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            sender: Sender::System,
            protection: Protection::Local,
            received_at_ms: 0,
            retained: false,
            answers: None,
            reply: None,
            peer: None,
        }
    }

    /// Whether it is a request.
    pub fn asks(&self) -> bool {
        self.reply.is_some()
    }

    /// One level of the topic, counted from 0: level 1 of `metering/branch-1/flow` is `branch-1`.
    pub fn level(&self, index: usize) -> Option<&str> {
        self.topic.split('/').nth(index)
    }

    /// Answers a request, once, with a CBOR value.
    #[cfg(feature = "cbor")]
    pub fn reply<A: serde::Serialize + serde::de::DeserializeOwned>(&self, answer: &A) -> Result<()> {
        use crate::{Cbor, Encoding};
        self.reply_bytes(&Cbor::encode(answer)?)
    }

    /// Answers a request, once, with a payload as it is. [`Error::Failed`](crate::Error::Failed) where nothing was asked,
    /// [`Error::NotFound`](crate::Error::NotFound) the second time.
    pub fn reply_bytes(&self, payload: &[u8]) -> Result<()> {
        match &self.reply {
            Some(reply) => Ok(reply.send(payload)?),
            None => Err(format!("nothing was asked on `{}`", self.topic).into()),
        }
    }

    /// Sends to the peer on another node that this message came from, confidentially.
    /// [`Error::Failed`](crate::Error::Failed) where it came from this node.
    pub fn send_to_peer(&self, topic: &str, payload: &[u8]) -> Result<()> {
        match &self.peer {
            Some(peer) => Ok(peer.send(topic, payload)?),
            None => Err(format!("no peer sent what came on `{}`", self.topic).into()),
        }
    }
}

impl From<messages::Message> for Message {
    fn from(message: messages::Message) -> Self {
        Message {
            topic: message.topic,
            payload: message.payload,
            sender: message.sender,
            protection: message.protection,
            received_at_ms: message.received_at,
            retained: message.retained,
            answers: message.answers,
            reply: message.reply,
            peer: message.peer,
        }
    }
}
