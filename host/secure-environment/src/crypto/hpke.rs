//! HPKE base mode (RFC 9180) with HKDF-SHA256 and ChaCha20-Poly1305, over two KEMs: DHKEM(X25519, HKDF-SHA256) and X-Wing.

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, setup_receiver, single_shot_open, single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

use super::{Seed, random};
use crate::Error;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;

/// A key pair of DHKEM(X25519).
pub(crate) type X25519 = Key<X25519HkdfSha256>;
/// A key pair of X-Wing.
pub(crate) type XWing = Key<hpke::kem::XWing>;

/// A key pair.
pub(crate) struct Key<K: Kem>(K::PrivateKey);

/// What comes out of a sealed object that is answered under an exported key.
pub(crate) struct Unsealed {
    pub(crate) plaintext: Vec<u8>,
    pub(crate) exported: Seed,
}

impl<K: Kem> Key<K> {
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        K::PrivateKey::from_bytes(seed).map(Self).map_err(|_| Error::unavailable("the hpke key was refused"))
    }

    /// The private key, which makes the same key again. In both KEMs it has 32 bytes.
    pub(crate) fn seed(&self) -> Seed {
        let mut seed = Zeroizing::new([0; 32]);
        self.0.write_exact(seed.as_mut());
        seed
    }

    pub(crate) fn encapsulation_key(&self) -> Vec<u8> {
        K::sk_to_pk(&self.0).to_bytes().to_vec()
    }

    /// Opens a ciphertext and exports 32 bytes under `exporter_context` (RFC 9180, section 5.3).
    pub(crate) fn unseal_export(
        &self,
        info: &[u8],
        aad: &[u8],
        encapped: &[u8],
        ciphertext: &[u8],
        exporter_context: &[u8],
    ) -> Result<Unsealed, Error> {
        let encapped = K::EncappedKey::from_bytes(encapped).map_err(|_| Error::NotAuthentic)?;
        let mut context = setup_receiver::<ChaCha20Poly1305, HkdfSha256, K>(&OpModeR::Base, &self.0, &encapped, info)
            .map_err(|_| Error::NotAuthentic)?;
        let plaintext = context.open(ciphertext, aad).map_err(|_| Error::NotAuthentic)?;
        let mut exported = Zeroizing::new([0; 32]);
        context.export(exporter_context, exported.as_mut()).map_err(|_| Error::NotAuthentic)?;
        Ok(Unsealed { plaintext, exported })
    }
}

impl X25519 {
    pub(crate) fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// Opens an encapsulated key (32 bytes) and a ciphertext.
    pub(crate) fn unseal(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (encapped, ciphertext) = sealed.split_first_chunk::<32>().ok_or(Error::NotAuthentic)?;
        let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).map_err(|_| Error::NotAuthentic)?;
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
            X25519::new(&hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb").try_into().unwrap())
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
        let key = X25519::new(&[7; 32]).unwrap();
        let sealed = seal(&key.public(), b"i", b"a", b"secret").unwrap();
        assert_eq!(key.unseal(b"i", b"a", &sealed).unwrap(), b"secret");
        assert_eq!(key.unseal(b"other", b"a", &sealed), Err(Error::NotAuthentic));
        assert_eq!(key.unseal(b"i", b"a", &sealed[..40]), Err(Error::NotAuthentic));
        assert_eq!(X25519::new(&key.seed()).unwrap().public(), key.public());
    }

    #[test]
    fn an_x_wing_key_comes_back_from_its_seed_and_opens_what_is_sealed_to_it() {
        let key = XWing::new(&[7; 32]).unwrap();
        assert_eq!(*key.seed(), [7; 32]);
        assert_eq!(key.encapsulation_key().len(), 1216);
        assert_eq!(XWing::new(&key.seed()).unwrap().encapsulation_key(), key.encapsulation_key());
        assert!(matches!(key.unseal_export(b"", b"", &[0; 1119], b"", b""), Err(Error::NotAuthentic)));
        assert!(matches!(key.unseal_export(b"", b"", &[0; 1120], &[0; 16], b""), Err(Error::NotAuthentic)));
    }
}
