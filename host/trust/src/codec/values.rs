//! How plain Rust values stand in CBOR.

use ciborium::Value;

use super::{Cbor, Malformed};

impl Cbor for u64 {
    fn to_value(&self) -> Value {
        Value::from(*self)
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let number = value.as_integer().and_then(|number| number.try_into().ok());
        number.ok_or(Malformed::Unexpected { field, expected: "an unsigned integer" })
    }
}

macro_rules! narrower {
    ($($integer:ty),*) => {$(
        impl Cbor for $integer {
            fn to_value(&self) -> Value {
                Value::from(*self)
            }

            fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
                let number = value.as_integer().and_then(|number| number.try_into().ok());
                let expected = concat!("an integer in the range of ", stringify!($integer));
                number.ok_or(Malformed::Unexpected { field, expected })
            }
        }
    )*};
}
narrower!(u8, u16, u32, i32);

impl Cbor for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        value.as_bool().ok_or(Malformed::Unexpected { field, expected: "true or false" })
    }
}

impl Cbor for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        value.into_text().map_err(|_| Malformed::Unexpected { field, expected: "text" })
    }
}

impl<const N: usize> Cbor for [u8; N] {
    fn to_value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let bytes = value.as_bytes().and_then(|bytes| bytes.as_slice().try_into().ok());
        bytes.ok_or(Malformed::Unexpected { field, expected: "a byte string of the fixed length" })
    }
}

/// A byte string of any length; `Vec<T>` is an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bytes(pub Vec<u8>);

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Cbor for Bytes {
    fn to_value(&self) -> Value {
        Value::Bytes(self.0.clone())
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        value.into_bytes().map(Self).map_err(|_| Malformed::Unexpected { field, expected: "a byte string" })
    }
}

impl<T: Cbor> Cbor for Vec<T> {
    fn to_value(&self) -> Value {
        Value::Array(self.iter().map(Cbor::to_value).collect())
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let items = value.into_array().map_err(|_| Malformed::Unexpected { field, expected: "an array" })?;
        items.into_iter().map(|item| T::from_value(item, field)).collect()
    }
}

/// Absent or present in a map; never inside an array.
impl<T: Cbor> Cbor for Option<T> {
    fn to_value(&self) -> Value {
        self.to_field().unwrap_or(Value::Null)
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        T::from_value(value, field).map(Some)
    }

    fn to_field(&self) -> Option<Value> {
        self.as_ref().and_then(Cbor::to_field)
    }

    fn from_field(value: Option<Value>, field: &'static str) -> Result<Self, Malformed> {
        value.map(|value| T::from_value(value, field)).transpose()
    }
}
