//! HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305.

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

use super::{Seed, random};
use crate::Error;

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A key pair.
pub(crate) struct Key(PrivateKey);

impl Key {
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        PrivateKey::from_bytes(seed).map(Self).map_err(|_| Error::unavailable("the hpke key was refused"))
    }

    /// The clamped scalar, which makes the same key again.
    pub(crate) fn seed(&self) -> Seed {
        let mut seed = Zeroizing::new([0; 32]);
        self.0.write_exact(seed.as_mut());
        seed
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// Opens an encapsulated key (32 bytes) and a ciphertext.
    pub(crate) fn unseal(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (encapped, ciphertext) = sealed.split_first_chunk::<32>().ok_or(Error::NotAuthentic)?;
        let encapped = EncappedKey::from_bytes(encapped).map_err(|_| Error::NotAuthentic)?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapped,
            info,
            ciphertext,
            aad,
        )
        .map_err(|_| Error::NotAuthentic)
    }
}

/// Seals to a public key: the encapsulated key, then the ciphertext.
pub(crate) fn seal(public: &[u8; 32], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    const WEAK: Error = Error::invalid("the public key is a point of small order");
    let public = PublicKey::from_bytes(public).map_err(|_| WEAK)?;
    let (encapped, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        aad,
        &mut random::Stream::new()?,
    )
    .map_err(|_| WEAK)?;
    let mut sealed = encapped.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, first encryption.
    #[test]
    fn the_vector_of_the_rfc_opens() {
        let key =
            Key::new(&hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb").try_into().unwrap())
                .unwrap();
        let sealed = hex(concat!(
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
        ));
        let info = hex("4f6465206f6e2061204772656369616e2055726e");
        let aad = hex("436f756e742d30");
        assert_eq!(key.unseal(&info, &aad, &sealed).unwrap(), b"Beauty is truth, truth beauty");
        assert_eq!(key.unseal(&info, b"Count-1", &sealed), Err(Error::NotAuthentic));
    }

    #[test]
    fn a_weak_public_key_is_refused() {
        assert!(matches!(seal(&[0; 32], b"", b"", b"secret"), Err(Error::Invalid(_))));
        let key = Key::new(&[7; 32]).unwrap();
        let sealed = seal(&key.public(), b"i", b"a", b"secret").unwrap();
        assert_eq!(key.unseal(b"i", b"a", &sealed).unwrap(), b"secret");
        assert_eq!(key.unseal(b"other", b"a", &sealed), Err(Error::NotAuthentic));
        assert_eq!(key.unseal(b"i", b"a", &sealed[..40]), Err(Error::NotAuthentic));
        assert_eq!(Key::new(&key.seed()).unwrap().public(), key.public());
    }
}
