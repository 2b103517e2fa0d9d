//! HMAC-SHA256 (RFC 2104).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::Seed;

/// A key.
pub(crate) struct Key(Seed);

impl Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*seed))
    }

    pub(crate) fn seed(&self) -> Seed {
        self.0.clone()
    }

    /// The tag over the parts as one message.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(self.0.as_slice(), parts)
    }

    /// In constant time.
    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &[u8; 32]) -> subtle::Choice {
        let mut ours = self.mac(parts);
        let equal = ours.ct_eq(tag);
        ours.zeroize();
        equal
    }
}

/// With a key of any length.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 pads a key to the block of 64 bytes with zeros; `new` takes the padded one and, unlike a key of any
    // length, cannot fail.
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut state = Hmac::<Sha256>::new(&block);
    block.zeroize();
    parts.iter().for_each(|part| state.update(part));
    state.finalize().into_bytes().into()
}
