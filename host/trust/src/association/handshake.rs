//! The three messages of the handshake. Each state is used up by the message that moves it on.

use std::sync::Arc;

use rand_core::CryptoRng;

use super::noise::{NoiseHandshake, NoiseKey, NoiseRole};
use super::packet::{self, ANSWER, AssociationId, CONFIRMATION, Handshake, OPENING, Opening};
use super::{Association, AssociationError};
use crate::aif::Operation;
use crate::authorization::PseudonymCertificate;
use crate::certificate::{Certificate, Receiver};
use crate::clock_floor::Now;
use crate::codec;
use crate::identity::{Seconds, ServiceId};
use crate::padding::{self, ASSOCIATION_BUCKETS};

/// A pseudonym of one's own.
#[derive(Clone)]
pub struct OwnPseudonym {
    /// Its certificate.
    pub certificate: PseudonymCertificate,
    /// Holds the agreement key of the certificate.
    pub noise: Arc<dyn NoiseKey>,
}

/// Whom to associate with and what for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The addressed certificate, from a message that was verified.
    pub certificate: &'a Certificate,
    /// The service; both certificates must name it.
    pub service: ServiceId,
    /// The operation that the initiator has a right to.
    pub operation: Operation,
}

/// Both sides' knowledge of what is being made.
struct Context {
    id: AssociationId,
    service: ServiceId,
    own: PseudonymCertificate,
}

/// The initiator waits for message 2.
pub struct AwaitingAnswer {
    noise: Box<dyn NoiseHandshake>,
    context: Context,
    addressed: Certificate,
}

/// The responder waits for message 3.
pub struct AwaitingConfirmation {
    noise: Box<dyn NoiseHandshake>,
    context: Context,
    operation: Operation,
}

/// Message 1: opens an association.
///
/// # Errors
/// [`AssociationError::Certificate`] or [`AssociationError::NotAuthorized`] where either certificate does not fit now,
/// [`AssociationError::Unavailable`].
pub fn initiate(
    own: &OwnPseudonym,
    target: &Target<'_>,
    receiver: &Receiver<'_>,
    now: Now,
    rng: &mut impl CryptoRng,
) -> Result<(Vec<u8>, AwaitingAnswer), AssociationError> {
    own.certificate.certificate.claims().check_time(now.seconds())?;
    target.certificate.check(receiver, now)?;
    let covered = own.certificate.certificate.covers(target.service, target.operation);
    if !covered || !target.certificate.scope().names(target.service) {
        return Err(AssociationError::NotAuthorized);
    }
    let mut id = [0; 8];
    rng.fill_bytes(&mut id);
    let id = AssociationId(id);
    let addressed = target.certificate.digest();
    let prologue = packet::prologue(&receiver.bundle.domain, target.service, target.operation, &addressed, id);
    let mut noise = own.noise.begin(NoiseRole::Initiator, &prologue)?;
    let opening = Opening {
        kind: OPENING,
        id,
        service: target.service,
        operation: target.operation,
        addressed: addressed.key_id(),
        noise: noise.write(&[])?.into(),
    };
    let context = Context { id, service: target.service, own: own.certificate.clone() };
    Ok((codec::encode(&opening), AwaitingAnswer { noise, context, addressed: target.certificate.clone() }))
}

/// Message 2: answers an opening that is addressed to `own`.
///
/// # Errors
/// [`AssociationError::NotAddressed`], [`AssociationError::Certificate`], [`AssociationError::NotAuthorized`],
/// [`AssociationError::Handshake`], [`AssociationError::Agreement`], [`AssociationError::Unavailable`].
pub fn respond(
    opening: &Opening,
    own: &OwnPseudonym,
    receiver: &Receiver<'_>,
    now: Now,
) -> Result<(Vec<u8>, AwaitingConfirmation), AssociationError> {
    let certificate = &own.certificate.certificate;
    if opening.addressed != certificate.key_id() {
        return Err(AssociationError::NotAddressed(opening.addressed));
    }
    certificate.claims().check_time(now.seconds())?;
    if !certificate.scope().names(opening.service) {
        return Err(AssociationError::NotAuthorized);
    }
    let digest = certificate.digest();
    let prologue = packet::prologue(&receiver.bundle.domain, opening.service, opening.operation, &digest, opening.id);
    let mut noise = own.noise.begin(NoiseRole::Responder, &prologue)?;
    if !noise.read(&opening.noise)?.is_empty() {
        return Err(AssociationError::Handshake);
    }
    let answer = own_certificate(&mut *noise, &own.certificate)?;
    let answer = Handshake { kind: ANSWER, id: opening.id, noise: answer.into() };
    let context = Context { id: opening.id, service: opening.service, own: own.certificate.clone() };
    Ok((codec::encode(&answer), AwaitingConfirmation { noise, context, operation: opening.operation }))
}

impl AwaitingAnswer {
    /// Which association.
    #[must_use]
    pub fn id(&self) -> AssociationId {
        self.context.id
    }

    /// Takes message 2 and gives message 3 and the association.
    ///
    /// # Errors
    /// [`AssociationError`], in the order encoding, association, handshake, addressed certificate, its validity, static key,
    /// service.
    pub fn answered(
        mut self,
        answer: &[u8],
        receiver: &Receiver<'_>,
        now: Now,
    ) -> Result<(Vec<u8>, Association), AssociationError> {
        let noise = packet::handshake(answer, ANSWER, self.context.id)?;
        let peer = peer_certificate(&mut *self.noise, &noise, receiver, now, |certificate| {
            let addressed = certificate.digest() == self.addressed.digest();
            if addressed { Ok(()) } else { Err(AssociationError::OtherCertificate) }
        })?;
        if !peer.scope().names(self.context.service) {
            return Err(AssociationError::NotAuthorized);
        }
        let confirmation = own_certificate(&mut *self.noise, &self.context.own)?;
        let confirmation = Handshake { kind: CONFIRMATION, id: self.context.id, noise: confirmation.into() };
        Ok((codec::encode(&confirmation), self.context.association(self.noise, peer, now)?))
    }
}

impl AwaitingConfirmation {
    /// Which association.
    #[must_use]
    pub fn id(&self) -> AssociationId {
        self.context.id
    }

    /// Takes message 3 and gives the association.
    ///
    /// # Errors
    /// [`AssociationError`], in the order encoding, association, handshake, certificate, static key, operation.
    pub fn confirmed(
        mut self,
        confirmation: &[u8],
        receiver: &Receiver<'_>,
        now: Now,
    ) -> Result<Association, AssociationError> {
        let noise = packet::handshake(confirmation, CONFIRMATION, self.context.id)?;
        let own = self.context.own.certificate.digest();
        let peer = peer_certificate(&mut *self.noise, &noise, receiver, now, |certificate| {
            if certificate.digest() == own { Err(AssociationError::Reflection) } else { Ok(()) }
        })?;
        if !peer.covers(self.context.service, self.operation) {
            return Err(AssociationError::NotAuthorized);
        }
        self.context.association(self.noise, peer, now)
    }
}

impl Context {
    fn association(
        self,
        noise: Box<dyn NoiseHandshake>,
        peer: Certificate,
        now: Now,
    ) -> Result<Association, AssociationError> {
        let expires: Seconds = peer.claims().expires.min(self.own.certificate.claims().expires);
        let (transport, handshake_hash) = noise.finish()?;
        Ok(Association::new(self.id, transport, handshake_hash, peer, now.seconds(), expires))
    }
}

fn own_certificate(noise: &mut dyn NoiseHandshake, own: &PseudonymCertificate) -> Result<Vec<u8>, AssociationError> {
    Ok(noise.write(&padding::pad(own.encoded.clone(), ASSOCIATION_BUCKETS)?)?)
}

/// Reads a message whose payload is a certificate, and ties it to the static key that came with it.
fn peer_certificate(
    noise: &mut dyn NoiseHandshake,
    message: &[u8],
    receiver: &Receiver<'_>,
    now: Now,
    expected: impl FnOnce(&Certificate) -> Result<(), AssociationError>,
) -> Result<Certificate, AssociationError> {
    let payload = padding::unpad(noise.read(message)?, ASSOCIATION_BUCKETS)?;
    let certificate = Certificate::verify(&payload, receiver.bundle)?;
    expected(&certificate)?;
    certificate.check(receiver, now)?;
    if noise.remote_static() != Some(certificate.agreement_key()) {
        return Err(AssociationError::KeyMismatch);
    }
    Ok(certificate)
}
