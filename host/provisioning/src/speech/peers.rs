//! Pseudonyms of other nodes that were met.

use std::collections::HashMap;
use std::sync::Arc;

use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::Now;
use m2m_trust::identity::{Digest, Micros};
use rand_core::CryptoRng;

use super::PeerId;
use super::present::Right;

const PEERS_MAX: usize = 1024;

/// Who was heard, and what they listen to. When it is full, who was not heard for longest goes.
#[derive(Default)]
pub(super) struct Peers {
    met: HashMap<Digest, Peer>,
    ids: HashMap<PeerId, Digest>,
}

struct Peer {
    id: PeerId,
    certificate: Arc<Certificate>,
    heard: Micros,
    announced: Option<Announced>,
}

/// What a peer said it listens to, of its certificate's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announced {
    /// A bit for each operation.
    pub(super) operations: u32,
    /// It counts until then, unless it is said again.
    pub(super) until: Micros,
}

impl Peers {
    /// A message of this certificate was verified.
    pub(super) fn heard(&mut self, certificate: &Arc<Certificate>, now: Now, rng: &mut impl CryptoRng) -> PeerId {
        if let Some(peer) = self.met.get_mut(&certificate.digest()) {
            peer.heard = now.micros();
            return peer.id;
        }
        if self.met.len() >= PEERS_MAX
            && let Some(longest) = self.met.iter().min_by_key(|(_, peer)| peer.heard).map(|(digest, _)| *digest)
        {
            self.forget(&longest);
        }
        let id = self.new_id(rng);
        let peer = Peer { id, certificate: certificate.clone(), heard: now.micros(), announced: None };
        self.met.insert(certificate.digest(), peer);
        self.ids.insert(id, certificate.digest());
        id
    }

    /// A peer said what it listens to.
    pub(super) fn announced(&mut self, certificate: &Digest, announced: Announced) {
        if let Some(peer) = self.met.get_mut(certificate) {
            peer.announced = Some(announced);
        }
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Arc<Certificate>> {
        self.met.get(self.ids.get(&id)?).map(|peer| &peer.certificate)
    }

    /// Who listens to an operation, in no order that means anything.
    pub(super) fn listeners(&self, right: Right, now: Now, most: usize) -> Vec<Arc<Certificate>> {
        let listens = |peer: &&Peer| {
            let bit = 1 << right.operation.number();
            let announced = peer.announced.filter(|announced| announced.until > now.micros());
            announced.is_some_and(|announced| announced.operations & bit != 0)
                && peer.certificate.scope().names(right.service)
        };
        let mut listeners: Vec<&Peer> = self.met.values().filter(listens).collect();
        listeners.sort_by_key(|peer| peer.id);
        listeners.into_iter().take(most).map(|peer| peer.certificate.clone()).collect()
    }

    /// The peer gave its pseudonym up, or it was revoked.
    pub(super) fn forget(&mut self, certificate: &Digest) {
        if let Some(peer) = self.met.remove(certificate) {
            self.ids.remove(&peer.id);
        }
    }

    /// Keeps those whose certificate still counts.
    pub(super) fn retain(&mut self, counts: impl Fn(&Certificate) -> bool) {
        self.met.retain(|_, peer| counts(&peer.certificate));
        self.ids.retain(|_, digest| self.met.contains_key(digest));
    }

    /// New ids for everybody, because one's own pseudonym changed: an AE must not recognise a peer across that.
    pub(super) fn rename(&mut self, rng: &mut impl CryptoRng) {
        self.ids.clear();
        let digests: Vec<Digest> = self.met.keys().copied().collect();
        for digest in digests {
            let id = self.new_id(rng);
            self.ids.insert(id, digest);
            if let Some(peer) = self.met.get_mut(&digest) {
                peer.id = id;
            }
        }
    }

    fn new_id(&self, rng: &mut impl CryptoRng) -> PeerId {
        loop {
            let id = PeerId(rng.next_u64());
            if !self.ids.contains_key(&id) {
                return id;
            }
        }
    }
}
