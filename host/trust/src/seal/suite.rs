//! HPKE (RFC 9180), base mode, over two KEMs; KDF and AEAD are the same in both.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::SealError;
use crate::codec::{Bytes, Cbor, Malformed};
use crate::identity::{Digest, KeyId};

/// The bytes that every reply key is exported under.
pub const REPLY_KEY_LABEL: &[u8] = b"oM2M-NS/1 reply key";

/// Which key encapsulation mechanism. The number stands as `ver` in sealed objects and is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// X-Wing: X25519 with ML-KEM-768 (HPKE KEM `647a`). Requests recorded today stay closed to a quantum computer.
    XWing,
    /// DHKEM(X25519, HKDF-SHA256) (HPKE KEM `0020`). Always used for pseudonyms' own keys.
    X25519,
}

impl Suite {
    /// The number on the wire: 1 or 2.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::XWing => 1,
            Self::X25519 => 2,
        }
    }

    /// Bytes of a public key: 1216 or 32.
    #[must_use]
    pub fn public_key_bytes(self) -> usize {
        match self {
            Self::XWing => 1216,
            Self::X25519 => 32,
        }
    }

    /// Bytes of an encapsulated key: 1120 or 32.
    #[must_use]
    pub fn encapsulated_bytes(self) -> usize {
        match self {
            Self::XWing => 1120,
            Self::X25519 => 32,
        }
    }
}

impl Cbor for Suite {
    fn to_value(&self) -> ciborium::Value {
        self.number().to_value()
    }

    fn from_value(value: ciborium::Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            1 => Ok(Self::XWing),
            2 => Ok(Self::X25519),
            _ => Err(Malformed::Unexpected { field, expected: "1 (X-Wing) or 2 (X25519)" }),
        }
    }
}

/// The public key that objects are sealed to, of the suite that its holder fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKey {
    suite: Suite,
    bytes: Bytes,
}

impl SealingKey {
    /// Checks the length; what else a KEM checks, it checks when it is used.
    ///
    /// # Errors
    /// [`SealError::PublicKey`].
    pub fn new(suite: Suite, bytes: Vec<u8>) -> Result<Self, SealError> {
        if bytes.len() == suite.public_key_bytes() {
            Ok(Self { suite, bytes: Bytes(bytes) })
        } else {
            Err(SealError::PublicKey)
        }
    }

    /// Its suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Its encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The look-up hint.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Digest::of(&[&self.bytes]).key_id()
    }

    /// Encapsulates and encrypts once.
    pub(super) fn encrypt(
        &self,
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Encrypted, SealError> {
        match self.suite {
            Suite::XWing => encrypt::<XWing>(&self.bytes, info, aad, plaintext, rng),
            Suite::X25519 => encrypt::<X25519HkdfSha256>(&self.bytes, info, aad, plaintext, rng),
        }
    }
}

pub(super) struct Encrypted {
    pub(super) encapsulated: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) reply_key: Zeroizing<[u8; 32]>,
}

/// What a recipient gets out of a sealed object.
pub struct Decrypted {
    /// The content.
    pub plaintext: Vec<u8>,
    /// 32 bytes exported under [`REPLY_KEY_LABEL`].
    pub reply_key: Zeroizing<[u8; 32]>,
}

fn encrypt<K: Kem>(
    key: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Encrypted, SealError> {
    let key = K::PublicKey::from_bytes(key).map_err(|_| SealError::PublicKey)?;
    let mode = OpModeS::<K>::Base;
    let (encapsulated, mut context) =
        hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(&mode, &key, info, rng)
            .map_err(|_| SealError::PublicKey)?;
    let ciphertext = context.seal(plaintext, aad).map_err(|_| SealError::PublicKey)?;
    let mut reply_key = Zeroizing::new([0; 32]);
    context.export(REPLY_KEY_LABEL, &mut *reply_key).map_err(|_| SealError::PublicKey)?;
    Ok(Encrypted { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext, reply_key })
}

/// The recipient's half over a private key in memory, for implementations of [`Recipient`](super::Recipient).
///
/// # Errors
/// [`SealError::NotAuthentic`] for everything that does not open.
pub fn decrypt(
    suite: Suite,
    private_key: &[u8],
    info: &[u8],
    aad: &[u8],
    encapsulated: &[u8],
    ciphertext: &[u8],
) -> Result<Decrypted, SealError> {
    match suite {
        Suite::XWing => decrypt_with::<XWing>(private_key, info, aad, encapsulated, ciphertext),
        Suite::X25519 => decrypt_with::<X25519HkdfSha256>(private_key, info, aad, encapsulated, ciphertext),
    }
}

/// The public half of a private key in memory.
///
/// # Errors
/// [`SealError::PrivateKey`] where it is not 32 bytes.
pub fn public_key(suite: Suite, private_key: &[u8]) -> Result<SealingKey, SealError> {
    fn of<K: Kem>(private_key: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = K::PrivateKey::from_bytes(private_key).map_err(|_| SealError::PrivateKey)?;
        Ok(K::sk_to_pk(&key).to_bytes().to_vec())
    }
    let bytes = match suite {
        Suite::XWing => of::<XWing>(private_key)?,
        Suite::X25519 => of::<X25519HkdfSha256>(private_key)?,
    };
    SealingKey::new(suite, bytes)
}

fn decrypt_with<K: Kem>(
    private_key: &[u8],
    info: &[u8],
    aad: &[u8],
    encapsulated: &[u8],
    ciphertext: &[u8],
) -> Result<Decrypted, SealError> {
    let key = K::PrivateKey::from_bytes(private_key).map_err(|_| SealError::PrivateKey)?;
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).map_err(|_| SealError::NotAuthentic)?;
    let mode = OpModeR::<K>::Base;
    let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, K>(&mode, &key, &encapsulated, info)
        .map_err(|_| SealError::NotAuthentic)?;
    let plaintext = context.open(ciphertext, aad).map_err(|_| SealError::NotAuthentic)?;
    let mut reply_key = Zeroizing::new([0; 32]);
    context.export(REPLY_KEY_LABEL, &mut *reply_key).map_err(|_| SealError::NotAuthentic)?;
    Ok(Decrypted { plaintext, reply_key })
}
