//! Associations that both sides have confirmed.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use m2m_trust::association::{Association, AssociationError, AssociationId, LIFETIME_SECONDS};
use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::Now;
use m2m_trust::identity::{Digest, Seconds};

use super::Pair;
use super::content::FAREWELL;
use crate::speech::Refused;
use crate::speech::present::Present;

/// The most associations.
pub(in crate::speech) const ASSOCIATIONS_MAX: usize = 256;
/// The most with one peer: one to use, and one that is being replaced.
const WITH_PEER_MAX: usize = 2;
/// When the table is full, an association that was not used for this long makes room.
const IDLE_SECONDS: u64 = 60;
/// Past its life the other side has had time to notice the new one.
const GRACE_SECONDS: u64 = 60;
/// Packets of one's own that would be recognised if the link brought them back.
const ECHOES_MAX: usize = 512;

#[derive(Default)]
pub(super) struct Established {
    standing: HashMap<AssociationId, One>,
    echoes: VecDeque<Digest>,
    /// Counts those that were made, to tell the oldest.
    made: u64,
}

struct One {
    pair: Pair,
    association: Association,
    peer: Arc<Certificate>,
    number: u64,
    since: Seconds,
    used: Seconds,
    /// The peer knows that it ends.
    told: bool,
}

/// What was in a packet.
pub(super) struct Opened {
    pub(super) pair: Pair,
    pub(super) peer: Arc<Certificate>,
    pub(super) content: Vec<u8>,
}

/// Why nothing was sealed.
pub(super) enum SealFailure {
    /// None stands, or all are due for renewal.
    NoAssociation,
    Refused(AssociationError),
}

impl Established {
    /// Takes a new one. The oldest with the same peer goes when there are more than two.
    pub(super) fn insert(
        &mut self,
        pair: Pair,
        association: Association,
        now: Now,
    ) -> Result<Arc<Certificate>, Refused> {
        if let Some(oldest) = self.surplus(pair) {
            self.standing.remove(&oldest);
        }
        if self.is_full() {
            let idle = self.idle(now).ok_or(Refused::TooManyAssociations)?;
            self.standing.remove(&idle);
        }
        self.made += 1;
        let (since, peer) = (now.seconds(), Arc::new(association.peer().clone()));
        let id = association.id();
        let one = One { pair, association, peer: peer.clone(), number: self.made, since, used: since, told: false };
        self.standing.insert(id, one);
        Ok(peer)
    }

    /// Whether another one could be taken.
    pub(super) fn has_room(&self, now: Now) -> bool {
        !self.is_full() || self.idle(now).is_some()
    }

    pub(super) fn contains(&self, id: AssociationId) -> bool {
        self.standing.contains_key(&id)
    }

    /// Seals through the association with the smallest id that need not be renewed: both sides choose alike.
    pub(super) fn seal(&mut self, pair: Pair, content: &[u8], now: Now) -> Result<Vec<u8>, SealFailure> {
        let mut ids = self.of(pair);
        ids.sort_unstable_by_key(|id| id.0);
        for id in ids {
            let Some(one) = self.standing.get_mut(&id) else { continue };
            match one.association.seal(content, now) {
                Ok(packet) => {
                    one.used = now.seconds();
                    self.remember(&packet);
                    return Ok(packet);
                }
                Err(AssociationError::RenewalDue) => {}
                Err(AssociationError::Ended(_)) => {
                    self.standing.remove(&id);
                }
                Err(error) => return Err(SealFailure::Refused(error)),
            }
        }
        Err(SealFailure::NoAssociation)
    }

    /// Opens a packet; `None` where no association has the id, or the packet is one's own.
    pub(super) fn open(
        &mut self,
        id: AssociationId,
        packet: &[u8],
        present: &Present<'_>,
    ) -> Option<Result<Opened, AssociationError>> {
        let one = self.standing.get_mut(&id)?;
        if let Err(error) = one.peer.check(&present.receiver(), present.now) {
            self.standing.remove(&id);
            return Some(Err(error.into()));
        }
        match one.association.open(packet, present.now) {
            Ok(content) => {
                one.used = present.now.seconds();
                Some(Ok(Opened { pair: one.pair, peer: one.peer.clone(), content }))
            }
            Err(_) if self.echoes.contains(&Digest::of(&[packet])) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// The peer said farewell.
    pub(super) fn end_with(&mut self, pair: Pair) {
        self.standing.retain(|_, one| one.pair != pair);
    }

    pub(super) fn expire(&mut self, present: &Present<'_>) {
        self.standing.retain(|_, one| {
            let end = one.since.plus(LIFETIME_SECONDS + GRACE_SECONDS);
            present.now.seconds() < end && present.counts(&one.peer)
        });
    }

    pub(super) fn farewells(&mut self, now: Now) -> Vec<Vec<u8>> {
        let untold = self.standing.values_mut().filter(|one| !one.told);
        let packets: Vec<_> = untold
            .filter_map(|one| {
                one.told = true;
                one.association.seal(FAREWELL, now).ok()
            })
            .collect();
        packets.iter().for_each(|packet| self.remember(packet));
        packets
    }

    pub(super) fn all_told(&self) -> bool {
        self.standing.values().all(|one| one.told)
    }

    fn is_full(&self) -> bool {
        self.standing.len() >= ASSOCIATIONS_MAX
    }

    fn of(&self, pair: Pair) -> Vec<AssociationId> {
        self.standing.iter().filter(|(_, one)| one.pair == pair).map(|(id, _)| *id).collect()
    }

    fn surplus(&self, pair: Pair) -> Option<AssociationId> {
        let ids = self.of(pair);
        if ids.len() < WITH_PEER_MAX {
            return None;
        }
        ids.into_iter().min_by_key(|id| self.standing.get(id).map(|one| one.number))
    }

    fn idle(&self, now: Now) -> Option<AssociationId> {
        let (id, longest) = self.standing.iter().min_by_key(|(_, one)| one.used)?;
        (longest.used.plus(IDLE_SECONDS) <= now.seconds()).then_some(*id)
    }

    fn remember(&mut self, packet: &[u8]) {
        if self.echoes.len() >= ECHOES_MAX {
            self.echoes.pop_front();
        }
        self.echoes.push_back(Digest::of(&[packet]));
    }
}
