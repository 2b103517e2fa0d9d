//! What crosses the border of the Secure Environment: one [`Operation`] in, one [`Answer`] out. Both encode with serde; byte
//! strings stay borrowed on the way in, so that a call in the same process copies nothing.

mod bounds;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use bounds::{
    CONTEXT_BYTES_MAX, COUNTER_NAME_BYTES_MAX, ENCRYPT_OVERHEAD_BYTES, RANDOM_BYTES_MAX, REQUEST_BYTES_MAX,
    RESERVED_REQUEST_BYTES_MAX, SEAL_OVERHEAD_BYTES,
};

use crate::{Attributes, ByteArray, Bytes, SecretBytes32, Template};

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

/// A number that stands for an open session, in one partition only. Never kept, never good after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub(crate) u64);

/// One call. [`Partition`](crate::Partition) and [`KeyHandle`](crate::KeyHandle) document what each does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // The fields are the arguments of the method of the same name.
pub enum Operation<'a> {
    Generate {
        alias: Cow<'a, str>,
        template: Template,
    },
    Open {
        alias: Cow<'a, str>,
    },
    Aliases,
    Close {
        key: HandleId,
    },
    Attributes {
        key: HandleId,
    },
    PublicKey {
        key: HandleId,
    },
    Sign {
        key: HandleId,
        context: Cow<'a, str>,
        message: Bytes<'a>,
    },
    Encrypt {
        key: HandleId,
        aad: Bytes<'a>,
        plaintext: Bytes<'a>,
    },
    Decrypt {
        key: HandleId,
        aad: Bytes<'a>,
        ciphertext: Bytes<'a>,
    },
    Unseal {
        key: HandleId,
        info: Bytes<'a>,
        aad: Bytes<'a>,
        sealed: Bytes<'a>,
    },
    Agree {
        key: HandleId,
        peer: ByteArray<32>,
        info: Bytes<'a>,
        template: Template,
    },
    Derive {
        key: HandleId,
        info: Bytes<'a>,
        template: Template,
    },
    Mac {
        key: HandleId,
        message: Bytes<'a>,
    },
    VerifyMac {
        key: HandleId,
        message: Bytes<'a>,
        tag: ByteArray<32>,
    },
    Rotate {
        key: HandleId,
    },
    Destroy {
        key: HandleId,
    },
    Attest {
        key: HandleId,
        nonce: Bytes<'a>,
    },
    Verify {
        public_key: ByteArray<32>,
        context: Cow<'a, str>,
        message: Bytes<'a>,
        signature: ByteArray<64>,
    },
    Seal {
        public_key: ByteArray<32>,
        info: Bytes<'a>,
        aad: Bytes<'a>,
        plaintext: Bytes<'a>,
    },
    Random {
        bytes: u32,
    },
    // Reserved: over the provisioning channel only.
    SignRaw {
        key: HandleId,
        message: Bytes<'a>,
    },
    EncapsulationKey {
        key: HandleId,
    },
    UnsealExport {
        key: HandleId,
        info: Bytes<'a>,
        aad: Bytes<'a>,
        encapsulated: Bytes<'a>,
        ciphertext: Bytes<'a>,
        exporter_context: Bytes<'a>,
    },
    NoiseBegin {
        key: HandleId,
        initiator: bool,
        prologue: Bytes<'a>,
    },
    NoiseWrite {
        session: SessionId,
        payload: Bytes<'a>,
    },
    NoiseRead {
        session: SessionId,
        message: Bytes<'a>,
    },
    NoiseFinish {
        session: SessionId,
    },
    NoiseSeal {
        session: SessionId,
        plaintext: Bytes<'a>,
    },
    NoiseOpen {
        session: SessionId,
        counter: u64,
        ciphertext: Bytes<'a>,
    },
    NoiseEnd {
        session: SessionId,
    },
    Counters,
    RaiseCounters {
        counters: Vec<(Cow<'a, str>, u64)>,
    },
}

/// What an operation gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Of `close`, `destroy`, `noise-end` and `raise-counters`.
    Done,
    /// Of `generate`, `open`, `agree` and `derive`.
    Key(HandleId),
    /// Of `aliases`, sorted.
    Aliases(Vec<String>),
    /// Of `attributes`.
    Attributes(Attributes),
    /// Of `public-key`, `mac` and `noise-finish`, which gives the hash of the handshake.
    Bytes32(ByteArray<32>),
    /// Of `sign` and `sign-raw`.
    Signature(ByteArray<64>),
    /// Of `encrypt`, `decrypt`, `seal`, `unseal`, `attest`, `random`, `encapsulation-key`, `noise-write` and `noise-open`.
    Bytes(Bytes<'static>),
    /// Of `verify` and `verify-mac`.
    Verdict(bool),
    /// Of `rotate`.
    Version(u32),
    /// Of `unseal-export`.
    Unsealed {
        /// The content.
        plaintext: Bytes<'static>,
        /// Secret: the sender has it too.
        exported: SecretBytes32,
    },
    /// Of `noise-begin`.
    Session(SessionId),
    /// Of `noise-read`.
    Payload {
        /// What the message carried.
        payload: Bytes<'static>,
        /// The other side's static key, once it is known.
        remote_static: Option<ByteArray<32>>,
    },
    /// Of `noise-seal`.
    Sealed {
        /// The counter that the session took, which is the nonce.
        counter: u64,
        /// Ciphertext and tag.
        ciphertext: Bytes<'static>,
    },
    /// Of `counters`.
    Counters(BTreeMap<String, u64>),
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
                Operation::SignRaw { key, message: message.as_slice().into() },
                Operation::NoiseOpen { session: SessionId(n), counter: n, ciphertext: message.as_slice().into() },
                Operation::RaiseCounters { counters: vec![(alias.as_str().into(), n)] },
                Operation::Verify { public_key: ByteArray([1; 32]), context: "c".into(), message: message.as_slice().into(), signature: ByteArray([2; 64]) },
            ] {
                prop_assert_eq!(&round_trip(&operation), &operation);
            }
            for answer in [
                Answer::Done,
                Answer::Key(key),
                Answer::Bytes(message.clone().into()),
                Answer::Signature(ByteArray([3; 64])),
                Answer::Unsealed { plaintext: message.clone().into(), exported: SecretBytes32([4; 32].into()) },
                Answer::Payload { payload: message.clone().into(), remote_static: Some(ByteArray([5; 32])) },
                Answer::Sealed { counter: n, ciphertext: message.into() },
                Answer::Counters([(alias.clone(), n)].into()),
            ] {
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
}
