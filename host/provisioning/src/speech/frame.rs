//! What goes over a link: `[1, topic, message]` for a signed broadcast, `[2, packet]` for an association.

use ciborium::Value;
use m2m_trust::codec::{self, Bytes, Cbor, Malformed};

use super::TOPIC_BYTES_MAX;

/// The largest frame, in bytes.
pub const FRAME_BYTES_MAX: usize = 65_536;

const BROADCAST: u8 = 1;
const ASSOCIATION: u8 = 2;

/// Bytes for a link, which has no need to look into them: deterministic CBOR, at most [`FRAME_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

/// A frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Envelope {
    Broadcast { topic: String, message: Vec<u8> },
    Association { packet: Vec<u8> },
}

impl Frame {
    pub(super) fn broadcast(topic: &str, message: Vec<u8>) -> Self {
        Self(codec::encode(&Envelope::Broadcast { topic: topic.to_owned(), message }))
    }

    pub(super) fn association(packet: Vec<u8>) -> Self {
        Self(codec::encode(&Envelope::Association { packet }))
    }
}

impl Envelope {
    /// Reads a frame. What is inside is checked by whoever understands it.
    pub(super) fn decode(frame: &[u8]) -> Result<Self, Malformed> {
        codec::decode(frame, FRAME_BYTES_MAX, "frame")
    }
}

impl Cbor for Envelope {
    fn to_value(&self) -> Value {
        match self {
            Self::Broadcast { topic, message } => {
                Value::Array(vec![BROADCAST.to_value(), Value::Text(topic.clone()), Value::Bytes(message.clone())])
            }
            Self::Association { packet } => Value::Array(vec![ASSOCIATION.to_value(), Value::Bytes(packet.clone())]),
        }
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let unexpected = Malformed::Unexpected { field, expected: "[1, topic, message] or [2, packet]" };
        let mut items = value.into_array().map_err(|_| unexpected.clone())?.into_iter();
        let kind = u8::from_field(items.next(), "kind")?;
        let envelope = match kind {
            BROADCAST => {
                Self::Broadcast { topic: topic(items.next())?, message: Bytes::from_field(items.next(), "message")?.0 }
            }
            ASSOCIATION => Self::Association { packet: Bytes::from_field(items.next(), "packet")?.0 },
            _ => return Err(unexpected),
        };
        if items.next().is_some() { Err(unexpected) } else { Ok(envelope) }
    }
}

fn topic(value: Option<Value>) -> Result<String, Malformed> {
    let topic = String::from_field(value, "topic")?;
    let too_long = Malformed::Unexpected { field: "topic", expected: "at most 1024 bytes" };
    if topic.len() > TOPIC_BYTES_MAX { Err(too_long) } else { Ok(topic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_encoding_and_nothing_beside_it() {
        let frame = Frame::broadcast("a/b", vec![1, 2]);
        assert_eq!(frame.0, vec![0x83, 0x01, 0x63, b'a', b'/', b'b', 0x42, 1, 2]);
        assert_eq!(
            Envelope::decode(&frame.0),
            Ok(Envelope::Broadcast { topic: "a/b".to_owned(), message: vec![1, 2] })
        );
        let frame = Frame::association(vec![7]);
        assert_eq!(frame.0, vec![0x82, 0x02, 0x41, 7]);
        assert_eq!(Envelope::decode(&frame.0), Ok(Envelope::Association { packet: vec![7] }));

        let unexpected = |frame: &[u8]| matches!(Envelope::decode(frame), Err(Malformed::Unexpected { .. }));
        assert!(unexpected(&[0x82, 0x03, 0x41, 7]), "another kind");
        assert!(unexpected(&[0x83, 0x02, 0x41, 7, 0x00]), "one item more");
        assert!(unexpected(&[0x83, 0x01, 0x41, 7, 0x41, 7]), "a topic that is not text");
        assert!(Envelope::decode(&Frame::broadcast(&"t".repeat(TOPIC_BYTES_MAX), vec![]).0).is_ok());
        assert!(unexpected(&Frame::broadcast(&"t".repeat(TOPIC_BYTES_MAX + 1), vec![]).0), "a topic too long");
        assert_eq!(Envelope::decode(&[0x81, 0x02]), Err(Malformed::Missing { field: "packet" }));
        assert_eq!(Envelope::decode(&[0x82, 0x02, 0x41, 7, 0]), Err(Malformed::Trailing { count: 1 }));
        assert_eq!(
            Envelope::decode(&[0; FRAME_BYTES_MAX + 1]),
            Err(Malformed::TooLarge { size: FRAME_BYTES_MAX + 1, limit: FRAME_BYTES_MAX })
        );
    }
}
