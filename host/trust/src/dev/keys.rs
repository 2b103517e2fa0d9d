//! Keys in memory and a repeatable source of random numbers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::association::{NoiseError, NoiseHandshake, NoiseKey, NoiseRole, software_handshake};
use crate::identity::Digest;
use crate::keys::{Agreement, AgreementKey, KeyError, KeyUnavailable, PublicKey, Signer};
use crate::seal::{self, Decrypted, Recipient, SealError, SealingKey, Suite};

/// Random numbers that are the same in every run: SHA-256 over a seed and a counter.
pub struct RepeatableRng {
    seed: [u8; 32],
    counter: u64,
}

impl RepeatableRng {
    /// A sequence for each seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        Self { seed: Digest::of(&[seed.as_bytes()]).0, counter: 0 }
    }

    /// The next bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        rand_core::Rng::fill_bytes(self, &mut bytes);
        bytes
    }
}

impl TryRng for RepeatableRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for chunk in target.chunks_mut(32) {
            self.counter += 1;
            let block = Digest::of(&[&self.seed, &self.counter.to_be_bytes()]).0;
            chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl TryCryptoRng for RepeatableRng {}

/// An Ed25519 key in memory.
pub struct SigningKey(ed25519_dalek::SigningKey, PublicKey);

impl SigningKey {
    /// From a 32-byte seed.
    ///
    /// # Errors
    /// [`KeyError`]; no seed is known that leads there.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey::from_bytes(&key.verifying_key().to_bytes())?;
        Ok(Self(key, public))
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        self.1
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyUnavailable> {
        Ok(ed25519_dalek::Signer::sign(&self.0, message).to_bytes())
    }
}

/// A private key in memory that objects are sealed to, and that agrees where its suite is X25519.
#[derive(Clone)]
pub struct SealedKey {
    suite: Suite,
    private: Zeroizing<[u8; 32]>,
    public: SealingKey,
}

impl SealedKey {
    /// From 32 random bytes: the scalar of X25519, or the seed of X-Wing.
    ///
    /// # Errors
    /// [`SealError::PrivateKey`].
    pub fn from_seed(suite: Suite, seed: [u8; 32]) -> Result<Self, SealError> {
        Ok(Self { suite, private: Zeroizing::new(seed), public: seal::public_key(suite, &seed)? })
    }

    /// The private key, for programs that check ours.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.private
    }
}

impl Recipient for SealedKey {
    fn sealing_key(&self) -> SealingKey {
        self.public.clone()
    }

    fn decrypt(&self, info: &[u8], aad: &[u8], encapsulated: &[u8], ciphertext: &[u8]) -> Result<Decrypted, SealError> {
        seal::decrypt(self.suite, &*self.private, info, aad, encapsulated, ciphertext)
    }
}

impl Agreement for SealedKey {
    fn public_key(&self) -> AgreementKey {
        AgreementKey(x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*self.private)).to_bytes())
    }

    fn agree(&self, peer: &AgreementKey) -> Result<Zeroizing<[u8; 32]>, KeyUnavailable> {
        let secret = x25519_dalek::StaticSecret::from(*self.private).diffie_hellman(&peer.0.into());
        if secret.was_contributory() {
            Ok(Zeroizing::new(secret.to_bytes()))
        } else {
            Err(KeyUnavailable("agreement gave nothing secret".to_owned()))
        }
    }
}

/// The static key of associations in memory. Its ephemeral keys are the same in every run, and no two are alike.
pub struct NoiseKeyInMemory {
    own: Arc<dyn Agreement>,
    ephemeral: Mutex<RepeatableRng>,
}

impl NoiseKeyInMemory {
    /// Over a key and a source of ephemeral keys.
    #[must_use]
    pub fn new(own: Arc<dyn Agreement>, ephemeral: RepeatableRng) -> Self {
        Self { own, ephemeral: Mutex::new(ephemeral) }
    }
}

impl NoiseKey for NoiseKeyInMemory {
    fn public_key(&self) -> AgreementKey {
        self.own.public_key()
    }

    fn begin(&self, role: NoiseRole, prologue: &[u8]) -> Result<Box<dyn NoiseHandshake>, NoiseError> {
        let ephemeral = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner).bytes();
        software_handshake(self.own.clone(), Zeroizing::new(ephemeral), role, prologue)
    }
}
