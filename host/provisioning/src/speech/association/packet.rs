//! Where a packet belongs, before anything in it is believed.

use m2m_trust::association::{AssociationError, AssociationId};
use m2m_trust::codec::Malformed;

/// The kinds of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Opening,
    Answer,
    Confirmation,
    Data,
}

/// Kind and association of a packet: in their one encoding, the head of an array of three to six items, a small number, and eight
/// bytes. Whoever takes the packet further checks all of it.
pub(super) fn head(packet: &[u8]) -> Result<(Kind, AssociationId), AssociationError> {
    let unexpected = Malformed::Unexpected { field: "packet", expected: "a packet of an association" };
    let Some(([array @ 0x83..=0x86, kind, 0x48], rest)) = packet.split_first_chunk::<3>() else {
        return Err(unexpected.into());
    };
    let Some((id, _)) = rest.split_first_chunk::<8>() else { return Err(unexpected.into()) };
    let kind = match (kind, array) {
        (1, 0x86) => Kind::Opening,
        (2, 0x83) => Kind::Answer,
        (3, 0x83) => Kind::Confirmation,
        (4, 0x84) => Kind::Data,
        _ => return Err(unexpected.into()),
    };
    Ok((kind, AssociationId(*id)))
}
