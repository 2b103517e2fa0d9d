//! CBOR (RFC 8949), as `minicbor-serde` writes and reads it, for payloads that anybody may have made.

use minicbor::{data::Type, decode::Decoder};
use minicbor_serde::{Deserializer, error::DecodeError, to_vec};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// How deep arrays, maps and tags may be nested. `minicbor-serde` sets no limit, and the stack is small.
const DEPTH_MAX: u8 = 64;

/// The payload of `value`.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    to_vec(value).map_err(|error| Error::Payload(error.to_string()))
}

/// The one value in `payload`.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
    read(payload).map_err(|error| Error::Payload(error.to_string()))
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(payload);
    pass(&mut decoder, DEPTH_MAX)?;
    if decoder.position() != payload.len() {
        return Err(failure(&decoder, "bytes follow the value").into());
    }
    T::deserialize(&mut Deserializer::new(payload))
}

/// Passes over one item, unless it is nested deeper than `depth_left`.
fn pass(decoder: &mut Decoder<'_>, depth_left: u8) -> Result<(), minicbor::decode::Error> {
    let items = match decoder.datatype()? {
        Type::Array | Type::ArrayIndef => decoder.array()?,
        Type::Map | Type::MapIndef => decoder.map()?.map(|pairs| pairs.saturating_mul(2)),
        Type::Tag => decoder.tag().map(|_| Some(1))?,
        Type::Break => return Err(failure(decoder, "a break ends nothing")),
        _ => return decoder.skip(),
    };
    let depth_left = depth_left.checked_sub(1).ok_or_else(|| failure(decoder, "nested too deeply"))?;
    match items {
        Some(items) => (0..items).try_for_each(|_| pass(decoder, depth_left)),
        None => {
            while decoder.datatype()? != Type::Break {
                pass(decoder, depth_left)?;
            }
            decoder.skip()
        }
    }
}

fn failure(decoder: &Decoder<'_>, what: &str) -> minicbor::decode::Error {
    minicbor::decode::Error::message(what).at(decoder.position())
}

#[cfg(test)]
mod tests;
