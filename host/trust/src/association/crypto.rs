//! Noise's primitives over the one generation of crypto crates. The static key stays with its holder, all other secrets in the
//! [`Vault`].

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize, Zeroizing};

use super::vault::{Secret, Vault};
use crate::keys::{Agreement, AgreementKey};

/// What snow takes for a private key: only a sign to use the holder's, or the ephemeral one.
pub(super) const HANDLE: [u8; 32] = [0; 32];

pub(super) struct Resolver {
    pub(super) own: Arc<dyn Agreement>,
    /// The one ephemeral key of a handshake is made of these.
    pub(super) ephemeral: Secret,
    pub(super) vault: Arc<Vault>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = X25519 { own: self.own.clone(), vault: self.vault.clone(), ephemeral: None, public: [0; 32] };
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(dh) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        let hash = HashSha256 { state: Sha256::new(), vault: self.vault.clone() };
        matches!(choice, HashChoice::SHA256).then(|| Box::new(hash) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        let cipher = ChaChaPoly { cipher: None, vault: self.vault.clone() };
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::new(cipher) as Box<dyn Cipher>)
    }
}

/// Gives its bytes out once; a second ephemeral key would mean a broken handshake.
struct Once(Option<Secret>);

impl Random for Once {
    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Error> {
        let bytes = self.0.take().filter(|bytes| bytes.len() == target.len()).ok_or(Error::Rng)?;
        target.copy_from_slice(&*bytes);
        Ok(())
    }
}

struct X25519 {
    own: Arc<dyn Agreement>,
    vault: Arc<Vault>,
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

    /// Gives the name of the shared secret.
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
        out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(&self.vault.keep(secret));
        Ok(())
    }
}

struct HashSha256 {
    state: Sha256,
    vault: Arc<Vault>,
}

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
        self.state = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let digest = self.state.finalize_reset();
        out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    }

    /// Two outputs (Noise, section 4.3); no pattern of ours asks for the third. Names come in, and names come out. The first
    /// chaining key is the protocol's name, and the last input is empty: neither is secret, and both stand for themselves.
    fn hkdf(
        &mut self,
        chaining_key: &[u8],
        input: &[u8],
        _outputs: usize,
        first: &mut [u8],
        second: &mut [u8],
        _third: &mut [u8],
    ) {
        let (chaining_secret, input_secret) = (self.vault.secret(chaining_key), self.vault.secret(input));
        let chaining_key = chaining_secret.as_ref().map_or(chaining_key, |secret| secret.as_slice());
        let input = input_secret.as_ref().map_or(input, |secret| secret.as_slice());
        let key = hmac(chaining_key, &[input]);
        let output_1 = hmac(&*key, &[&[1]]);
        let output_2 = hmac(&*key, &[&*output_1, &[2]]);
        for (out, secret) in [(first, output_1), (second, output_2)] {
            out.iter_mut().zip(self.vault.keep(secret)).for_each(|(to, from)| *to = from);
        }
    }
}

/// With a key of at most 64 bytes, which RFC 2104 pads with zeros; unlike a key of any length, a padded one cannot fail.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut state = Hmac::<Sha256>::new(&block);
    block.zeroize();
    parts.iter().for_each(|part| state.update(part));
    Zeroizing::new(state.finalize().into_bytes().into())
}

struct ChaChaPoly {
    /// None before there is a key: snow does not use it then.
    cipher: Option<ChaCha20Poly1305>,
    vault: Arc<Vault>,
}

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

    fn set(&mut self, name: &[u8; 32]) {
        self.cipher = self.vault.secret(name).map(|key| ChaCha20Poly1305::new((&*key).into()));
    }

    fn encrypt(&self, nonce: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let payload = Payload { msg: plaintext, aad };
        // Fails only for plaintexts of 256 GiB; snow's limit is 64 KiB.
        let sealed = self.cipher.as_ref().and_then(|cipher| cipher.encrypt(&Self::nonce(nonce), payload).ok());
        let sealed = sealed.unwrap_or_default();
        out.iter_mut().zip(&sealed).for_each(|(to, from)| *to = *from);
        sealed.len()
    }

    fn decrypt(&self, nonce: u64, aad: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let payload = Payload { msg: ciphertext, aad };
        let cipher = self.cipher.as_ref().ok_or(Error::Decrypt)?;
        let opened = cipher.decrypt(&Self::nonce(nonce), payload).map_err(|_| Error::Decrypt)?;
        out.get_mut(..opened.len()).ok_or(Error::Decrypt)?.copy_from_slice(&opened);
        Ok(opened.len())
    }
}
