//! Linkage values: how a whole batch of certificates can be revoked by one secret, from a slot on and never before it.
//!
//! The AA draws a seed for the first slot of a batch and hashes it forward, slot by slot. A certificate carries a value
//! that only the seed of its slot explains. Publishing the seed of slot `w` lets everybody compute the values of `w` and
//! later; hashing does not run backwards, so earlier certificates stay unlinkable.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::codec::{Cbor, Malformed, message};
use crate::identity::{Digest, Slot};

const CHAIN_LABEL: &[u8] = b"oM2M-NS/1 linkage chain";

message! {
    /// What a certificate carries.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub array Linkage {
        /// The slot that the certificate is valid in.
        pub slot: Slot,
        /// What ties it to its batch, for whoever has the seed.
        pub value: LinkageValue,
    }
}

/// Sixteen bytes of HMAC-SHA256 under the seed of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkageValue(pub [u8; 16]);

impl Cbor for LinkageValue {
    fn to_value(&self) -> ciborium::Value {
        self.0.to_value()
    }

    fn from_value(value: ciborium::Value, field: &'static str) -> Result<Self, Malformed> {
        Cbor::from_value(value, field).map(Self)
    }
}

/// The secret of one batch for one slot.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkageSeed {
    slot: Slot,
    seed: [u8; 32],
}

impl Drop for LinkageSeed {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl std::fmt::Debug for LinkageSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LinkageSeed(slot {})", self.slot)
    }
}

impl LinkageSeed {
    /// A seed that belongs to `slot`: 32 random bytes for the first slot of a batch.
    #[must_use]
    pub fn new(slot: Slot, seed: [u8; 32]) -> Self {
        Self { slot, seed }
    }

    /// Its slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The bytes: to be stored by the AA, or published to revoke.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The seed of a later slot of the same batch; `None` for an earlier one, which nobody can compute.
    #[must_use]
    pub fn at(&self, slot: Slot) -> Option<Self> {
        let steps = slot.0.checked_sub(self.slot.0)?;
        let mut seed = self.seed;
        for _ in 0..steps {
            seed = Digest::of(&[CHAIN_LABEL, &seed]).0;
        }
        Some(Self { slot, seed })
    }

    /// The value of the certificate with this number, from 0, in the seed's slot.
    #[must_use]
    pub fn value(&self, number: u32) -> LinkageValue {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.seed) else { return LinkageValue([0; 16]) };
        mac.update(&self.slot.0.to_be_bytes());
        mac.update(&number.to_be_bytes());
        let mut value = [0; 16];
        value.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        LinkageValue(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_seed_explains_its_slot_and_later_ones_and_no_earlier_one() {
        let batch = LinkageSeed::new(Slot(10), [7; 32]);
        let values = |slot| (0..4).map(|j| batch.at(Slot(slot)).unwrap().value(j)).collect::<Vec<_>>();
        let published = batch.at(Slot(12)).unwrap();
        for slot in 12..20 {
            let exposed: Vec<_> = (0..4).map(|j| published.at(Slot(slot)).unwrap().value(j)).collect();
            assert_eq!(exposed, values(slot), "slot {slot}");
        }
        for slot in 10..12 {
            assert_eq!(published.at(Slot(slot)), None);
            // Nor does any later seed, put in the place of an earlier one, give an earlier value.
            let guess: Vec<_> = (0..4).map(|j| LinkageSeed::new(Slot(slot), *published.expose()).value(j)).collect();
            assert!(values(slot).iter().all(|value| !guess.contains(value)), "slot {slot}");
        }
    }
}
