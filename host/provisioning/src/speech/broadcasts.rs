//! Signed broadcasts: out, in, and the announcements among them.

use m2m_trust::broadcast::{
    Broadcast, BroadcastError, BroadcastSender, DATA_BYTES_MAX, Expected, Outgoing, VerifiedBroadcast,
};
use m2m_trust::cose::{KeyHint, Signed};
use m2m_trust::identity::{Digest, ServiceId};
use m2m_trust::keys::{KeyUnavailable, PublicKey, Signer};

use super::present::{Present, Right};
use super::state::State;
use super::{Delivery, Frame, Protection, Received, Refused, Unsent, discovery};
use crate::section::Topics;
use crate::standing::Active;

impl State {
    pub(super) fn sign(
        &mut self,
        topic: &str,
        right: Right,
        data: &[u8],
        present: &Present<'_>,
    ) -> Result<Frame, Unsent> {
        let active = present.standing.active.get(&right.service).ok_or(Unsent::NotAuthorized)?;
        let wanted = self.wanted.take();
        let outgoing = Outgoing {
            topic,
            service: right.service,
            operation: right.operation,
            data,
            location: None,
            expiry: None,
            wanted: wanted.clone(),
        };
        let sender = self.sender(right.service, active);
        match sender.sign(&outgoing, present.now, &present.bundle.domain, &Held(active)) {
            Ok(message) => {
                self.asked.remove(&right.service);
                Ok(Frame::broadcast(topic, message))
            }
            Err(error) => {
                wanted.into_iter().for_each(|id| self.wanted.add(id));
                Err(unsent(error))
            }
        }
    }

    /// A broadcast came.
    pub(super) fn hear(
        &mut self,
        topic: String,
        message: &[u8],
        topics: &Topics,
        present: &Present<'_>,
    ) -> Result<Received, Refused> {
        let announcement = discovery::operation(&topic);
        let operation = announcement.or_else(|| topics.operation(&topic));
        let right = operation.and_then(|operation| Right::named(operation, present.bundle));
        let Some(right) = right else { return Err(Refused::UnknownTopic(topic)) };
        let expected = Expected { topic: &topic, service: right.service, operation: right.operation };
        match self.receiver.verify(message, &expected, &present.receiver(), present.now) {
            Ok(verified) if self.own.contains(&verified.certificate.digest()) => Ok(Received::default()),
            Ok(verified) => self.believe(topic, message, verified, present),
            Err(_) if self.is_own(message) => Ok(Received::default()),
            Err(error) => {
                if let BroadcastError::UnknownCertificate(id) = &error {
                    self.wanted.add(*id);
                }
                Err(error.into())
            }
        }
    }

    fn believe(
        &mut self,
        topic: String,
        message: &[u8],
        verified: VerifiedBroadcast,
        present: &Present<'_>,
    ) -> Result<Received, Refused> {
        let VerifiedBroadcast { message: broadcast, certificate } = verified;
        self.wanted.found(certificate.key_id());
        self.asked_for(&broadcast);
        let peer = self.peers.heard(&certificate, present.now, &mut self.rng);
        if discovery::operation(&topic).is_some() {
            let announced = discovery::read(&broadcast.data, present.now)?;
            self.peers.announced(&certificate.digest(), announced);
            return Ok(Received::default());
        }
        self.recent.remember(&topic, certificate.digest(), message);
        let rights = present.names(&certificate);
        let delivery = Delivery { topic, payload: broadcast.data.0, protection: Protection::Signed, rights, peer };
        Ok(Received { deliver: Some(delivery), ..Received::default() })
    }

    /// What is due now: at most one announcement of each service.
    pub(super) fn announce(&mut self, present: &Present<'_>) -> Vec<Frame> {
        let mut services: Vec<ServiceId> = present.standing.active.keys().copied().collect();
        services.sort_unstable();
        services.into_iter().filter_map(|service| self.announce_service(service, present)).collect()
    }

    fn announce_service(&mut self, service: ServiceId, present: &Present<'_>) -> Option<Frame> {
        let content = discovery::content(service, &self.accepts, present.bundle);
        let is_due = content != [0; 4] && self.discovery.is_due(service, present.now);
        if !is_due && !self.asked.contains(&service) {
            return None;
        }
        let active = present.standing.active.get(&service)?;
        let (topic, right) = discovery::topic(&active.certificate.certificate, present.bundle)?;
        let frame = self.sign(&topic, right, &content, present).ok()?;
        self.discovery.announced(service, present.now, &mut self.rng);
        Some(frame)
    }

    /// Another node asked for certificates: the next message of those that are ours carries them.
    fn asked_for(&mut self, broadcast: &Broadcast) {
        let Some(wanted) = &broadcast.wanted else { return };
        for (service, sender) in &mut self.senders {
            if wanted.contains(&sender.certificate().certificate.key_id()) {
                sender.asked_for(wanted);
                self.asked.insert(*service);
            }
        }
    }

    fn sender(&mut self, service: ServiceId, active: &Active) -> &mut BroadcastSender {
        let new = |rng: &mut _| BroadcastSender::new(active.certificate.clone(), rng);
        let sender = self.senders.entry(service).or_insert_with(|| new(&mut self.rng));
        if sender.certificate().certificate.digest() != active.certificate.certificate.digest() {
            *sender = new(&mut self.rng);
        }
        sender
    }

    /// Whether a message that was not accepted claims a certificate of this node: the link brought it back.
    fn is_own(&self, message: &[u8]) -> bool {
        let Ok(signed) = Signed::<Broadcast>::decode(message) else { return false };
        match signed.hint() {
            KeyHint::Id(id) => self.own.may_contain(id),
            KeyHint::Certificate(whole) => self.own.contains(&Digest::of(&[whole])),
            KeyHint::None => false,
        }
    }
}

/// The holder of a pseudonym's signing key.
struct Held<'a>(&'a Active);

impl Signer for Held<'_> {
    fn public_key(&self) -> PublicKey {
        self.0.signer.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyUnavailable> {
        self.0.signer.sign(message)
    }
}

fn unsent(error: BroadcastError) -> Unsent {
    match error {
        BroadcastError::TooLarge { size } => Unsent::TooLarge { size, limit: DATA_BYTES_MAX },
        // The slot is over, and the next pseudonym is about to come.
        BroadcastError::Certificate(_) => Unsent::NotAuthorized,
        error => Unsent::Unavailable(error.to_string()),
    }
}
