//! Packets that arrive. Those for others, and one's own that the link brings back, come to nothing.

use std::sync::Arc;

use m2m_trust::association::{self, Association, AssociationId, Opening};
use m2m_trust::certificate::Certificate;
use m2m_trust::identity::ServiceId;

use super::content::Content;
use super::established::Opened;
use super::packet::{self, Kind};
use super::{Associations, Pair};
use crate::section::Topics;
use crate::speech::present::{Present, Right};
use crate::speech::state::State;
use crate::speech::{Delivery, Frame, Protection, Received, Refused};

impl State {
    /// A packet of an association came.
    pub(in crate::speech) fn take_packet(
        &mut self,
        packet: &[u8],
        topics: &Topics,
        present: &Present<'_>,
    ) -> Result<Received, Refused> {
        let (kind, id) = packet::head(packet)?;
        match kind {
            Kind::Opening => self.opened(id, packet, present),
            Kind::Answer => self.answered(id, packet, present),
            Kind::Confirmation => self.confirmed(id, packet, present),
            Kind::Data => self.data(id, packet, topics, present),
        }
    }

    fn opened(&mut self, id: AssociationId, packet: &[u8], present: &Present<'_>) -> Result<Received, Refused> {
        let associations = &mut self.associations;
        if !present.may_speak() || associations.openings.contains(id) {
            return Ok(Received::default());
        }
        let opening = Opening::decode(packet)?;
        let addressed = |active: &&_| {
            let active: &crate::standing::Active = active;
            active.certificate.certificate.key_id() == opening.addressed
        };
        let Some(active) = present.standing.active.values().find(addressed) else { return Ok(Received::default()) };
        if associations.answering.contains(id) || associations.established.contains(id) {
            return Err(Refused::OpeningRepeated);
        }
        if !associations.established.has_room(present.now) {
            return Err(Refused::TooManyAssociations);
        }
        associations.answering.admit(present.now)?;
        let (receiver, own) = (present.receiver(), active.own());
        let (answer, awaiting) = association::respond(&opening, &own, &receiver, present.now)?;
        associations.answering.insert(opening.service, awaiting, present.now);
        Ok(Received { send: vec![Frame::association(answer)], ..Received::default() })
    }

    fn answered(&mut self, id: AssociationId, packet: &[u8], present: &Present<'_>) -> Result<Received, Refused> {
        if !present.may_finish() {
            return Ok(Received::default());
        }
        let Some(answered) = self.associations.openings.answered(id) else { return Ok(Received::default()) };
        let (confirmation, association) = answered.awaiting.answered(packet, &present.receiver(), present.now)?;
        let mut send = vec![Frame::association(confirmation)];
        self.establish(answered.pair.service, association, present)?;
        send.extend(self.associations.flush(answered.pair, present));
        Ok(Received { send, ..Received::default() })
    }

    fn confirmed(&mut self, id: AssociationId, packet: &[u8], present: &Present<'_>) -> Result<Received, Refused> {
        let Some((service, awaiting)) = self.associations.answering.confirmed(id) else {
            return Ok(Received::default());
        };
        let association = awaiting.confirmed(packet, &present.receiver(), present.now)?;
        let peer = self.establish(service, association, present)?;
        // Both sides opened: what waits here need not wait for the other answer.
        let pair = Pair { service, peer: peer.digest() };
        let send = if present.may_finish() { self.associations.flush(pair, present) } else { Vec::new() };
        Ok(Received { send, ..Received::default() })
    }

    fn data(
        &mut self,
        id: AssociationId,
        packet: &[u8],
        topics: &Topics,
        present: &Present<'_>,
    ) -> Result<Received, Refused> {
        let Some(opened) = self.associations.established.open(id, packet, present) else {
            return Ok(Received::default());
        };
        let Opened { pair, peer: certificate, content } = opened?;
        let (topic, payload) = match Content::decode(&content)? {
            Content::Message { topic, data } => (topic, data),
            Content::Farewell => {
                self.associations.established.end_with(pair);
                self.peers.forget(&certificate.digest());
                return Ok(Received::default());
            }
        };
        // INVARIANT (one table): a confidential message needs the same right as a broadcast on the topic.
        let Some(operation) = topics.operation(&topic) else { return Err(Refused::UnknownTopic(topic)) };
        if !Right::named(operation, present.bundle).is_some_and(|right| right.covered_by(&certificate)) {
            return Err(Refused::NotAuthorized(operation.to_owned()));
        }
        let peer = self.peers.heard(&certificate, present.now, &mut self.rng);
        let rights = present.names(&certificate);
        let delivery = Delivery { topic, payload, protection: Protection::Confidential, rights, peer };
        Ok(Received { deliver: Some(delivery), ..Received::default() })
    }

    fn establish(
        &mut self,
        service: ServiceId,
        association: Association,
        present: &Present<'_>,
    ) -> Result<Arc<Certificate>, Refused> {
        let pair = Pair { service, peer: association.peer().digest() };
        let peer = self.associations.established.insert(pair, association, present.now)?;
        self.peers.heard(&peer, present.now, &mut self.rng);
        Ok(peer)
    }
}

impl Associations {
    /// Sends what waited for an association with the peer.
    fn flush(&mut self, pair: Pair, present: &Present<'_>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for content in self.openings.done(pair) {
            match self.established.seal(pair, &content, present.now) {
                Ok(packet) => frames.push(Frame::association(packet)),
                Err(_) => self.undelivered += 1,
            }
        }
        frames
    }
}
