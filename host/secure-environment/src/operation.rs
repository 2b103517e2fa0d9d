//! What crosses the border of the Secure Environment: one [`Operation`] in, one [`Answer`] out. Both encode with serde; byte
//! strings stay borrowed on the way in, so that a call in the same process copies nothing.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::{Attributes, ByteArray, Bytes, Error, Template, crypto::aead};

/// All variable-length input of one operation together, at most.
pub const REQUEST_BYTES_MAX: u32 = 65_536;
/// Longest context of a signature.
pub const CONTEXT_BYTES_MAX: u32 = 255;
/// Most random bytes in one operation.
pub const RANDOM_BYTES_MAX: u32 = 1_024;
/// What `encrypt` adds to a plaintext: key version (4), nonce (24), tag (16).
pub const ENCRYPT_OVERHEAD_BYTES: usize = 4 + aead::OVERHEAD_BYTES;
/// What `seal` adds to a plaintext: encapsulated key (32), tag (16).
pub const SEAL_OVERHEAD_BYTES: usize = 48;

/// Names a partition: 16 random bytes, given by [`Management::create_partition`](crate::Management::create_partition).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub(crate) [u8; 16]);

impl PartitionId {
    /// The id with these bytes, as the node's own state keeps them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PartitionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ByteArray(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PartitionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ByteArray::deserialize(deserializer).map(|bytes| Self(bytes.0))
    }
}

/// A number that stands for an open key, in one partition only. Never kept, never good after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HandleId(pub(crate) u64);

/// One call. [`Partition`](crate::Partition) and [`KeyHandle`](crate::KeyHandle) document what each does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The fields are the arguments of the method of the same name.
pub enum Operation<'a> {
    Generate { alias: Cow<'a, str>, template: Template },
    Open { alias: Cow<'a, str> },
    Aliases,
    Close { key: HandleId },
    Attributes { key: HandleId },
    PublicKey { key: HandleId },
    Sign { key: HandleId, context: Cow<'a, str>, message: Bytes<'a> },
    Encrypt { key: HandleId, aad: Bytes<'a>, plaintext: Bytes<'a> },
    Decrypt { key: HandleId, aad: Bytes<'a>, ciphertext: Bytes<'a> },
    Unseal { key: HandleId, info: Bytes<'a>, aad: Bytes<'a>, sealed: Bytes<'a> },
    Agree { key: HandleId, peer: ByteArray<32>, info: Bytes<'a>, template: Template },
    Derive { key: HandleId, info: Bytes<'a>, template: Template },
    Mac { key: HandleId, message: Bytes<'a> },
    VerifyMac { key: HandleId, message: Bytes<'a>, tag: ByteArray<32> },
    Rotate { key: HandleId },
    Destroy { key: HandleId },
    Attest { key: HandleId, nonce: Bytes<'a> },
    Verify { public_key: ByteArray<32>, context: Cow<'a, str>, message: Bytes<'a>, signature: ByteArray<64> },
    Seal { public_key: ByteArray<32>, info: Bytes<'a>, aad: Bytes<'a>, plaintext: Bytes<'a> },
    Random { bytes: u32 },
}

/// What an operation gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Of `close` and `destroy`.
    Done,
    /// Of `generate`, `open`, `agree` and `derive`.
    Key(HandleId),
    /// Of `aliases`, sorted.
    Aliases(Vec<String>),
    /// Of `attributes`.
    Attributes(Attributes),
    /// Of `public-key` and `mac`.
    Bytes32(ByteArray<32>),
    /// Of `sign`.
    Signature(ByteArray<64>),
    /// Of `encrypt`, `decrypt`, `seal`, `unseal`, `attest` and `random`.
    Bytes(Bytes<'static>),
    /// Of `verify` and `verify-mac`.
    Verdict(bool),
    /// Of `rotate`.
    Version(u32),
}

impl Operation<'_> {
    /// Refuses what is over a size limit, before anything is done with it. What `encrypt` or `seal` took, `decrypt` and `unseal`
    /// take back: their overhead does not count.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let bytes = match self {
            Self::Sign { context, message, .. } | Self::Verify { context, message, .. } => {
                if context.len() > CONTEXT_BYTES_MAX as usize {
                    return Err(Error::TooLarge { max_bytes: CONTEXT_BYTES_MAX });
                }
                message.len()
            }
            Self::Random { bytes } if *bytes > RANDOM_BYTES_MAX => {
                return Err(Error::TooLarge { max_bytes: RANDOM_BYTES_MAX });
            }
            Self::Encrypt { aad, plaintext, .. } => aad.len() + plaintext.len(),
            Self::Decrypt { aad, ciphertext, .. } => {
                aad.len() + ciphertext.len().saturating_sub(ENCRYPT_OVERHEAD_BYTES)
            }
            Self::Seal { info, aad, plaintext, .. } => info.len() + aad.len() + plaintext.len(),
            Self::Unseal { info, aad, sealed, .. } => {
                info.len() + aad.len() + sealed.len().saturating_sub(SEAL_OVERHEAD_BYTES)
            }
            Self::Agree { info, .. } | Self::Derive { info, .. } => info.len(),
            Self::Mac { message, .. } | Self::VerifyMac { message, .. } => message.len(),
            Self::Attest { nonce, .. } => nonce.len(),
            Self::Generate { .. }
            | Self::Open { .. }
            | Self::Aliases
            | Self::Close { .. }
            | Self::Attributes { .. }
            | Self::PublicKey { .. }
            | Self::Rotate { .. }
            | Self::Destroy { .. }
            | Self::Random { .. } => 0,
        };
        if bytes > REQUEST_BYTES_MAX as usize {
            return Err(Error::TooLarge { max_bytes: REQUEST_BYTES_MAX });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Algorithm, Usage};

    fn round_trip<T: Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        let mut encoded = Vec::new();
        ciborium::into_writer(value, &mut encoded).unwrap();
        ciborium::from_reader(encoded.as_slice()).unwrap()
    }

    proptest! {
        #[test]
        fn an_operation_survives_the_channel(alias in ".{0,80}", message in proptest::collection::vec(any::<u8>(), 0..300), n in any::<u64>()) {
            let key = HandleId(n);
            let template = Template::new(Algorithm::HmacSha256, Usage::DERIVE).with_children([Algorithm::ChaCha20Poly1305], Usage::ENCRYPT);
            for operation in [
                Operation::Generate { alias: alias.as_str().into(), template: template.clone() },
                Operation::Sign { key, context: alias.as_str().into(), message: message.as_slice().into() },
                Operation::Agree { key, peer: ByteArray([7; 32]), info: message.as_slice().into(), template },
                Operation::Verify { public_key: ByteArray([1; 32]), context: "c".into(), message: message.as_slice().into(), signature: ByteArray([2; 64]) },
            ] {
                prop_assert_eq!(&round_trip(&operation), &operation);
            }
            for answer in [Answer::Done, Answer::Key(key), Answer::Bytes(message.into()), Answer::Signature(ByteArray([3; 64]))] {
                prop_assert_eq!(&round_trip(&answer), &answer);
            }
        }
    }

    #[test]
    fn the_largest_message_survives_the_channel() {
        let message = vec![7; REQUEST_BYTES_MAX as usize];
        let operation = Operation::Mac { key: HandleId(1), message: message.as_slice().into() };
        assert_eq!(round_trip(&operation), operation);
    }

    #[test]
    fn debug_shows_no_content() {
        let operation = Operation::Mac { key: HandleId(1), message: b"balance"[..].into() };
        let shown = format!("{operation:?} {:?}", Answer::Bytes(b"plaintext".to_vec().into()));
        assert!(!shown.contains("98") && shown.contains("<7 bytes>") && shown.contains("<9 bytes>"), "{shown}");
    }

    #[test]
    fn sizes() {
        let full = vec![0; REQUEST_BYTES_MAX as usize];
        let encrypt = |aad: &'static [u8]| Operation::Encrypt {
            key: HandleId(0),
            aad: aad.into(),
            plaintext: full.as_slice().into(),
        };
        assert_eq!(encrypt(b"").check_size(), Ok(()));
        assert_eq!(encrypt(b"x").check_size(), Err(Error::TooLarge { max_bytes: 65_536 }));
        assert_eq!(Operation::Random { bytes: 1024 }.check_size(), Ok(()));
        assert_eq!(Operation::Random { bytes: 1025 }.check_size(), Err(Error::TooLarge { max_bytes: 1024 }));
    }
}
