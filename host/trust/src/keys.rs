//! Keys are behaviour: whoever holds a private key implements a trait, and this crate never sees its bytes.

use std::fmt;

use ciborium::Value;
use ed25519_dalek::{Signature as DalekSignature, VerifyingKey};
use zeroize::Zeroizing;

use crate::codec::{Cbor, Malformed};
use crate::identity::{Digest, KeyId};

/// The holder of a private key did not answer: Secure Environment restarting, key destroyed, use count reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key cannot be used now: {0}")]
pub struct KeyUnavailable(pub String);

/// An Ed25519 private key with one purpose (RFC 8032).
pub trait Signer {
    /// Its public half.
    fn public_key(&self) -> PublicKey;

    /// Signs the whole message as it is.
    ///
    /// # Errors
    /// [`KeyUnavailable`].
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyUnavailable>;
}

/// An X25519 private key (RFC 7748) for associations.
pub trait Agreement: Send + Sync {
    /// Its public half.
    fn public_key(&self) -> AgreementKey;

    /// The shared secret with `peer`.
    ///
    /// # Errors
    /// [`KeyUnavailable`]; a non-contributory result (all zeros) is one too.
    fn agree(&self, peer: &AgreementKey) -> Result<Zeroizing<[u8; 32]>, KeyUnavailable>;
}

/// An Ed25519 public key, a canonical encoding of a point that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

/// Why 32 bytes are no acceptable Ed25519 public key, or 64 no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point, or not in its canonical encoding.
    #[error("public key is not a canonically encoded point")]
    NotAPoint,
    /// Of small order: some signatures verify for every message.
    #[error("public key is of small order")]
    SmallOrder,
    /// The signature does not verify strictly (RFC 8032 with canonical S and no small-order components).
    #[error("signature does not verify")]
    Signature,
}

impl PublicKey {
    /// Refuses weak keys.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`], [`KeyError::SmallOrder`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        // INVARIANT (one encoding): a decoder may accept y >= p; the point must encode to what was received.
        if key.to_edwards().compress().to_bytes() != *bytes {
            return Err(KeyError::NotAPoint);
        }
        if key.is_weak() { Err(KeyError::SmallOrder) } else { Ok(Self(key)) }
    }

    /// The encoding of RFC 8032.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The look-up hint that stands in headers.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Digest::of(&[self.0.as_bytes()]).key_id()
    }

    /// Strict verification.
    ///
    /// # Errors
    /// [`KeyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), KeyError> {
        let signature = DalekSignature::from_bytes(signature);
        self.0.verify_strict(message, &signature).map_err(|_| KeyError::Signature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", self.key_id())
    }
}

impl Cbor for PublicKey {
    fn to_value(&self) -> Value {
        self.to_bytes().to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Self::from_bytes(&Cbor::from_value(value, field)?)
            .map_err(|_| Malformed::Unexpected { field, expected: "an Ed25519 public key that is not of small order" })
    }
}

/// An X25519 public key. Which values are useless is known only after agreement, where the result is checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AgreementKey(pub [u8; 32]);

impl AgreementKey {
    /// The look-up hint that stands in sealed objects.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Digest::of(&[&self.0]).key_id()
    }
}

impl fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x25519:{}", self.key_id())
    }
}

impl Cbor for AgreementKey {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Cbor::from_value(value, field).map(Self)
    }
}
