//! The revocation list of one AA, and what a receiver keeps of the lists of all.

use std::collections::{HashMap, HashSet};

use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::clock_floor::{ClockFloor, FloorError, Now};
use crate::codec::message;
use crate::cose::{self, Message, Signed};
use crate::identity::{AuthorityId, Digest, Seconds, Slot, TrustDomain};
use crate::keys::{KeyUnavailable, Signer};
use crate::linkage::{Linkage, LinkageSeed, LinkageValue};

/// How many slots before the present one the seed of a list may lie. Certificates do not outlive it.
pub const CHAIN_STEPS_MAX: u32 = 20_000;
/// The most certificates of one batch in one slot.
pub const NUMBERS_MAX: u32 = 256;

message! {
    /// The list as it is signed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Crl {
        /// The AA whose certificates it is about.
        1 => pub issuer: AuthorityId,
        /// Counts up with every list.
        2 => pub sequence: u64,
        /// When it was made.
        3 => pub this_update: Seconds,
        /// When the next one will be there at the latest.
        4 => pub next_update: Seconds,
        /// Batches revoked from a slot on.
        5 => pub batches: Vec<CrlBatch>,
        /// Single certificates, by their whole hash.
        6 => pub certificates: Vec<Digest>,
    }
}

message! {
    /// One batch.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array CrlBatch {
        /// The first slot that is revoked.
        pub slot: Slot,
        /// The seed of that slot.
        pub seed: [u8; 32],
        /// The batch has numbers 0 to this, without it, in each slot.
        pub numbers: u32,
    }
}

impl Message for Crl {
    const TYPE: u16 = 65_015;
    const NAME: &'static str = "revocation list";
    const SIZE_MAX: usize = 1 << 20;
}

/// Why a revocation list is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Not signed by an AA of the bundle.
    #[error("revocation list: {0}")]
    Issuer(#[from] IssuerError),
    /// Signed by one AA, about the certificates of another.
    #[error("list of `{named}` signed by `{signer}`")]
    IssuerName {
        /// The AA that the list names.
        named: AuthorityId,
        /// The AA that signed it.
        signer: AuthorityId,
    },
    /// Made after now.
    #[error("list was made at {this_update}, now is {now}")]
    NotYetValid {
        /// When it says it was made.
        this_update: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// A newer one is due.
    #[error("list was current until {next_update}, now is {now}")]
    Stale {
        /// Until when it was current.
        next_update: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// Older than one already seen.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// Another list under a number already seen.
    #[error("two different lists have number {0}")]
    Equivocation(u64),
    /// A seed too old to be computed forward, or too many numbers.
    #[error("batch from slot {0} is older than any certificate or has too many numbers")]
    Batch(Slot),
}

impl Crl {
    /// Signs it as the AA.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, aa: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, aa)
    }
}

/// The current lists of all AAs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    lists: HashMap<AuthorityId, List>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct List {
    digest: Digest,
    next_update: Seconds,
    seeds: Vec<(LinkageSeed, u32)>,
    certificates: HashSet<Digest>,
    /// The slot that `values` were computed for.
    slot: Slot,
    values: HashSet<LinkageValue>,
}

impl Revocations {
    /// Takes a list in place of the issuer's last one and raises the floor.
    ///
    /// # Errors
    /// [`CrlError`], in the order signature, issuer, time, number, content.
    pub fn accept(
        &mut self,
        bytes: &[u8],
        bundle: &TrustBundle,
        now: Now,
        floor: &mut ClockFloor,
    ) -> Result<Crl, CrlError> {
        let signed = Signed::<Crl>::decode(bytes).map_err(IssuerError::from)?;
        let (crl, signer) = bundle.verify(signed, Role::Authorization)?;
        if crl.issuer != signer.id {
            return Err(CrlError::IssuerName { named: crl.issuer, signer: signer.id.clone() });
        }
        let (now, slot) = (now.seconds(), bundle.schedule.slot(now.seconds()));
        if crl.this_update > now {
            return Err(CrlError::NotYetValid { this_update: crl.this_update, now });
        }
        if crl.next_update <= now {
            return Err(CrlError::Stale { next_update: crl.next_update, now });
        }
        let mut raised = floor.clone();
        raised.raise_crl(&crl.issuer, crl.sequence)?;
        let digest = Digest::of(&[bytes]);
        let same_number = *floor == raised;
        if same_number && self.lists.get(&crl.issuer).is_some_and(|held| held.digest != digest) {
            return Err(CrlError::Equivocation(crl.sequence));
        }
        let list = List::new(&crl, digest, slot)?;
        self.lists.insert(crl.issuer.clone(), list);
        *floor = raised;
        Ok(crl)
    }

    /// Computes the values of a slot beforehand, so that look-ups in it are one access. To be called when a slot begins.
    pub fn advance(&mut self, slot: Slot) {
        self.lists.values_mut().for_each(|list| list.advance(slot));
    }

    /// Whether a certificate is on its issuer's list.
    #[must_use]
    pub fn is_revoked(&self, issuer: &AuthorityId, linkage: &Linkage, certificate: &Digest) -> bool {
        self.lists.get(issuer).is_some_and(|list| list.contains(linkage, certificate))
    }

    /// Until when the issuer's list is current; `None` without a list.
    #[must_use]
    pub fn current_until(&self, issuer: &AuthorityId) -> Option<Seconds> {
        self.lists.get(issuer).map(|list| list.next_update)
    }
}

impl List {
    fn new(crl: &Crl, digest: Digest, slot: Slot) -> Result<Self, CrlError> {
        for batch in &crl.batches {
            let steps = slot.0.saturating_sub(batch.slot.0);
            if steps > CHAIN_STEPS_MAX || batch.numbers > NUMBERS_MAX {
                return Err(CrlError::Batch(batch.slot));
            }
        }
        let seeds = crl.batches.iter().map(|batch| (LinkageSeed::new(batch.slot, batch.seed), batch.numbers));
        let mut list = Self {
            digest,
            next_update: crl.next_update,
            seeds: seeds.collect(),
            certificates: crl.certificates.iter().copied().collect(),
            slot,
            values: HashSet::new(),
        };
        list.advance(slot);
        Ok(list)
    }

    fn advance(&mut self, slot: Slot) {
        self.slot = slot;
        self.values = self.values_of(slot).collect();
    }

    fn values_of(&self, slot: Slot) -> impl Iterator<Item = LinkageValue> + '_ {
        let seeds =
            self.seeds.iter().filter(move |(seed, _)| slot.0.saturating_sub(seed.slot().0) <= 2 * CHAIN_STEPS_MAX);
        let seeds = seeds.filter_map(move |(seed, numbers)| Some((seed.at(slot)?, *numbers)));
        seeds.flat_map(|(seed, numbers)| (0..numbers).map(move |number| seed.value(number)))
    }

    fn contains(&self, linkage: &Linkage, certificate: &Digest) -> bool {
        let by_value = if linkage.slot == self.slot {
            self.values.contains(&linkage.value)
        } else {
            self.values_of(linkage.slot).any(|value| value == linkage.value)
        };
        by_value || self.certificates.contains(certificate)
    }
}
