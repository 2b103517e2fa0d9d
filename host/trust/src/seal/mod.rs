//! Sealed objects: `[ver, recipient_key_id, enc, ct]`, and the reply that goes back under an exported key.
//!
//! `info` is `oM2M-NS/1 `, the kind, a space and the recipient's name; `aad` is the encoded array
//! `[ver, recipient_key_id, context]`, where `context` is empty or what the kind of object is bound to. The content is
//! padded to a bucket where its length could tell something.

mod suite;

use ciborium::Value;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use suite::{Decrypted, REPLY_KEY_LABEL, SealingKey, Suite, decrypt, public_key};

use crate::codec::{self, Bytes, Cbor, Malformed, message};
use crate::identity::KeyId;
use crate::padding::{self, PaddingError, REQUEST_BUCKETS};

/// The most bytes of a sealed object on the wire: the largest bucket, an encapsulated key and the framing.
pub const SEALED_BYTES_MAX: usize = 67_072;

/// What a sealed object is for. Each kind has its own `info`, so that none can stand for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node's request to the MEF.
    Enrolment,
    /// A node's request to an AA.
    Authorization,
    /// The part of an authorization request that only the MEF may read.
    Proof,
    /// One certificate, to the key that it certifies.
    Certificate,
}

impl Kind {
    /// Its name in `info`. None is a prefix of another.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enrolment => "enrolment",
            Self::Authorization => "authorization",
            Self::Proof => "proof",
            Self::Certificate => "certificate",
        }
    }

    fn padded(self) -> bool {
        matches!(self, Self::Enrolment | Self::Authorization)
    }
}

/// Why an object cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a sealed object.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Another suite than the one that the trust bundle pins: a downgrade, or a node with another bundle.
    #[error("suite {found}, expected {pinned}")]
    Suite {
        /// `ver` of the object.
        found: u8,
        /// The suite of the recipient's key.
        pinned: u8,
    },
    /// Sealed to a key that the recipient does not have.
    #[error("sealed to key {0}, which is not ours")]
    Recipient(KeyId),
    /// Changed on the way, of another kind, for another recipient, or out of another context.
    #[error("sealed object is not authentic")]
    NotAuthentic,
    /// Content that does not fit, or a filling that is not as it must be.
    #[error("padding: {0}")]
    Padding(#[from] PaddingError),
    /// No acceptable public key of its suite.
    #[error("public key does not fit its suite")]
    PublicKey,
    /// No private key of its suite.
    #[error("private key does not fit its suite")]
    PrivateKey,
    /// The holder of the private key did not answer.
    #[error("recipient key: {0}")]
    Unavailable(#[from] crate::keys::KeyUnavailable),
}

message! {
    /// A sealed object on the wire.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array Sealed {
        /// Number of the suite.
        pub version: u8,
        /// Which key of the recipient.
        pub recipient: KeyId,
        /// Encapsulated key.
        pub encapsulated: Bytes,
        /// Ciphertext and tag.
        pub ciphertext: Bytes,
    }
}

message! {
    array ReplyOnWire {
        nonce: [u8; 12],
        ciphertext: Bytes,
    }
}

/// The holder of a private key that objects are sealed to.
pub trait Recipient {
    /// Its public half.
    fn sealing_key(&self) -> SealingKey;

    /// HPKE base mode, one message; exports 32 bytes under [`REPLY_KEY_LABEL`].
    ///
    /// # Errors
    /// [`SealError::NotAuthentic`] or [`SealError::Unavailable`].
    fn decrypt(&self, info: &[u8], aad: &[u8], encapsulated: &[u8], ciphertext: &[u8]) -> Result<Decrypted, SealError>;
}

/// Who and what an object is sealed for; both sides must mean the same.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// What for.
    pub kind: Kind,
    /// The recipient's name: an authority's, or empty for a pseudonym.
    pub recipient: &'a str,
    /// What the object is bound to, or nothing.
    pub context: &'a [u8],
}

impl Purpose<'_> {
    fn info(&self) -> Vec<u8> {
        [b"oM2M-NS/1 ", self.kind.name().as_bytes(), b" ", self.recipient.as_bytes()].concat()
    }

    fn aad(&self, version: u8, recipient: KeyId) -> Vec<u8> {
        let context = Value::Bytes(self.context.to_vec());
        codec::encode_value(&Value::Array(vec![version.to_value(), recipient.to_value(), context]))
    }
}

/// Seals `content` to `key`. The reply key opens the one reply to it.
///
/// # Errors
/// [`SealError::Padding`] for what is too large, [`SealError::PublicKey`].
pub fn seal(
    key: &SealingKey,
    purpose: &Purpose<'_>,
    content: Vec<u8>,
    rng: &mut impl CryptoRng,
) -> Result<(Vec<u8>, ReplyKey), SealError> {
    let content = if purpose.kind.padded() { padding::pad(content, REQUEST_BUCKETS)? } else { content };
    let (version, recipient) = (key.suite().number(), key.key_id());
    let sealed = key.encrypt(&purpose.info(), &purpose.aad(version, recipient), &content, rng)?;
    let object =
        Sealed { version, recipient, encapsulated: sealed.encapsulated.into(), ciphertext: sealed.ciphertext.into() };
    Ok((codec::encode(&object), ReplyKey(sealed.reply_key)))
}

/// Opens what [`seal`] gave, in the order size, encoding, suite, recipient, authenticity, padding.
///
/// # Errors
/// [`SealError`].
pub fn open(bytes: &[u8], purpose: &Purpose<'_>, recipient: &impl Recipient) -> Result<(Vec<u8>, ReplyKey), SealError> {
    let sealed: Sealed = codec::decode(bytes, SEALED_BYTES_MAX, "sealed object")?;
    let key = recipient.sealing_key();
    let pinned = key.suite().number();
    if sealed.version != pinned || sealed.encapsulated.len() != key.suite().encapsulated_bytes() {
        return Err(SealError::Suite { found: sealed.version, pinned });
    }
    if sealed.recipient != key.key_id() {
        return Err(SealError::Recipient(sealed.recipient));
    }
    let aad = purpose.aad(sealed.version, sealed.recipient);
    let opened = recipient.decrypt(&purpose.info(), &aad, &sealed.encapsulated, &sealed.ciphertext)?;
    let content =
        if purpose.kind.padded() { padding::unpad(opened.plaintext, REQUEST_BUCKETS)? } else { opened.plaintext };
    Ok((content, ReplyKey(opened.reply_key)))
}

/// The key of a reply, known to who sealed a request and to who opened it.
pub struct ReplyKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for ReplyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyKey(…)")
    }
}

/// To keep a pending request over a restart; encrypt it wherever it is kept.
impl Cbor for ReplyKey {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Cbor::from_value(value, field).map(|key| Self(Zeroizing::new(key)))
    }
}

impl ReplyKey {
    /// Encrypts a reply: `[nonce, ciphertext]`, padded. The random nonce keeps a second, different reply harmless.
    ///
    /// # Errors
    /// [`SealError::Padding`] for what is too large.
    pub fn seal(&self, kind: Kind, reply: Vec<u8>, rng: &mut impl CryptoRng) -> Result<Vec<u8>, SealError> {
        use chacha20poly1305::aead::{Aead, Payload};
        let mut nonce = [0; 12];
        rng.fill_bytes(&mut nonce);
        let padded = padding::pad(reply, REQUEST_BUCKETS)?;
        let payload = Payload { msg: &padded, aad: kind.name().as_bytes() };
        let ciphertext = self.cipher().encrypt(&nonce.into(), payload).map_err(|_| SealError::NotAuthentic)?;
        Ok(codec::encode(&ReplyOnWire { nonce, ciphertext: ciphertext.into() }))
    }

    /// Opens a reply.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        use chacha20poly1305::aead::{Aead, Payload};
        let reply: ReplyOnWire = codec::decode(bytes, SEALED_BYTES_MAX, "sealed reply")?;
        let payload = Payload { msg: &reply.ciphertext, aad: kind.name().as_bytes() };
        let padded = self.cipher().decrypt(&reply.nonce.into(), payload).map_err(|_| SealError::NotAuthentic)?;
        Ok(padding::unpad(padded, REQUEST_BUCKETS)?)
    }

    fn cipher(&self) -> chacha20poly1305::ChaCha20Poly1305 {
        use chacha20poly1305::KeyInit;
        chacha20poly1305::ChaCha20Poly1305::new(&(*self.0).into())
    }
}
