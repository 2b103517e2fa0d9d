//! The algorithms, one file each, over keys that are wiped when they are dropped. No policy, no store: secrets in, results out.

pub(crate) mod aead;
pub(crate) mod ed25519;
pub(crate) mod hmac;
pub(crate) mod hpke;
pub(crate) mod kdf;
mod material;
pub(crate) mod noise;
pub(crate) mod random;
#[cfg(test)]
mod wycheproof_tests;
pub(crate) mod x25519;

pub(crate) use material::Material;

use zeroize::Zeroizing;

/// 32 secret bytes: what every key of ours grows from.
pub(crate) type Seed = Zeroizing<[u8; 32]>;
