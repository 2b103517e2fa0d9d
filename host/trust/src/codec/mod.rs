//! Deterministic CBOR (RFC 8949, section 4.2.1), in and out.
//!
//! Every message has exactly one encoding. [`decode`] caps the size, then scans the bytes without building
//! anything and refuses whatever another encoder could have written differently, and only then parses. What is accepted
//! therefore re-encodes to the same bytes, so a hash of received bytes is a hash of the message.

mod message;
mod scan;
mod values;

use ciborium::Value;

pub(crate) use message::message;
pub use scan::DEPTH_MAX;
pub use values::Bytes;

/// Why bytes are not the expected message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than this kind of message may be; nothing was parsed.
    #[error("{size} bytes, expected at most {limit}")]
    TooLarge {
        /// Bytes received.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes end inside an item, or an item claims more than there is.
    #[error("CBOR ends early at byte {at}")]
    Truncated {
        /// Offset of the item's head.
        at: usize,
    },
    /// Bytes after the one item that was expected.
    #[error("{count} bytes follow the message")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("CBOR nested deeper than {DEPTH_MAX} at byte {at}")]
    TooDeep {
        /// Offset of the item's head.
        at: usize,
    },
    /// Indefinite length.
    #[error("indefinite length at byte {at}, expected a definite one")]
    IndefiniteLength {
        /// Offset of the item's head.
        at: usize,
    },
    /// An integer or a length in more bytes than it needs.
    #[error("integer or length at byte {at} is not in its shortest form")]
    NonMinimal {
        /// Offset of the item's head.
        at: usize,
    },
    /// The same map key twice.
    #[error("map key repeated at byte {at}")]
    DuplicateKey {
        /// Offset of the second key.
        at: usize,
    },
    /// Map keys not in bytewise order of their encodings.
    #[error("map key at byte {at} is out of order")]
    UnsortedKeys {
        /// Offset of the key that should have come earlier.
        at: usize,
    },
    /// A tag, float, null or other simple value: no message has any.
    #[error("CBOR type at byte {at} is not used by any message")]
    ForbiddenType {
        /// Offset of the item's head.
        at: usize,
    },
    /// Text that is not UTF-8.
    #[error("text at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the item's head.
        at: usize,
    },
    /// An item of another type or outside its range.
    #[error("`{field}`: expected {expected}")]
    Unexpected {
        /// The field of the message.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A field that the message must have.
    #[error("`{field}` is missing")]
    Missing {
        /// The field of the message.
        field: &'static str,
    },
    /// A map key that the message does not have.
    #[error("unknown key {key} in `{message}`")]
    UnknownKey {
        /// The message.
        message: &'static str,
        /// The label found.
        key: i128,
    },
}

/// A value with one CBOR encoding.
pub trait Cbor: Sized {
    /// The value as a data item.
    fn to_value(&self) -> Value;

    /// Reads a data item; `field` names it in errors.
    ///
    /// # Errors
    /// [`Malformed`] where type, range or fields differ.
    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed>;

    /// The value as a map's entry: `None` leaves the key out.
    fn to_field(&self) -> Option<Value> {
        Some(self.to_value())
    }

    /// Reads a map's entry.
    ///
    /// # Errors
    /// [`Malformed::Missing`] without one, else as [`Cbor::from_value`].
    fn from_field(value: Option<Value>, field: &'static str) -> Result<Self, Malformed> {
        Self::from_value(value.ok_or(Malformed::Missing { field })?, field)
    }
}

/// The one encoding of a value.
#[must_use]
pub fn encode(value: &impl Cbor) -> Vec<u8> {
    encode_value(&value.to_value())
}

pub(crate) fn encode_value(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // Writing to a Vec has no error, and our values hold nothing that ciborium cannot write.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

/// The head of a byte string, in its shortest form.
pub(crate) fn byte_string_head(length: usize, bytes: &mut Vec<u8>) {
    match length {
        0..24 => bytes.push(0x40 | length as u8),
        24..0x100 => bytes.extend([0x58, length as u8]),
        0x100..0x1_0000 => {
            bytes.push(0x59);
            bytes.extend((length as u16).to_be_bytes());
        }
        // Messages are capped far below 4 GiB.
        _ => {
            bytes.push(0x5a);
            bytes.extend((length as u32).to_be_bytes());
        }
    }
}

/// Reads one value of at most `limit` bytes and nothing after it.
///
/// # Errors
/// [`Malformed`], one variant for each cause.
pub fn decode<T: Cbor>(bytes: &[u8], limit: usize, name: &'static str) -> Result<T, Malformed> {
    T::from_value(decode_value(bytes, limit)?, name)
}

pub(crate) fn decode_value(bytes: &[u8], limit: usize) -> Result<Value, Malformed> {
    if bytes.len() > limit {
        return Err(Malformed::TooLarge { size: bytes.len(), limit });
    }
    scan::scan(bytes)?;
    ciborium::from_reader(bytes).map_err(|_| Malformed::Truncated { at: 0 })
}

/// A map with integer keys, being read.
pub(crate) struct Fields {
    message: &'static str,
    entries: Vec<(i128, Value)>,
}

impl Fields {
    pub(crate) fn new(value: Value, message: &'static str) -> Result<Self, Malformed> {
        let unexpected = || Malformed::Unexpected { field: message, expected: "a map with integer keys" };
        let entries = value.into_map().map_err(|_| unexpected())?;
        let entries = entries
            .into_iter()
            .map(|(key, value)| Ok((key.as_integer().ok_or_else(unexpected)?.into(), value)))
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { message, entries })
    }

    pub(crate) fn take<T: Cbor>(&mut self, key: i128, field: &'static str) -> Result<T, Malformed> {
        let at = self.entries.iter().position(|(k, _)| *k == key);
        T::from_field(at.map(|at| self.entries.swap_remove(at).1), field)
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        match self.entries.first() {
            None => Ok(()),
            Some((key, _)) => Err(Malformed::UnknownKey { message: self.message, key: *key }),
        }
    }
}

/// A map from integer keys, absent entries left out, in deterministic order.
pub(crate) fn map(entries: impl IntoIterator<Item = (i64, Option<Value>)>) -> Value {
    let mut entries: Vec<_> = entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    // Bytewise order of the encodings: unsigned first, each sort by magnitude.
    entries.sort_by_key(|(key, _)| (*key < 0, key.unsigned_abs()));
    Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}
