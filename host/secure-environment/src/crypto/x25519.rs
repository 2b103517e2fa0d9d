//! X25519 (RFC 7748).

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::Seed;
use crate::Error;

/// A key pair.
pub(crate) struct Key {
    secret: StaticSecret,
    public: PublicKey,
}

impl Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(*seed);
        let public = PublicKey::from(&secret);
        Self { secret, public }
    }

    pub(crate) fn seed(&self) -> Seed {
        Zeroizing::new(*self.secret.as_bytes())
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// The raw shared secret, which must go through [`kdf`](super::kdf) before it is a key.
    pub(crate) fn shared(&self, peer: &[u8; 32]) -> Result<Seed, Error> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*peer));
        // A point of small order makes the result the same whatever our key is (RFC 7748, section 6.1).
        if !shared.was_contributory() {
            return Err(Error::invalid("the peer's public key is a point of small order"));
        }
        Ok(Zeroizing::new(shared.to_bytes()))
    }
}
