//! The receiver's side.

use std::sync::Arc;

use super::cache::CertificateCache;
use super::replay::ReplayWindow;
use super::{AHEAD_US, Broadcast, BroadcastError, EVENT_WINDOW_US, PERIODIC_WINDOW_US, WANTED_MAX};
use crate::aif::Operation;
use crate::bundle::{IssuerError, TrustBundle};
use crate::certificate::{Certificate, CertificateError, Receiver};
use crate::clock_floor::Now;
use crate::cose::{KeyHint, Signed};
use crate::identity::{Digest, KeyId, Micros, ServiceId};

/// What a node remembers of others' broadcasts.
#[derive(Debug, Default)]
pub struct BroadcastReceiver {
    certificates: CertificateCache,
    replays: ReplayWindow,
    wanted: Vec<KeyId>,
}

/// What a message must have a right to, from the topic that it was received under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Its service.
    pub service: ServiceId,
    /// Its operation.
    pub operation: Operation,
}

/// A message that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBroadcast {
    /// The message.
    pub message: Broadcast,
    /// What its sender may do, and whom to address in return.
    pub certificate: Arc<Certificate>,
}

impl BroadcastReceiver {
    /// Verifies a message.
    ///
    /// # Errors
    /// [`BroadcastError`], in the order size and encoding; time, expiry, service, revocation; certificate; signature; AIF;
    /// replay.
    pub fn verify(
        &mut self,
        bytes: &[u8],
        expected: &Expected<'_>,
        receiver: &Receiver<'_>,
        now: Now,
    ) -> Result<VerifiedBroadcast, BroadcastError> {
        let signed = Signed::<Broadcast>::decode(bytes)?;
        let until = check_claims(signed.unverified(), expected, receiver.bundle, now)?;
        let candidates = self.candidates(signed.hint(), receiver, now)?;
        let payload = signed.payload_digest();
        let keys = candidates.iter().map(|certificate| certificate.key());
        let topic = expected.topic.as_bytes();
        let (message, index) = signed.verify_any(&receiver.bundle.domain, topic, keys)?;
        let certificate = candidates.into_iter().nth(index).ok_or(BroadcastError::NoCertificate)?;
        self.certificates.insert(certificate.clone());
        self.wanted.retain(|id| *id != certificate.key_id());
        if !certificate.covers(expected.service, expected.operation) {
            return Err(BroadcastError::NotAuthorized(expected.service));
        }
        // The payload has the sequence number in it.
        let key = Digest::of(&[&certificate.digest().0, &payload.0]);
        self.replays.admit(key, now.micros(), until)?;
        Ok(VerifiedBroadcast { message, certificate })
    }

    /// Digests to ask for in the next message of one's own.
    #[must_use]
    pub fn wanted(&self) -> Vec<KeyId> {
        self.wanted.clone()
    }

    /// Forgets verified certificates: to be called when the trust bundle changed, since an issuer may be gone.
    pub fn bundle_changed(&mut self) {
        self.certificates = CertificateCache::default();
    }

    /// Certificates that may have signed, checked for the present; a certificate in the message is verified.
    fn candidates(
        &mut self,
        hint: &KeyHint,
        receiver: &Receiver<'_>,
        now: Now,
    ) -> Result<Vec<Arc<Certificate>>, BroadcastError> {
        match hint {
            KeyHint::None => Err(BroadcastError::NoCertificate),
            KeyHint::Certificate(bytes) => {
                let digest = Digest::of(&[bytes]);
                let certificate = match self.certificates.get(&digest) {
                    Some(known) => known,
                    None => Arc::new(verify_whole(bytes, digest, receiver, now)?),
                };
                certificate.check(receiver, now)?;
                Ok(vec![certificate])
            }
            KeyHint::Id(id) => {
                let known = self.certificates.candidates(id);
                if known.is_empty() {
                    self.want(*id);
                    return Err(BroadcastError::UnknownCertificate(*id));
                }
                let (fit, unfit): (Vec<_>, Vec<_>) = known
                    .into_iter()
                    .map(|certificate| certificate.check(receiver, now).map(|()| certificate))
                    .partition(Result::is_ok);
                match unfit.into_iter().find_map(Result::err) {
                    Some(error) if fit.is_empty() => Err(error.into()),
                    _ => Ok(fit.into_iter().flatten().collect()),
                }
            }
        }
    }

    fn want(&mut self, id: KeyId) {
        if self.wanted.contains(&id) {
            return;
        }
        if self.wanted.len() >= WANTED_MAX {
            self.wanted.remove(0);
        }
        self.wanted.push(id);
    }
}

/// What needs no cryptography. Gives the time until which the message must be remembered.
fn check_claims(
    message: &Broadcast,
    expected: &Expected<'_>,
    bundle: &TrustBundle,
    now: Now,
) -> Result<Micros, BroadcastError> {
    let (time, now) = (message.time, now.micros());
    let service = bundle.service(expected.service).filter(|service| service.id == message.service);
    let window = if service.is_some_and(|service| service.event) { EVENT_WINDOW_US } else { PERIODIC_WINDOW_US };
    let until = Micros(time.0.saturating_add(window));
    if until < now {
        return Err(BroadcastError::TooOld { time, now });
    }
    if time.0 > now.0.saturating_add(AHEAD_US) {
        return Err(BroadcastError::FromFuture { time, now });
    }
    if let Some(expiry) = message.expiry
        && expiry <= now
    {
        return Err(BroadcastError::Expired(expiry));
    }
    if service.is_none() {
        return Err(BroadcastError::Service { found: message.service, expected: expected.service });
    }
    if message.wanted.as_ref().is_some_and(|wanted| wanted.len() > WANTED_MAX) {
        return Err(BroadcastError::Wanted(message.wanted.as_ref().map_or(0, Vec::len)));
    }
    Ok(until)
}

/// The time comes before the issuer's signature: it costs nothing.
fn verify_whole(
    bytes: &[u8],
    digest: Digest,
    receiver: &Receiver<'_>,
    now: Now,
) -> Result<Certificate, CertificateError> {
    let signed = Signed::decode(bytes).map_err(IssuerError::from)?;
    let claims: &crate::certificate::CertificateClaims = signed.unverified();
    claims.check_time(now.seconds())?;
    Certificate::verify_decoded(signed, digest, receiver.bundle)
}
