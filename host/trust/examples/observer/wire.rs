//! What an observer reads off the wire: times, addresses, sizes, and every field of a broadcast that is not encrypted.

use ciborium::Value;
use m2m_trust::identity::Digest;
use serde_json::json;

/// Something seen.
pub(crate) struct Event {
    /// Microseconds, by the observer's clock.
    pub(crate) at_us: u64,
    pub(crate) address: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    Connects,
    Disconnects,
    Frame { topic: &'static str, message: Vec<u8> },
}

impl Event {
    pub(crate) fn json(&self) -> serde_json::Value {
        let Self { at_us, address, what } = self;
        match what {
            What::Connects => json!({ "event": "connects", "at": at_us, "from": address }),
            What::Disconnects => json!({ "event": "disconnects", "at": at_us, "from": address }),
            What::Frame { topic, message } => {
                let clear = Clear::read(message).expect("a broadcast of this crate");
                json!({
                    "event": "frame", "at": at_us, "from": address, "topic": topic, "bytes": message.len(),
                    "certificate": clear.certificate, "whole": clear.whole, "not-before": clear.not_before,
                    "service": clear.service, "time": clear.time_us, "sequence": clear.sequence,
                    "data-bytes": clear.data_bytes, "fields": clear.fields,
                })
            }
        }
    }
}

/// The fields of a broadcast, read without this crate's decoders.
pub(crate) struct Clear {
    /// Digest of the certificate, by which messages are told apart.
    pub(crate) certificate: String,
    pub(crate) whole: bool,
    /// `nbf`, of a whole certificate.
    pub(crate) not_before: Option<i128>,
    pub(crate) service: i128,
    pub(crate) time_us: i128,
    pub(crate) sequence: i128,
    pub(crate) data_bytes: usize,
    /// How many fields the payload has.
    pub(crate) fields: usize,
}

impl Clear {
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let parts = array(message)?;
        let header = map(parts.first()?.as_bytes()?)?;
        let payload = map(parts.get(2)?.as_bytes()?)?;
        let (certificate, whole, not_before) = match (get(&header, 13), get(&header, 4)) {
            (Some(certificate), _) => {
                let encoded = encode(certificate);
                let claims = map(certificate.as_array()?.get(2)?.as_bytes()?)?;
                (Digest::of(&[&encoded]).key_id().0.to_vec(), true, Some(integer(get(&claims, 5)?)?))
            }
            (None, id) => (id?.as_bytes()?.clone(), false, None),
        };
        Some(Self {
            certificate: certificate.iter().map(|byte| format!("{byte:02x}")).collect(),
            whole,
            not_before,
            service: integer(get(&payload, 1)?)?,
            time_us: integer(get(&payload, 2)?)?,
            sequence: integer(get(&payload, 3)?)?,
            data_bytes: get(&payload, 0)?.as_bytes()?.len(),
            fields: payload.len(),
        })
    }
}

fn decode(bytes: &[u8]) -> Option<Value> {
    ciborium::from_reader(bytes).ok()
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory takes it");
    bytes
}

fn array(bytes: &[u8]) -> Option<Vec<Value>> {
    decode(bytes)?.into_array().ok()
}

fn map(bytes: &[u8]) -> Option<Vec<(Value, Value)>> {
    decode(bytes)?.into_map().ok()
}

fn get(map: &[(Value, Value)], key: i64) -> Option<&Value> {
    map.iter().find(|(label, _)| *label == Value::from(key)).map(|(_, value)| value)
}

fn integer(value: &Value) -> Option<i128> {
    value.as_integer().map(i128::from)
}
