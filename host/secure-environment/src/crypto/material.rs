//! One version of a key, ready for use.

use std::sync::Arc;

use super::{Seed, aead, ed25519, hmac, hpke, x25519};
use crate::{Algorithm, Error};

/// The material of one version. Wiped when dropped; neither copied nor shown.
pub(crate) enum Material {
    Ed25519(ed25519::Key),
    X25519(x25519::Key),
    HpkeX25519(hpke::X25519),
    XWing(Box<hpke::XWing>),
    ChaCha20Poly1305(aead::Key),
    HmacSha256(hmac::Key),
}

impl Material {
    pub(crate) fn new(algorithm: Algorithm, seed: &Seed) -> Result<Self, Error> {
        Ok(match algorithm {
            Algorithm::Ed25519 => Self::Ed25519(ed25519::Key::new(seed)),
            Algorithm::X25519 => Self::X25519(x25519::Key::new(seed)),
            Algorithm::HpkeX25519 => Self::HpkeX25519(hpke::Key::new(seed)?),
            Algorithm::XWing => Self::XWing(Box::new(hpke::Key::new(seed)?)),
            Algorithm::ChaCha20Poly1305 => Self::ChaCha20Poly1305(aead::Key::new(seed)),
            Algorithm::HmacSha256 => Self::HmacSha256(hmac::Key::new(seed)),
        })
    }

    /// What makes the same material again.
    pub(crate) fn seed(&self) -> Seed {
        match self {
            Self::Ed25519(key) => key.seed(),
            Self::X25519(key) => key.seed(),
            Self::HpkeX25519(key) => key.seed(),
            Self::XWing(key) => key.seed(),
            Self::ChaCha20Poly1305(key) => key.seed(),
            Self::HmacSha256(key) => key.seed(),
        }
    }

    /// The public key, where there is one of 32 bytes.
    pub(crate) fn public(&self) -> Option<[u8; 32]> {
        match self {
            Self::Ed25519(key) => Some(key.public()),
            Self::X25519(key) => Some(key.public()),
            Self::HpkeX25519(key) => Some(key.public()),
            Self::XWing(_) | Self::ChaCha20Poly1305(_) | Self::HmacSha256(_) => None,
        }
    }

    /// The public key that others seal to, where there is one.
    pub(crate) fn encapsulation_key(&self) -> Option<Vec<u8>> {
        match self {
            Self::HpkeX25519(key) => Some(key.encapsulation_key()),
            Self::XWing(key) => Some(key.encapsulation_key()),
            Self::Ed25519(_) | Self::X25519(_) | Self::ChaCha20Poly1305(_) | Self::HmacSha256(_) => None,
        }
    }

    /// The same private key as the static key of Noise, where it can be one.
    pub(crate) fn noise_static(&self) -> Option<Arc<x25519::Key>> {
        match self {
            Self::HpkeX25519(key) => Some(Arc::new(x25519::Key::new(&key.seed()))),
            _ => None,
        }
    }
}
