//! XChaCha20-Poly1305: RFC 8439 with a nonce of 24 bytes (draft-irtf-cfrg-xchacha-03). A random nonce of that size may be drawn
//! 2^80 times under one key before a repetition becomes likely to one in 2^32; no key gets that far, so nothing is counted.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, aead::inout::InOutBuf};
use zeroize::Zeroizing;

use super::{Seed, random};
use crate::Error;

/// What sealing adds to a plaintext: nonce (24), tag (16).
pub(crate) const OVERHEAD_BYTES: usize = 24 + 16;

/// A key.
pub(crate) struct Key(Seed);

impl Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*seed))
    }

    pub(crate) fn seed(&self) -> Seed {
        self.0.clone()
    }

    /// Appends nonce, ciphertext and tag to `out`.
    pub(crate) fn seal_onto(&self, out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8]) -> Result<(), Error> {
        self.seal_under(&random::array()?, out, aad, plaintext)
    }

    /// Opens nonce, ciphertext and tag.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(Error::NotAuthentic)?;
        let (ciphertext, tag) = sealed.split_last_chunk::<16>().ok_or(Error::NotAuthentic)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        self.cipher()
            .decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(plaintext.as_mut_slice()), tag.into())
            .map_err(|_| Error::NotAuthentic)?;
        Ok(plaintext)
    }

    fn seal_under(&self, nonce: &[u8; 24], out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8]) -> Result<(), Error> {
        out.reserve(plaintext.len() + OVERHEAD_BYTES);
        out.extend_from_slice(nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let body = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .cipher()
            .encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(body))
            .map_err(|_| Error::unavailable("the encryption failed"))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
impl Key {
    /// Seals under a given nonce, for test vectors.
    pub(crate) fn seal_with(&self, nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.seal_under(nonce, &mut out, aad, plaintext).unwrap();
        out
    }
}
