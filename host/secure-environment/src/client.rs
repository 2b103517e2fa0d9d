//! The side of the user: a [`Channel`] to the Secure Environment, and what is comfortable on top of it.

mod reserved;

use std::{fmt, sync::Arc};

pub use reserved::{NoiseSession, Unsealed};

use crate::{Answer, Attributes, ByteArray, Error, HandleId, Operation, PartitionId, Template};

/// The way to the Secure Environment: in the same process, or a socket to another one.
///
/// Whoever holds a channel names the partition, so each holder gets a channel of its own role; management is another trait.
pub trait Channel: Send + Sync {
    /// Performs one operation in a partition. Many threads may call at once.
    ///
    /// # Errors
    /// As the operation says; [`Error::NotFound`] also for a partition that does not exist, [`Error::Unavailable`] when the
    /// Secure Environment is shut down or out of reach.
    fn call(&self, partition: PartitionId, operation: Operation<'_>) -> Result<Answer, Error>;

    /// Performs operations in order, each on its own: one that fails does not stop the next.
    fn call_batch(&self, partition: PartitionId, operations: Vec<Operation<'_>>) -> Vec<Result<Answer, Error>> {
        operations.into_iter().map(|operation| self.call(partition, operation)).collect()
    }
}

/// One owner's keys.
#[derive(Clone)]
pub struct Partition {
    channel: Arc<dyn Channel>,
    id: PartitionId,
}

impl Partition {
    /// The partition `id` as seen over `channel`. Nothing is asked yet.
    #[must_use]
    pub fn new(channel: Arc<dyn Channel>, id: PartitionId) -> Self {
        Self { channel, id }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> PartitionId {
        self.id
    }

    /// Makes a key. A persistent one is durable before this returns.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Invalid`] or [`Error::TooLarge`] for the alias or template; [`Error::Limit`].
    pub fn generate(&self, alias: &str, template: &Template) -> Result<KeyHandle, Error> {
        self.key(Operation::Generate { alias: alias.into(), template: template.clone() })
    }

    /// A handle for a key of this partition.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Limit`] for handles.
    pub fn open(&self, alias: &str) -> Result<KeyHandle, Error> {
        self.key(Operation::Open { alias: alias.into() })
    }

    /// The aliases of this partition, sorted.
    ///
    /// # Errors
    /// Those of every call.
    pub fn aliases(&self) -> Result<Vec<String>, Error> {
        match self.call(Operation::Aliases)? {
            Answer::Aliases(aliases) => Ok(aliases),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// Random bytes from the operating system.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`RANDOM_BYTES_MAX`](crate::RANDOM_BYTES_MAX).
    pub fn random(&self, bytes: u32) -> Result<Vec<u8>, Error> {
        self.bytes(Operation::Random { bytes })
    }

    /// Verifies a signature that a key in a partition of the same type gave under `context`. Strict: a public key of small order
    /// and every encoding that is not canonical make it false.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn verify(
        &self,
        public_key: &[u8; 32],
        context: &str,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, Error> {
        self.verdict(Operation::Verify {
            public_key: ByteArray(*public_key),
            context: context.into(),
            message: message.into(),
            signature: ByteArray(*signature),
        })
    }

    /// HPKE base mode to the public key of an [`Algorithm::HpkeX25519`](crate::Algorithm::HpkeX25519) key: the encapsulated key
    /// (32 bytes), then the ciphertext.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a public key of small order; [`Error::TooLarge`].
    pub fn seal(&self, public_key: &[u8; 32], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        self.bytes(Operation::Seal {
            public_key: ByteArray(*public_key),
            info: info.into(),
            aad: aad.into(),
            plaintext: plaintext.into(),
        })
    }

    fn call(&self, operation: Operation<'_>) -> Result<Answer, Error> {
        self.channel.call(self.id, operation)
    }

    fn key(&self, operation: Operation<'_>) -> Result<KeyHandle, Error> {
        match self.call(operation)? {
            Answer::Key(handle) => Ok(KeyHandle { partition: self.clone(), handle }),
            _ => Err(OTHER_ANSWER),
        }
    }

    fn bytes(&self, operation: Operation<'_>) -> Result<Vec<u8>, Error> {
        match self.call(operation)? {
            Answer::Bytes(bytes) => Ok(bytes.into_vec()),
            _ => Err(OTHER_ANSWER),
        }
    }

    fn bytes32(&self, operation: Operation<'_>) -> Result<[u8; 32], Error> {
        match self.call(operation)? {
            Answer::Bytes32(bytes) => Ok(bytes.0),
            _ => Err(OTHER_ANSWER),
        }
    }

    fn verdict(&self, operation: Operation<'_>) -> Result<bool, Error> {
        match self.call(operation)? {
            Answer::Verdict(verdict) => Ok(verdict),
            _ => Err(OTHER_ANSWER),
        }
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({})", self.id)
    }
}

const OTHER_ANSWER: Error = Error::unavailable("the secure environment answered something else than was asked");

/// An open key. Dropping it closes it; a volatile key ends with its last handle.
pub struct KeyHandle {
    partition: Partition,
    handle: HandleId,
}

impl KeyHandle {
    /// What the key is.
    ///
    /// # Errors
    /// [`Error::NotFound`] once the key is destroyed, here and in every other method.
    pub fn attributes(&self) -> Result<Attributes, Error> {
        match self.partition.call(Operation::Attributes { key: self.handle })? {
            Answer::Attributes(attributes) => Ok(attributes),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// The raw public key of the newest version (RFC 8032, RFC 7748).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a symmetric key, and for X-Wing, whose public key is longer.
    pub fn public_key(&self) -> Result<[u8; 32], Error> {
        self.partition.bytes32(Operation::PublicKey { key: self.handle })
    }

    /// Ed25519 over [`signing_input`](crate::signing_input) of the partition's type, `context` and `message`.
    ///
    /// # Errors
    /// [`Error::NotPermitted`], [`Error::Expired`] and [`Error::UsesExhausted`], here and wherever the key is used;
    /// [`Error::TooLarge`].
    pub fn sign(&self, context: &str, message: &[u8]) -> Result<[u8; 64], Error> {
        let operation = Operation::Sign { key: self.handle, context: context.into(), message: message.into() };
        match self.partition.call(operation)? {
            Answer::Signature(signature) => Ok(signature.0),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// Key version (4 bytes, big-endian), nonce (24), ciphertext, tag (16). For a named key the associated data also holds the
    /// partition, the alias and the version; for an agreed or derived key, which a peer may hold too, the version only.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign).
    pub fn encrypt(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::Encrypt { key: self.handle, aad: aad.into(), plaintext: plaintext.into() })
    }

    /// Opens what [`encrypt`](Self::encrypt) gave, by whichever version made it.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], and as for [`sign`](Self::sign).
    pub fn decrypt(&self, aad: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::Decrypt { key: self.handle, aad: aad.into(), ciphertext: ciphertext.into() })
    }

    /// Opens what [`Partition::seal`] gave for any version of this key.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], and as for [`sign`](Self::sign).
    pub fn unseal(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::Unseal {
            key: self.handle,
            info: info.into(),
            aad: aad.into(),
            sealed: sealed.into(),
        })
    }

    /// X25519 with `peer` and HKDF-SHA256 over both public keys, the new key's algorithm and `info`. Both sides get the same key.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a peer whose result is not contributory; [`Error::ChildNotPermitted`]; as for [`sign`](Self::sign).
    pub fn agree(&self, peer: &[u8; 32], info: &[u8], template: &Template) -> Result<Self, Error> {
        self.partition.key(Operation::Agree {
            key: self.handle,
            peer: ByteArray(*peer),
            info: info.into(),
            template: template.clone(),
        })
    }

    /// HKDF-SHA256 over the new key's algorithm and `info`: the same input gives the same key again.
    ///
    /// # Errors
    /// [`Error::ChildNotPermitted`]; as for [`sign`](Self::sign).
    pub fn derive(&self, info: &[u8], template: &Template) -> Result<Self, Error> {
        self.partition.key(Operation::Derive { key: self.handle, info: info.into(), template: template.clone() })
    }

    /// HMAC-SHA256 by the newest version.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign).
    pub fn mac(&self, message: &[u8]) -> Result<[u8; 32], Error> {
        self.partition.bytes32(Operation::Mac { key: self.handle, message: message.into() })
    }

    /// Whether any version of the key made `tag`; in constant time.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign).
    pub fn verify_mac(&self, message: &[u8], tag: &[u8; 32]) -> Result<bool, Error> {
        self.partition.verdict(Operation::VerifyMac { key: self.handle, message: message.into(), tag: ByteArray(*tag) })
    }

    /// Makes a new version and gives its number. Old versions decrypt, unseal and verify only. All handles see it.
    ///
    /// # Errors
    /// [`Error::Limit`] for versions; [`Error::NotPermitted`], [`Error::Expired`].
    pub fn rotate(&self) -> Result<u32, Error> {
        match self.partition.call(Operation::Rotate { key: self.handle })? {
            Answer::Version(version) => Ok(version),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// Ends the key, in all versions, for good, and every handle to it. In a provisioning partition also what was derived from
    /// it.
    ///
    /// # Errors
    /// [`Error::NotPermitted`].
    pub fn destroy(&self) -> Result<(), Error> {
        self.partition.call(Operation::Destroy { key: self.handle }).map(|_| ())
    }

    /// A signed statement about the key and the state that it is bound to.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: this back-end binds keys to no state that it could attest.
    pub fn attest(&self, nonce: &[u8]) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::Attest { key: self.handle, nonce: nonce.into() })
    }
}

impl Drop for KeyHandle {
    fn drop(&mut self) {
        // A key that was destroyed has closed its handles already, so an error means nothing here.
        let _ = self.partition.call(Operation::Close { key: self.handle });
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHandle").field("partition", &self.partition.id).finish_non_exhaustive()
    }
}
