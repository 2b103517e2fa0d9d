//! Ed25519 (RFC 8032), verified strictly.

use ed25519_dalek::{Signature, SigningKey, VerifyingKey, ed25519::signature::MultipartSigner};
use zeroize::Zeroizing;

use super::Seed;
use crate::Error;

/// A key pair. The public key comes from the private one and from nowhere else: a signer that takes it as an argument can be
/// made to give its private key away (RUSTSEC-2022-0093).
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(crate) fn seed(&self) -> Seed {
        Zeroizing::new(*self.0.as_bytes())
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs the parts as one message, without joining them in memory.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> Result<[u8; 64], Error> {
        let signature = self.0.try_multipart_sign(parts);
        signature.map(|s| s.to_bytes()).map_err(|_| Error::unavailable("the signature failed"))
    }
}

/// False also for a malformed or weak public key, and for any encoding that is not canonical.
pub(crate) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}
