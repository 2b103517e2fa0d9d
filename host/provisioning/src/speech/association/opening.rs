//! Associations that this node opens, and what waits for them.

use std::collections::HashMap;
use std::sync::Arc;

use m2m_trust::association::{self, AssociationId, AwaitingAnswer, Target};
use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::Now;
use m2m_trust::identity::Micros;
use rand_core::CryptoRng;

use super::{Pair, unsent};
use crate::speech::present::{Present, Right};
use crate::speech::{Frame, Unsent};

/// The most handshakes at a time.
const OPENINGS_MAX: usize = 64;
/// How long an answer is waited for, in microseconds.
const ANSWER_US: u64 = 2_000_000;
/// How often an association is opened before what waits for it is given up.
const ATTEMPTS_MAX: u32 = 3;
/// The most messages that wait for one peer.
const WAITING_MAX: usize = 32;
/// The most bytes that wait for all peers.
const WAITING_BYTES_MAX: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Openings {
    by_pair: HashMap<Pair, Opening>,
    bytes: usize,
}

struct Opening {
    peer: Arc<Certificate>,
    right: Right,
    /// `None` after an answer that was not acceptable: opened again when the time is over.
    awaiting: Option<AwaitingAnswer>,
    opened: Micros,
    attempts: u32,
    waiting: Vec<Vec<u8>>,
}

/// An opening whose answer has come.
pub(super) struct Answered {
    pub(super) pair: Pair,
    pub(super) awaiting: AwaitingAnswer,
}

impl Openings {
    /// Keeps a message, and opens an association unless that has been done. Gives the frame to send, if any.
    pub(super) fn enqueue(
        &mut self,
        pair: Pair,
        peer: &Arc<Certificate>,
        right: Right,
        content: Vec<u8>,
        present: &Present<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Frame>, Unsent> {
        if self.bytes + content.len() > WAITING_BYTES_MAX {
            return Err(Unsent::Unavailable("too much waits for peers to answer".to_owned()));
        }
        let size = content.len();
        if let Some(opening) = self.by_pair.get_mut(&pair) {
            if opening.waiting.len() >= WAITING_MAX {
                return Err(Unsent::Unavailable("too many messages wait for the peer to answer".to_owned()));
            }
            opening.waiting.push(content);
            self.bytes += size;
            return Ok(None);
        }
        if self.by_pair.len() >= OPENINGS_MAX {
            return Err(Unsent::Unavailable("too many associations are being opened".to_owned()));
        }
        let mut opening = Opening {
            peer: peer.clone(),
            right,
            awaiting: None,
            opened: present.now.micros(),
            attempts: 0,
            waiting: vec![content],
        };
        let frame = opening.open(present, rng)?;
        self.by_pair.insert(pair, opening);
        self.bytes += size;
        Ok(Some(frame))
    }

    /// Whether an opening is one's own.
    pub(super) fn contains(&self, id: AssociationId) -> bool {
        self.by_pair.values().any(|opening| opening.is(id))
    }

    /// Takes the handshake that an answer is for. What waits stays until [`done`](Self::done).
    pub(super) fn answered(&mut self, id: AssociationId) -> Option<Answered> {
        let (pair, opening) = self.by_pair.iter_mut().find(|(_, opening)| opening.is(id))?;
        Some(Answered { pair: *pair, awaiting: opening.awaiting.take()? })
    }

    /// An association with the peer stands: gives what waited for it.
    pub(super) fn done(&mut self, pair: Pair) -> Vec<Vec<u8>> {
        let waiting = self.by_pair.remove(&pair).map(|opening| opening.waiting).unwrap_or_default();
        self.bytes -= bytes(&waiting);
        waiting
    }

    /// Opens again what got no good answer in time. Gives the frames, and how many messages were given up.
    pub(super) fn open_again(&mut self, present: &Present<'_>, rng: &mut impl CryptoRng) -> (Vec<Frame>, u64) {
        let late: Vec<Pair> =
            self.by_pair.iter().filter(|(_, opening)| opening.is_late(present.now)).map(|(pair, _)| *pair).collect();
        let (mut frames, mut lost) = (Vec::new(), 0);
        for pair in late {
            let opening = self.by_pair.get_mut(&pair);
            let again = opening.filter(|opening| opening.attempts < ATTEMPTS_MAX);
            match again.and_then(|opening| opening.open(present, rng).ok()) {
                Some(frame) => frames.push(frame),
                None => lost += self.done(pair).len() as u64,
            }
        }
        (frames, lost)
    }

    /// Gives up everything; how many messages that were.
    pub(super) fn clear(&mut self) -> u64 {
        let lost = self.by_pair.drain().map(|(_, opening)| opening.waiting.len() as u64).sum();
        self.bytes = 0;
        lost
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_pair.is_empty()
    }
}

impl Opening {
    fn open(&mut self, present: &Present<'_>, rng: &mut impl CryptoRng) -> Result<Frame, Unsent> {
        let active = present.standing.active.get(&self.right.service).ok_or(Unsent::NotAuthorized)?;
        let target = Target { certificate: &self.peer, service: self.right.service, operation: self.right.operation };
        let (packet, awaiting) =
            association::initiate(&active.own(), &target, &present.receiver(), present.now, rng).map_err(unsent)?;
        self.awaiting = Some(awaiting);
        self.opened = present.now.micros();
        self.attempts += 1;
        Ok(Frame::association(packet))
    }

    fn is(&self, id: AssociationId) -> bool {
        self.awaiting.as_ref().is_some_and(|awaiting| awaiting.id() == id)
    }

    fn is_late(&self, now: Now) -> bool {
        now.micros().0 >= self.opened.0.saturating_add(ANSWER_US)
    }
}

fn bytes(waiting: &[Vec<u8>]) -> usize {
    waiting.iter().map(Vec::len).sum()
}
