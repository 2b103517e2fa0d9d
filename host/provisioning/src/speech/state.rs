//! What speech remembers, and how it follows the standing of the node.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use m2m_trust::broadcast::{BroadcastReceiver, BroadcastSender};
use m2m_trust::bundle::TrustBundle;
use m2m_trust::identity::{Digest, KeyId, ServiceId};
use rand_core::CryptoRng;

use super::association::Associations;
use super::discovery::Discovery;
use super::peers::Peers;
use super::present::{Present, Right};
use super::recent::Recent;
use super::wanted::Wanted;
use super::{Frame, Recipient, Refused, Unsent};
use crate::standing::Voice;

/// Own certificates that are remembered, the present ones included.
const OWN_MAX: usize = 512;
/// The most peers that one message goes to.
const LISTENERS_MAX: usize = 16;

pub(super) struct State {
    pub(super) rng: Box<dyn CryptoRng + Send>,
    pub(super) accepts: Vec<String>,
    pub(super) refused: BTreeMap<&'static str, u64>,
    pub(super) senders: HashMap<ServiceId, BroadcastSender>,
    pub(super) receiver: BroadcastReceiver,
    pub(super) wanted: Wanted,
    /// Services whose certificate somebody asked for, until a message carries it.
    pub(super) asked: HashSet<ServiceId>,
    pub(super) own: OwnCertificates,
    pub(super) peers: Peers,
    pub(super) associations: Associations,
    pub(super) discovery: Discovery,
    pub(super) recent: Recent,
    generation: u64,
    bundle: Option<Arc<TrustBundle>>,
}

/// Certificates of this node, past ones too: a link may bring back what it took.
#[derive(Debug, Default)]
pub(super) struct OwnCertificates(VecDeque<Digest>);

impl State {
    pub(super) fn new(rng: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            rng,
            accepts: Vec::new(),
            refused: BTreeMap::new(),
            senders: HashMap::new(),
            receiver: BroadcastReceiver::default(),
            wanted: Wanted::default(),
            asked: HashSet::new(),
            own: OwnCertificates::default(),
            peers: Peers::default(),
            associations: Associations::default(),
            discovery: Discovery::default(),
            recent: Recent::default(),
            generation: 0,
            bundle: None,
        }
    }

    /// Leaves the last pseudonyms or the last trust bundle behind, where the standing has others.
    pub(super) fn follow(&mut self, present: &Present<'_>) {
        if self.generation != present.standing.generation {
            self.generation = present.standing.generation;
            self.senders.clear();
            self.asked.clear();
            self.wanted = Wanted::default();
            self.discovery = Discovery::default();
            self.associations.end_all();
            self.peers.rename(&mut self.rng);
        }
        let bundle = present.standing.bundle.as_ref();
        if !same(self.bundle.as_ref(), bundle) {
            // Whoever was believed may have been so on the word of an authority that is gone.
            self.bundle = bundle.cloned();
            self.receiver.bundle_changed();
            self.associations.end_all();
            self.peers = Peers::default();
        }
        for active in present.standing.active.values() {
            self.own.add(active.certificate.certificate.digest());
        }
    }

    pub(super) fn count(&mut self, refused: &Refused) {
        *self.refused.entry(refused.cause()).or_default() += 1;
    }

    pub(super) fn confide(
        &mut self,
        to: Recipient,
        topic: &str,
        right: Right,
        data: &[u8],
        present: &Present<'_>,
    ) -> Result<Vec<Frame>, Unsent> {
        let peers = match to {
            Recipient::Peer(id) => self.peers.get(id).cloned().into_iter().collect(),
            Recipient::Listeners => self.peers.listeners(right, present.now, LISTENERS_MAX),
        };
        let (mut frames, mut error, mut sent) = (Vec::new(), Unsent::NoPeer, false);
        for peer in peers {
            match self.associations.confide(&peer, topic, right, data, present, &mut self.rng) {
                Ok(frame) => {
                    sent = true;
                    frames.extend(frame);
                }
                Err(unsent) => error = unsent,
            }
        }
        if sent { Ok(frames) } else { Err(error) }
    }

    pub(super) fn tick(&mut self, present: &Present<'_>) -> Vec<Frame> {
        self.peers.retain(|certificate| present.counts(certificate));
        self.associations.expire(present);
        match present.standing.voice {
            Voice::Speaking => {
                let mut frames = self.associations.open_again(present, &mut self.rng);
                frames.extend(self.announce(present));
                frames
            }
            Voice::Draining => self.associations.farewells(present),
            Voice::Silent { .. } | Voice::NotAuthorized => Vec::new(),
        }
    }
}

impl OwnCertificates {
    pub(super) fn add(&mut self, digest: Digest) {
        if self.0.contains(&digest) {
            return;
        }
        if self.0.len() >= OWN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(digest);
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.0.contains(digest)
    }

    pub(super) fn may_contain(&self, id: &KeyId) -> bool {
        self.0.iter().any(|digest| digest.key_id() == *id)
    }
}

fn same(one: Option<&Arc<TrustBundle>>, other: Option<&Arc<TrustBundle>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
