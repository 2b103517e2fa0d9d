//! Confidential messages: associations with peers' pseudonyms, one or two for each.
//!
//! A message to a peer without an association waits until the handshake is done. When both sides open at the same time both
//! associations stand, and each side sends through the one with the smaller id. After an hour or 2^20 messages the sender opens a new
//! one, and the oldest goes as soon as there are three. Associations end with the certificate of either side, with a farewell (an
//! empty message, sent before a pseudonym is given up), and when one's own pseudonym changed.
//!
//! Openings come from anybody. They are answered at a bounded rate into a table of their own, in which the oldest unfinished handshake
//! makes room, so that a flood costs little and never takes the place of an association that stands.

mod answering;
mod content;
mod established;
mod incoming;
mod opening;
mod packet;

#[cfg(test)]
pub(super) mod limits {
    pub(in crate::speech) use super::answering::{HALF_OPEN_MAX, OPENINGS_PER_SECOND};
    pub(in crate::speech) use super::established::ASSOCIATIONS_MAX;
}

use std::sync::Arc;

use m2m_trust::association::AssociationError;
use m2m_trust::certificate::Certificate;
use m2m_trust::identity::{Digest, ServiceId};
use rand_core::CryptoRng;

use super::present::{Present, Right};
use super::{Frame, Unsent};
use answering::Answering;
use content::Content;
use established::{Established, SealFailure};
use opening::Openings;

/// Who speaks with whom: a service's pseudonym of this node, and a peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) service: ServiceId,
    pub(super) peer: Digest,
}

/// All associations and those that are being made.
#[derive(Default)]
pub(super) struct Associations {
    established: Established,
    openings: Openings,
    answering: Answering,
    undelivered: u64,
}

impl Associations {
    /// Sends a message to a peer, or keeps it until an association stands. Gives the frame to send now, if any.
    pub(super) fn confide(
        &mut self,
        peer: &Arc<Certificate>,
        topic: &str,
        right: Right,
        data: &[u8],
        present: &Present<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Frame>, Unsent> {
        if !present.counts(peer) {
            return Err(Unsent::NoPeer);
        }
        let content = Content::encode(topic, data)?;
        let pair = Pair { service: right.service, peer: peer.digest() };
        match self.established.seal(pair, &content, present.now) {
            Ok(packet) => Ok(Some(Frame::association(packet))),
            Err(SealFailure::NoAssociation) => self.openings.enqueue(pair, peer, right, content, present, rng),
            Err(SealFailure::Refused(error)) => Err(unsent(error)),
        }
    }

    /// Opens again what got no answer, and gives up what got none for too long.
    pub(super) fn open_again(&mut self, present: &Present<'_>, rng: &mut impl CryptoRng) -> Vec<Frame> {
        let (frames, lost) = self.openings.open_again(present, rng);
        self.undelivered += lost;
        frames
    }

    /// Drops what is over: certificates that ended or were revoked, handshakes without an end.
    pub(super) fn expire(&mut self, present: &Present<'_>) {
        self.established.expire(present);
        self.answering.expire(present.now);
    }

    /// Tells every peer that the pseudonym ends; once for each association.
    pub(super) fn farewells(&mut self, present: &Present<'_>) -> Vec<Frame> {
        self.established.farewells(present.now).into_iter().map(Frame::association).collect()
    }

    /// Ends everything: the pseudonym is gone.
    pub(super) fn end_all(&mut self) {
        self.undelivered += self.openings.clear();
        self.established = Established::default();
        self.answering = Answering::default();
    }

    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered
    }

    pub(super) fn is_drained(&self) -> bool {
        self.openings.is_empty() && self.established.all_told()
    }
}

/// Why an association cannot be opened or used for a message that the node has a right to.
fn unsent(error: AssociationError) -> Unsent {
    match error {
        AssociationError::Certificate(_) | AssociationError::Ended(_) => Unsent::NotAuthorized,
        AssociationError::NotAuthorized => Unsent::NoPeer,
        error => Unsent::Unavailable(error.to_string()),
    }
}
