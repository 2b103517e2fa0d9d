//! What travels: `[1, id, service, operation, digest, noise]` opens, `[2, id, noise]` answers, `[3, id, noise]` confirms,
//! `[4, id, counter, ciphertext]` carries.

use ciborium::Value;

use super::AssociationError;
use crate::aif::Operation;
use crate::codec::{self, Bytes, Cbor, Malformed, message};
use crate::identity::{Digest, KeyId, ServiceId, TrustDomain};

const PACKET_BYTES_MAX: usize = 65_535;
/// The version in the prologue.
const VERSION: u8 = 1;

/// Eight random bytes that the initiator draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssociationId(pub [u8; 8]);

impl Cbor for AssociationId {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Cbor::from_value(value, field).map(Self)
    }
}

message! {
    /// The first packet, in the clear. It tells which certificate is addressed and what for, never by whom.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array Opening {
        pub(super) kind: u8,
        /// The new association.
        pub id: AssociationId,
        /// For which service.
        pub service: ServiceId,
        /// For which operation of the initiator.
        pub operation: Operation,
        /// The first eight bytes of the addressed certificate's hash.
        pub addressed: KeyId,
        pub(super) noise: Bytes,
    }
}

message! {
    pub(super) array Handshake {
        pub(super) kind: u8,
        pub(super) id: AssociationId,
        pub(super) noise: Bytes,
    }
}

message! {
    pub(super) array Data {
        pub(super) kind: u8,
        pub(super) id: AssociationId,
        pub(super) counter: u64,
        pub(super) ciphertext: Bytes,
    }
}

pub(super) const OPENING: u8 = 1;
pub(super) const ANSWER: u8 = 2;
pub(super) const CONFIRMATION: u8 = 3;
pub(super) const DATA: u8 = 4;

impl Opening {
    /// Reads the first packet, so that the addressed pseudonym can be found.
    ///
    /// # Errors
    /// [`AssociationError::Malformed`].
    pub fn decode(packet: &[u8]) -> Result<Self, AssociationError> {
        let opening: Self = decode(packet)?;
        expect_kind(opening.kind, OPENING)?;
        Ok(opening)
    }
}

pub(super) fn handshake(packet: &[u8], kind: u8, id: AssociationId) -> Result<Bytes, AssociationError> {
    let handshake: Handshake = decode(packet)?;
    expect_kind(handshake.kind, kind)?;
    if handshake.id == id { Ok(handshake.noise) } else { Err(AssociationError::OtherAssociation) }
}

pub(super) fn data(packet: &[u8], id: AssociationId) -> Result<Data, AssociationError> {
    let data: Data = decode(packet)?;
    expect_kind(data.kind, DATA)?;
    if data.id == id { Ok(data) } else { Err(AssociationError::OtherAssociation) }
}

/// What both sides must agree on before any key exists.
pub(super) fn prologue(
    domain: &TrustDomain,
    service: ServiceId,
    operation: Operation,
    addressed: &Digest,
    id: AssociationId,
) -> Vec<u8> {
    codec::encode_value(&Value::Array(vec![
        VERSION.to_value(),
        domain.to_value(),
        service.to_value(),
        operation.to_value(),
        addressed.to_value(),
        id.to_value(),
    ]))
}

fn decode<T: Cbor>(packet: &[u8]) -> Result<T, AssociationError> {
    Ok(codec::decode(packet, PACKET_BYTES_MAX, "packet of an association")?)
}

fn expect_kind(found: u8, expected: u8) -> Result<(), AssociationError> {
    let unexpected = Malformed::Unexpected { field: "kind", expected: "the kind of packet that is due now" };
    if found == expected { Ok(()) } else { Err(unexpected.into()) }
}
