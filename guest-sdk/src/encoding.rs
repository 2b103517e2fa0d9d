//! How a value becomes a payload and back.

use crate::{Error, Result};

/// A payload format for values of type `T`.
pub trait Encoding<T: ?Sized> {
    /// The payload of `value`. [`Error::Payload`] where the format cannot hold it.
    fn encode(value: &T) -> Result<Vec<u8>>;

    /// The value in `payload`. [`Error::Payload`] where it is not of this type.
    fn decode(payload: &[u8]) -> Result<T>
    where
        T: Sized;
}

/// Payloads as they are.
#[derive(Debug, Clone, Copy)]
pub enum Bytes {}

/// UTF-8.
#[derive(Debug, Clone, Copy)]
pub enum Text {}

/// Messages that say all by coming, as a timer's do: any payload is read as `()`, and `()` is written as none.
#[derive(Debug, Clone, Copy)]
pub enum Signal {}

/// CBOR, RFC 8949, by serde.
///
/// A struct is a map with text keys, a variant its name or a map from its name to its value, `None` null, `()` an empty
/// array, a `char` its number. Lengths and integers are written in their shortest form, floats in the precision they have
/// in Rust.
///
/// A float is read from half, single or double precision, but not from an integer. Refused are tags, strings in chunks,
/// tuples without a length, and more than 64 levels of nesting.
#[cfg(feature = "cbor")]
#[derive(Debug, Clone, Copy)]
pub enum Cbor {}

/// JSON, RFC 8259, by serde.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy)]
pub enum Json {}

impl Encoding<Vec<u8>> for Bytes {
    fn encode(value: &Vec<u8>) -> Result<Vec<u8>> {
        Ok(value.clone())
    }

    fn decode(payload: &[u8]) -> Result<Vec<u8>> {
        Ok(payload.to_vec())
    }
}

impl Encoding<String> for Text {
    fn encode(value: &String) -> Result<Vec<u8>> {
        Ok(value.clone().into_bytes())
    }

    fn decode(payload: &[u8]) -> Result<String> {
        match std::str::from_utf8(payload) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Error::Payload("expected UTF-8".to_owned())),
        }
    }
}

impl Encoding<()> for Signal {
    fn encode((): &()) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8]) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "cbor")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Encoding<T> for Cbor {
    fn encode(value: &T) -> Result<Vec<u8>> {
        crate::cbor::encode(value)
    }

    fn decode(payload: &[u8]) -> Result<T> {
        crate::cbor::decode(payload)
    }
}

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Encoding<T> for Json {
    fn encode(value: &T) -> Result<Vec<u8>> {
        serde_json::to_vec(value).map_err(|error| Error::Payload(error.to_string()))
    }

    fn decode(payload: &[u8]) -> Result<T> {
        serde_json::from_slice(payload).map_err(|error| Error::Payload(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_and_nothing_else() {
        assert_eq!(Text::decode(&Text::encode(&"m³".to_owned()).unwrap()), Ok("m³".to_owned()));
        assert_eq!(Text::decode(&[0xff]), Err(Error::Payload("expected UTF-8".to_owned())));
    }

    #[cfg(feature = "cbor")]
    #[test]
    fn cbor_gives_back_the_value_and_refuses_another_type() {
        let payload = Cbor::encode(&(7_u64, 100.59_f64)).unwrap();
        assert_eq!(Cbor::decode(&payload), Ok((7_u64, 100.59_f64)));
        assert!(matches!(<Cbor as Encoding<String>>::decode(&payload), Err(Error::Payload(_))));
        assert_eq!(
            <Cbor as Encoding<(u64, f64)>>::decode(&payload[..3]),
            Err(Error::Payload("end of input bytes".to_owned()))
        );
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_gives_back_the_value_and_refuses_another_type() {
        let payload = Json::encode(&vec![1_u8, 2]).unwrap();
        assert_eq!(payload, b"[1,2]");
        assert_eq!(Json::decode(&payload), Ok(vec![1_u8, 2]));
        assert!(matches!(<Json as Encoding<String>>::decode(&payload), Err(Error::Payload(_))));
    }
}
