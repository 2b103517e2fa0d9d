//! `wit/messages.wit`: what is delivered, and the answer to it.

use wasmtime::component::{Resource, ResourceTable};

use super::{AeState, CallResult, payload, topic};
use crate::bindings::m2m::node::messages::{Answer, Host, HostPeer, HostReply, Message, Outcome, Protection, Sender};
use crate::capability::operation;
use crate::transport::message::{self, Envelope, Peer, ReplyTicket};

impl Host for AeState {}

impl HostReply for AeState {
    async fn send(&mut self, reply: Resource<ReplyTicket>, bytes: Vec<u8>) -> CallResult<()> {
        let ticket = self.table.get(&reply).map_err(wasmtime::Error::from)?.clone();
        let operation = operation::Reply { topic: ticket.topic.topic(), size_bytes: bytes.len() };
        let permit = self.mediator.mediate(operation)?;
        Ok(self.services.messaging.reply(&permit, &ticket, payload(bytes)?)?)
    }

    async fn drop(&mut self, reply: Resource<ReplyTicket>) -> wasmtime::Result<()> {
        self.table.delete(reply)?;
        Ok(())
    }
}

impl HostPeer for AeState {
    async fn send(&mut self, peer: Resource<Peer>, to: String, bytes: Vec<u8>) -> CallResult<()> {
        let peer = *self.table.get(&peer).map_err(wasmtime::Error::from)?;
        let permit = self.mediator.mediate(operation::SendToPeer { topic: topic(&to)?, size_bytes: bytes.len() })?;
        Ok(self.services.messaging.send(&permit, peer, &payload(bytes)?)?)
    }

    async fn drop(&mut self, peer: Resource<Peer>) -> wasmtime::Result<()> {
        self.table.delete(peer)?;
        Ok(())
    }
}

/// The guest's view of a message; its reply ticket and its peer move into the table of the store.
pub(crate) fn to_wit(envelope: &Envelope, table: &mut ResourceTable) -> wasmtime::Result<Message> {
    let reply = envelope.reply.as_ref().map(|ticket| table.push(ticket.clone())).transpose()?;
    let peer = envelope.peer.map(|peer| table.push(peer)).transpose()?;
    Ok(Message {
        topic: envelope.topic.as_str().to_owned(),
        payload: envelope.payload.bytes().to_vec(),
        sender: match &envelope.sender {
            message::Sender::Ae(name) => Sender::Ae(name.to_string()),
            message::Sender::Node(rights) => Sender::Node(rights.to_vec()),
            message::Sender::System => Sender::System,
        },
        protection: match envelope.protection {
            message::Protection::Local => Protection::Local,
            message::Protection::Signed => Protection::Signed,
            message::Protection::Confidential => Protection::Confidential,
            message::Protection::Unauthenticated => Protection::Unauthenticated,
        },
        received_at: envelope.received_at_ms,
        retained: envelope.retained,
        answers: envelope.answers.map(|answer| Answer {
            request: answer.request,
            outcome: match answer.outcome {
                message::Outcome::Replied => Outcome::Replied,
                message::Outcome::TimedOut => Outcome::TimedOut,
                message::Outcome::Declined => Outcome::Declined,
            },
        }),
        reply,
        peer,
    })
}
