//! The form of a line, and what its hash covers.
//!
//! A line is one JSON object and a newline. Its last field is `hash`:
//!
//! ```text
//! {"seq":7,"time":"2026-03-01T12:00:00.000Z","prev":"<64 hex>","kind":"call",…,"hash":"<64 hex>"}
//! ```
//!
//! `hash` = SHA-256(label ‖ prev, 32 bytes ‖ every byte of the line before `,"hash":`). The hash is over the line's own
//! `prev`, so a changed line is found at that line, whatever stands around it; that `prev` is the hash of the line before
//! is a check of its own. `seq` grows by one. The first line of a chain has `seq` 1, or is a `break`; its `prev` is zero.

use std::borrow::Cow;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::Event;
use super::time::rfc3339;

/// The longest line, its newline included.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

const LINE_LABEL: &[u8] = b"m2m-node audit line v1\0";
const CHECKPOINT_LABEL: &[u8] = b"m2m-node audit checkpoint v1\0";

const HASH_OPEN: &[u8] = b",\"hash\":\"";
const HASH_CLOSE: &[u8] = b"\"}";
const HASH_HEX_BYTES: usize = 64;
const TAIL_BYTES: usize = HASH_OPEN.len() + HASH_HEX_BYTES + HASH_CLOSE.len();

/// The end of a chain: the number and the hash of its last line. `seq` 0 and a zero hash before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the line.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Head {
    /// What a checkpoint signs: label ‖ `seq`, 8 bytes big-endian ‖ `hash`.
    pub fn signing_bytes(&self) -> Vec<u8> {
        [CHECKPOINT_LABEL, &self.seq.to_be_bytes(), &self.hash].concat()
    }
}

/// A line as it is read back, without its hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// Number of the line.
    pub seq: u64,
    /// RFC 3339, UTC, milliseconds.
    pub time: String,
    /// Hash of the line before, in hexadecimal digits.
    pub prev: String,
    /// The content.
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Serialize)]
struct Rendered<'a> {
    seq: u64,
    time: String,
    prev: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// Appends the line that follows `head` to `out` and returns the new head.
///
/// # Errors
/// None in practice: every field is a text or a number. `serde_json` returns a `Result` all the same.
pub(super) fn render(
    out: &mut Vec<u8>,
    head: Head,
    time: SystemTime,
    event: &Event,
) -> Result<Head, serde_json::Error> {
    let line = Rendered { seq: head.seq + 1, time: rfc3339(time), prev: hex::encode(head.hash), event };
    let mut body = serde_json::to_vec(&line)?;
    // The closing brace comes back behind the hash.
    body.pop();
    let hash = hash_of(&head.hash, &body);
    out.extend_from_slice(&body);
    out.extend_from_slice(HASH_OPEN);
    out.extend_from_slice(hex::encode(hash).as_bytes());
    out.extend_from_slice(HASH_CLOSE);
    out.push(b'\n');
    Ok(Head { seq: line.seq, hash })
}

/// What the check of a chain needs of a line.
pub(super) struct Parsed {
    /// Its number and the hash that it claims.
    pub(super) head: Head,
    /// The hash that it claims for the line before.
    pub(super) prev: [u8; 32],
    /// Whether its hash is that of its bytes.
    pub(super) intact: bool,
    pub(super) kind: Kind,
}

/// The kinds that the check of a chain treats apart.
pub(super) enum Kind {
    Checkpoint { signature: Option<[u8; 64]> },
    Break,
    Other,
}

#[derive(Deserialize)]
struct Skeleton<'a> {
    seq: u64,
    #[serde(borrow)]
    prev: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
}

/// Takes a line, given without its newline, apart. `None` when it does not have the form of one.
pub(super) fn parse(line: &[u8]) -> Option<Parsed> {
    let (body, tail) = line.split_at_checked(line.len().checked_sub(TAIL_BYTES)?)?;
    let hash = tail.strip_prefix(HASH_OPEN)?.strip_suffix(HASH_CLOSE)?;
    let skeleton: Skeleton<'_> = serde_json::from_slice(line).ok()?;
    let prev = unhex::<32>(skeleton.prev.as_bytes())?;
    let kind = match skeleton.kind.as_ref() {
        "checkpoint" => Kind::Checkpoint { signature: skeleton.signature.and_then(|text| unhex(text.as_bytes())) },
        "break" => Kind::Break,
        _ => Kind::Other,
    };
    let hash = unhex::<32>(hash)?;
    Some(Parsed { head: Head { seq: skeleton.seq, hash }, prev, intact: hash == hash_of(&prev, body), kind })
}

fn hash_of(prev: &[u8; 32], body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(LINE_LABEL).chain_update(prev).chain_update(body).finalize().into()
}

/// Lower-case digits only: otherwise a changed letter case would go unnoticed.
fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::event::{AeEvent, Effect, NodeEvent};
    use super::*;

    fn events() -> Vec<Event> {
        vec![
            Event::Call {
                ae: "meter".into(),
                operation: "keys.generate".into(),
                subject: "meter-id\"\n\u{1b}".into(),
                effect: Effect::TooLarge,
                rule: Some("meter.toml:4".into()),
                text: None,
            },
            Event::Calls {
                ae: "meter".into(),
                operation: "keys.sign".into(),
                effect: Effect::Allow,
                rule: None,
                count: u64::MAX,
            },
            Event::Ae { ae: "meter".into(), event: AeEvent::Restarted { attempt: 2 } },
            Event::Node { event: NodeEvent::Stopped },
            Event::Break { file: None, digest: None, found: "cut off".into(), reason: "new disk".into() },
        ]
    }

    #[test]
    fn every_kind_is_read_back_as_it_was_written() {
        for event in events() {
            let mut out = Vec::new();
            let head = render(&mut out, Head::default(), UNIX_EPOCH, &event).unwrap();
            let text = out.strip_suffix(b"\n").unwrap();
            assert!(!text.contains(&b'\n'));
            let line: Line = serde_json::from_slice(text).unwrap();
            assert_eq!(line.event, event);
            let parsed = parse(text).unwrap();
            assert!(parsed.intact);
            assert_eq!(parsed.head, head);
            assert_eq!(parsed.prev, [0; 32]);
        }
    }

    #[test]
    fn upper_case_digits_are_no_hash() {
        assert_eq!(unhex::<1>(b"ab"), Some([0xab]));
        assert_eq!(unhex::<1>(b"Ab"), None);
        assert_eq!(unhex::<1>(b"abc"), None);
    }
}
