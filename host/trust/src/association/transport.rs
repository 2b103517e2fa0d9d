//! Messages of an association.

use super::AssociationError;
use super::noise::{NoiseError, NoiseTransport};
use super::packet::{self, AssociationId, DATA, Data};
use super::window::Window;
use crate::certificate::Certificate;
use crate::clock_floor::Now;
use crate::codec;
use crate::identity::{Digest, Seconds};
use crate::padding::{self, ASSOCIATION_BUCKETS};

/// How long an association may live, in seconds.
pub const LIFETIME_SECONDS: u64 = 3600;
/// How many messages may go one way.
pub const MESSAGES_MAX: u64 = 1 << 20;

/// An association that both sides have confirmed.
pub struct Association {
    id: AssociationId,
    transport: Box<dyn NoiseTransport>,
    handshake_hash: Digest,
    peer: Certificate,
    sent: u64,
    received: Window,
    renew_at: Seconds,
    ends: Seconds,
}

impl Association {
    pub(super) fn new(
        id: AssociationId,
        transport: Box<dyn NoiseTransport>,
        handshake_hash: Digest,
        peer: Certificate,
        now: Seconds,
        expires: Seconds,
    ) -> Self {
        let (renew_at, received) = (now.plus(LIFETIME_SECONDS), Window::default());
        Self { id, transport, handshake_hash, peer, sent: 0, received, renew_at, ends: expires }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> AssociationId {
        self.id
    }

    /// The verified certificate of the other side.
    #[must_use]
    pub fn peer(&self) -> &Certificate {
        &self.peer
    }

    /// The hash of the whole handshake, the same on both sides.
    #[must_use]
    pub fn handshake_hash(&self) -> &[u8] {
        &self.handshake_hash.0
    }

    /// Ends it, because a pseudonym changed or the peer left.
    pub fn end(&mut self, now: Seconds) {
        self.ends = self.ends.min(now);
    }

    /// Encrypts a message, padded to a bucket.
    ///
    /// # Errors
    /// [`AssociationError::Ended`], [`AssociationError::RenewalDue`], [`AssociationError::Padding`],
    /// [`AssociationError::Unavailable`].
    pub fn seal(&mut self, content: &[u8], now: Now) -> Result<Vec<u8>, AssociationError> {
        self.check_alive(now)?;
        if self.sent >= MESSAGES_MAX || now.seconds() >= self.renew_at {
            return Err(AssociationError::RenewalDue);
        }
        let padded = padding::pad(content.to_vec(), ASSOCIATION_BUCKETS)?;
        let (counter, ciphertext) = self.transport.seal(&padded)?;
        self.sent = counter.saturating_add(1);
        let packet = Data { kind: DATA, id: self.id, counter, ciphertext: ciphertext.into() };
        Ok(codec::encode(&packet))
    }

    /// Decrypts a message. What does not authenticate leaves the window as it was.
    ///
    /// # Errors
    /// [`AssociationError`], in the order encoding, association, end, counter, authenticity, padding.
    pub fn open(&mut self, packet: &[u8], now: Now) -> Result<Vec<u8>, AssociationError> {
        let data = packet::data(packet, self.id)?;
        self.check_alive(now)?;
        if data.counter >= MESSAGES_MAX || !self.received.is_new(data.counter) {
            return Err(AssociationError::Replay(data.counter));
        }
        let padded = self.transport.open(data.counter, &data.ciphertext).map_err(|error| match error {
            NoiseError::Unavailable(cause) => AssociationError::Unavailable(cause),
            _ => AssociationError::NotAuthentic,
        })?;
        self.received.mark(data.counter);
        Ok(padding::unpad(padded, ASSOCIATION_BUCKETS)?)
    }

    fn check_alive(&self, now: Now) -> Result<(), AssociationError> {
        if now.seconds() >= self.ends { Err(AssociationError::Ended(self.ends)) } else { Ok(()) }
    }
}
