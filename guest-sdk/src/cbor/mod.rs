//! CBOR (RFC 8949) for serde, in a few kilobytes of component.
//!
//! Values have the form that other serde implementations give them: a struct is a map with text keys, a unit variant its
//! name, any other variant a map from its name, `None` and `()` are null. Written in the shortest definite form, except
//! that floats are of single or double precision; read in any form of the RFC. Tags are skipped.

mod error;
mod read;
mod reader;
mod write;

use serde::{Deserialize, Serialize};

pub(crate) use error::Failure;

/// The CBOR of `value`.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut output = Vec::new();
    value.serialize(write::Writer(&mut output))?;
    Ok(output)
}

/// The one value in `input`.
pub(crate) fn from_slice<'de, T: Deserialize<'de>>(input: &'de [u8]) -> Result<T, Failure> {
    let mut reader = reader::Reader::new(input);
    let value = T::deserialize(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// The five bits beside the major type, where they are no small number.
mod info {
    pub(super) const ONE_BYTE: u8 = 24;
    pub(super) const TWO_BYTES: u8 = 25;
    pub(super) const FOUR_BYTES: u8 = 26;
    pub(super) const EIGHT_BYTES: u8 = 27;
    pub(super) const INDEFINITE: u8 = 31;
}

mod simple {
    pub(super) const FALSE: u8 = 20;
    pub(super) const TRUE: u8 = 21;
    pub(super) const NULL: u8 = 22;
    pub(super) const UNDEFINED: u8 = 23;
}

const BREAK: u8 = 0xff;

#[cfg(test)]
mod tests;
