//! What is inside the ciphertext: `[topic, data]`, or nothing for a farewell.

use ciborium::Value;
use m2m_trust::association::AssociationError;
use m2m_trust::broadcast::DATA_BYTES_MAX;
use m2m_trust::codec::{self, Bytes, Cbor, Malformed};

use crate::speech::{TOPIC_BYTES_MAX, Unsent};

/// Topic and data, or the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Message { topic: String, data: Vec<u8> },
    Farewell,
}

/// The content of a farewell.
pub(super) const FAREWELL: &[u8] = &[];

struct Message {
    topic: String,
    data: Bytes,
}

impl Content {
    pub(super) fn encode(topic: &str, data: &[u8]) -> Result<Vec<u8>, Unsent> {
        if data.len() > DATA_BYTES_MAX {
            return Err(Unsent::TooLarge { size: data.len(), limit: DATA_BYTES_MAX });
        }
        Ok(codec::encode(&Message { topic: topic.to_owned(), data: data.to_vec().into() }))
    }

    pub(super) fn decode(content: &[u8]) -> Result<Self, AssociationError> {
        if content.is_empty() {
            return Ok(Self::Farewell);
        }
        let limit = DATA_BYTES_MAX + TOPIC_BYTES_MAX + 16;
        let Message { topic, data } = codec::decode(content, limit, "content of an association")?;
        if topic.len() > TOPIC_BYTES_MAX {
            return Err(Malformed::Unexpected { field: "topic", expected: "at most 1024 bytes" }.into());
        }
        Ok(Self::Message { topic, data: data.0 })
    }
}

impl Cbor for Message {
    fn to_value(&self) -> Value {
        Value::Array(vec![self.topic.to_value(), self.data.to_value()])
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let unexpected = |_| Malformed::Unexpected { field, expected: "[topic, data]" };
        let items = value.into_array().map_err(|_| Malformed::Unexpected { field, expected: "[topic, data]" })?;
        let [topic, data] = <[Value; 2]>::try_from(items).map_err(unexpected)?;
        Ok(Self { topic: String::from_value(topic, "topic")?, data: Bytes::from_value(data, "data")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_fits_and_one_byte_more_does_not() {
        let topic = "t".repeat(TOPIC_BYTES_MAX);
        let content = Content::encode(&topic, &vec![0; DATA_BYTES_MAX]).unwrap();
        assert!(matches!(Content::decode(&content), Ok(Content::Message { data, .. }) if data.len() == DATA_BYTES_MAX));
        let size = DATA_BYTES_MAX + 1;
        assert_eq!(Content::encode("t", &vec![0; size]), Err(Unsent::TooLarge { size, limit: DATA_BYTES_MAX }));
    }

    #[test]
    fn only_a_pair_of_text_and_bytes_is_a_message() {
        assert_eq!(Content::decode(&[]), Ok(Content::Farewell));
        for content in [&[0x80][..], &[0x82, 0x61, b'a', 0x61, b'b'], &[0x83, 0x61, b'a', 0x40, 0x00], &[0x00]] {
            let decoded = Content::decode(content);
            assert!(matches!(decoded, Err(AssociationError::Malformed(_))), "{content:?}: {decoded:?}");
        }
        let long = Content::encode(&"t".repeat(TOPIC_BYTES_MAX + 1), b"").unwrap();
        assert!(matches!(Content::decode(&long), Err(AssociationError::Malformed(_))));
    }
}
