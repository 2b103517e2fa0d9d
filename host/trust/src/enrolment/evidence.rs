//! Evidence of the state of the node: claims of an Entity Attestation Token (RFC 9711), signed with the request.

use ciborium::Value;

use crate::codec::{self, Bytes, Cbor, Malformed, message};
use crate::identity::Digest;

/// The content format that stands before our measurements, from the range for experiments.
const MEASUREMENTS_FORMAT: u16 = 65_100;
const MEASUREMENTS_BYTES_MAX: usize = 16_384;

message! {
    /// The claims.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Evidence {
        /// `eat_nonce`: the challenge.
        10 => pub nonce: [u8; 16],
        /// `dbgstat`.
        263 => pub debug: DebugStatus,
        /// `bootcount`.
        267 => pub boots: u64,
        /// `measurements`.
        273 => pub measurements: Measurements,
    }
}

/// `dbgstat`: whether someone could look into the running node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugStatus {
    /// 0.
    Enabled,
    /// 1.
    Disabled,
    /// 2.
    DisabledSinceBoot,
    /// 3.
    DisabledPermanently,
    /// 4.
    DisabledFullyAndPermanently,
}

impl Cbor for DebugStatus {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Enabled => 0,
            Self::Disabled => 1,
            Self::DisabledSinceBoot => 2,
            Self::DisabledPermanently => 3,
            Self::DisabledFullyAndPermanently => 4,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            0 => Ok(Self::Enabled),
            1 => Ok(Self::Disabled),
            2 => Ok(Self::DisabledSinceBoot),
            3 => Ok(Self::DisabledPermanently),
            4 => Ok(Self::DisabledFullyAndPermanently),
            _ => Err(Malformed::Unexpected { field, expected: "a debug status from 0 to 4" }),
        }
    }
}

/// What was measured: host binary, policies, components.
///
/// On the wire one entry, `[[65100, bstr .cbor [* [name, sha-256]]]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measurements(pub Vec<Measurement>);

message! {
    /// One measured file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array Measurement {
        /// What it is: `host`, `policy:meter`, `component:meter`.
        pub name: String,
        /// SHA-256 of its bytes.
        pub digest: Digest,
    }
}

message! {
    array Entry {
        format: u16,
        content: Bytes,
    }
}

impl Cbor for Measurements {
    fn to_value(&self) -> Value {
        let content = codec::encode(&self.0).into();
        vec![Entry { format: MEASUREMENTS_FORMAT, content }].to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let unexpected = Malformed::Unexpected { field, expected: "one entry of format 65100" };
        let entries = Vec::<Entry>::from_value(value, field)?;
        match entries.as_slice() {
            [Entry { format: MEASUREMENTS_FORMAT, content }] => {
                codec::decode(content, MEASUREMENTS_BYTES_MAX, field).map(Self)
            }
            _ => Err(unexpected),
        }
    }
}
