//! The sender's side: one for each current pseudonym, made anew when it changes.

use rand_core::CryptoRng;

use super::{Broadcast, BroadcastError, DATA_BYTES_MAX, Location, SHIFT_US, WANTED_MAX, WHOLE_CERTIFICATE_US};
use crate::aif::Operation;
use crate::authorization::PseudonymCertificate;
use crate::clock_floor::Now;
use crate::cose::{self, KeyHint};
use crate::identity::{KeyId, Micros, ServiceId, TrustDomain};
use crate::keys::Signer;

/// Signs under one certificate.
#[derive(Debug)]
pub struct BroadcastSender {
    own: PseudonymCertificate,
    sequence: u16,
    /// How far signed times lie behind the clock. A clock's error of milliseconds would tell one node from others, and go on
    /// after a change of pseudonym; behind a number drawn for each pseudonym nothing is seen of it.
    shift_us: u64,
    /// When the whole certificate was last sent; `None` makes it go out with the next message.
    shown: Option<Micros>,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Where it is published; part of what is signed.
    pub topic: &'a str,
    /// The service that the topic belongs to.
    pub service: ServiceId,
    /// The operation that the topic belongs to.
    pub operation: Operation,
    /// The content.
    pub data: &'a [u8],
    /// Where.
    pub location: Option<Location>,
    /// From when on it is of no use.
    pub expiry: Option<Micros>,
    /// Digests whose certificates are not known here, from [`BroadcastReceiver::wanted`](super::BroadcastReceiver::wanted).
    pub wanted: Vec<KeyId>,
}

impl BroadcastSender {
    /// Starts at a random sequence number, with times up to [`SHIFT_US`] behind the clock.
    pub fn new(own: PseudonymCertificate, rng: &mut impl CryptoRng) -> Self {
        let mut sequence = [0; 2];
        rng.fill_bytes(&mut sequence);
        let shift_us = rng.next_u64() % (SHIFT_US + 1);
        Self { own, sequence: u16::from_be_bytes(sequence), shift_us, shown: None }
    }

    /// The certificate in use.
    #[must_use]
    pub fn certificate(&self) -> &PseudonymCertificate {
        &self.own
    }

    /// Another node asked for certificates by digest: if this one is among them, the next message carries it.
    pub fn asked_for(&mut self, wanted: &[KeyId]) {
        if wanted.contains(&self.own.certificate.key_id()) {
            self.shown = None;
        }
    }

    /// Signs a message. `signer` holds the key of the certificate.
    ///
    /// # Errors
    /// [`BroadcastError::TooLarge`], [`BroadcastError::Wanted`], [`BroadcastError::Certificate`] outside the slot,
    /// [`BroadcastError::NotAuthorized`], [`BroadcastError::Key`].
    pub fn sign(
        &mut self,
        outgoing: &Outgoing<'_>,
        now: Now,
        domain: &TrustDomain,
        signer: &impl Signer,
    ) -> Result<Vec<u8>, BroadcastError> {
        if outgoing.data.len() > DATA_BYTES_MAX {
            return Err(BroadcastError::TooLarge { size: outgoing.data.len() });
        }
        if outgoing.wanted.len() > WANTED_MAX {
            return Err(BroadcastError::Wanted(outgoing.wanted.len()));
        }
        self.own.certificate.claims().check_time(now.seconds())?;
        if !self.own.certificate.covers(outgoing.service, outgoing.operation) {
            return Err(BroadcastError::NotAuthorized(outgoing.service));
        }
        let message = Broadcast {
            data: outgoing.data.to_vec().into(),
            service: outgoing.service,
            time: Micros(now.micros().0.saturating_sub(self.shift_us)),
            sequence: self.sequence,
            location: outgoing.location,
            expiry: outgoing.expiry,
            wanted: (!outgoing.wanted.is_empty()).then(|| outgoing.wanted.clone()),
        };
        let whole = self.shown.is_none_or(|shown| now.micros().0 >= shown.0.saturating_add(WHOLE_CERTIFICATE_US));
        let hint = if whole {
            KeyHint::Certificate(self.own.encoded.clone().into())
        } else {
            KeyHint::Id(self.own.certificate.key_id())
        };
        let signed = cose::sign(&message, domain, outgoing.topic.as_bytes(), &hint, signer)?;
        self.sequence = self.sequence.wrapping_add(1);
        if whole {
            self.shown = Some(now.micros());
        }
        Ok(signed)
    }
}
