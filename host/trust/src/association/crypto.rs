//! Noise's primitives over the one generation of crypto crates. The static key stays with its holder.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use sha2::{Digest as _, Sha256};
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use crate::keys::{Agreement, AgreementKey};

/// What snow takes for the static private key: only a sign to use the holder's.
pub(super) const HANDLE: [u8; 32] = [0; 32];

pub(super) struct Resolver {
    pub(super) own: Arc<dyn Agreement>,
    /// The one ephemeral key of a handshake is made of these.
    pub(super) ephemeral: Zeroizing<[u8; 32]>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = X25519 { own: self.own.clone(), ephemeral: None, public: [0; 32] };
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(dh) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::SHA256).then(|| Box::new(HashSha256(Sha256::new())) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        let cipher = ChaChaPoly(ChaCha20Poly1305::new(&[0; 32].into()));
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::new(cipher) as Box<dyn Cipher>)
    }
}

/// Gives its bytes out once; a second ephemeral key would mean a broken handshake.
struct Once(Option<Zeroizing<[u8; 32]>>);

impl Random for Once {
    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Error> {
        let bytes = self.0.take().filter(|bytes| bytes.len() == target.len()).ok_or(Error::Rng)?;
        target.copy_from_slice(&*bytes);
        Ok(())
    }
}

struct X25519 {
    own: Arc<dyn Agreement>,
    /// Without one, the static key is meant.
    ephemeral: Option<StaticSecret>,
    public: [u8; 32],
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, _handle: &[u8]) {
        self.public = self.own.public_key().0;
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(&mut *bytes)?;
        let secret = StaticSecret::from(*bytes);
        self.public = x25519_dalek::PublicKey::from(&secret).to_bytes();
        self.ephemeral = Some(secret);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &HANDLE
    }

    fn dh(&self, peer: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let peer: [u8; 32] = peer.get(..32).and_then(|peer| peer.try_into().ok()).ok_or(Error::Dh)?;
        let secret = match &self.ephemeral {
            Some(ephemeral) => {
                let secret = ephemeral.diffie_hellman(&peer.into());
                // INVARIANT (contributory): an all-zero result would make the keys public.
                if !secret.was_contributory() {
                    return Err(Error::Dh);
                }
                Zeroizing::new(secret.to_bytes())
            }
            None => self.own.agree(&AgreementKey(peer)).map_err(|_| Error::Dh)?,
        };
        out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(&*secret);
        Ok(())
    }
}

struct HashSha256(Sha256);

impl Hash for HashSha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = self.0.finalize_reset();
        out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    }
}

struct ChaChaPoly(ChaCha20Poly1305);

impl ChaChaPoly {
    /// Four zero bytes, then the counter, least byte first (Noise, section 12.3).
    fn nonce(counter: u64) -> chacha20poly1305::Nonce {
        let mut nonce = [0; 12];
        nonce.iter_mut().skip(4).zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
        nonce.into()
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = ChaCha20Poly1305::new(&(*key).into());
    }

    fn encrypt(&self, nonce: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        // Fails only for plaintexts of 256 GiB; snow's limit is 64 KiB.
        let sealed = self.0.encrypt(&Self::nonce(nonce), Payload { msg: plaintext, aad }).unwrap_or_default();
        out.iter_mut().zip(&sealed).for_each(|(to, from)| *to = *from);
        sealed.len()
    }

    fn decrypt(&self, nonce: u64, aad: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let opened =
            self.0.decrypt(&Self::nonce(nonce), Payload { msg: ciphertext, aad }).map_err(|_| Error::Decrypt)?;
        out.get_mut(..opened.len()).ok_or(Error::Decrypt)?.copy_from_slice(&opened);
        Ok(opened.len())
    }
}
