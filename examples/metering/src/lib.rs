//! What the metering entities say to each other: the topics of one pipeline branch and the types of their payloads.

use std::time::Duration;

use m2m_guest_sdk::{
    Cbor, Encoding, Filter, RequestTopic, Result, Signal, Topic,
    keys::{self, Key, PublicKey},
};
use serde::{Deserialize, Serialize};

/// A reading is due. Configured in node.toml.
pub const READING_DUE: Topic<(), Signal> = Topic::signal("$timer/reading");

/// The branch's flow, reading by reading.
pub const FLOW: Topic<SignedReading> = Topic::cbor("metering/branch-1/flow");

/// The public key that the readings are signed with; retained.
pub const KEY: Topic<MeterKey> = Topic::cbor("metering/branch-1/key");

/// How far the meter has come; retained, for itself.
pub const POSITION: Topic<Position> = Topic::cbor("metering/branch-1/position");

/// The last reading is out; retained.
pub const COMPLETE: Topic<Complete> = Topic::cbor("metering/branch-1/complete");

/// Where the meter takes commands.
pub const COMMAND: RequestTopic<Command, Status> = RequestTopic::cbor("metering/branch-1/command");

/// Where a leak of the branch is reported.
pub const LEAK: Topic<Alarm> = Topic::cbor("alarm/branch-1/leak");

/// The flows of all branches.
pub const FLOWS: Filter<SignedReading> = Filter::cbor("metering/+/flow");

/// The keys of all branches.
pub const KEYS: Filter<MeterKey> = Filter::cbor("metering/+/key");

/// The ends of all branches.
pub const COMPLETES: Filter<Complete> = Filter::cbor("metering/+/complete");

/// The leaks of all branches.
pub const LEAKS: Filter<Alarm> = Filter::cbor("alarm/+/leak");

/// What a signature over a reading is for.
const READING_CONTEXT: &str = "metering/reading";

/// How long an answer to a command is waited for.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

/// One value of the meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Counts from 0 without a gap.
    pub seq: u32,
    /// When the meter was read, RFC 3339.
    pub time: String,
    /// Litres per second.
    pub flow: f64,
}

/// A reading as its meter signed it: the CBOR of a [`Reading`] and an Ed25519 signature over these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReading {
    #[serde(with = "serde_bytes")]
    reading: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

impl SignedReading {
    /// Signs `reading` with `key`.
    pub fn sign(reading: &Reading, key: &Key) -> Result<Self> {
        let reading = Cbor::encode(reading)?;
        let signature = key.sign(READING_CONTEXT, &reading)?.to_vec();
        Ok(SignedReading { reading, signature })
    }

    /// The reading, if `key` signed it; none if not.
    pub fn verify(&self, key: &MeterKey) -> Result<Option<Reading>> {
        match keys::verify(&key.0, READING_CONTEXT, &self.reading, &self.signature)? {
            true => Cbor::decode(&self.reading).map(Some),
            false => Ok(None),
        }
    }
}

/// The public key of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterKey(#[serde(with = "serde_bytes")] pub PublicKey);

/// The meter's place in its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The reading that is published next.
    pub next: u32,
}

/// The meter's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// How many readings were published in all.
    pub readings: u32,
}

/// What can be asked of the meter. Either way it answers with its [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Nothing changes.
    ReportStatus,
    /// The valve of the branch is to be open or closed.
    SetValve(Valve),
}

/// A branch valve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Valve {
    /// Water flows.
    Open,
    /// The branch is cut off.
    Closed,
}

/// How the meter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How many readings it has published.
    pub readings: u32,
    /// What it was last told.
    pub valve: Valve,
}

/// A stretch of flow that does not fit the branch has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The time of the reading that began it, RFC 3339.
    pub time: String,
    /// Which way it went.
    pub kind: Kind,
    /// How far from the expected flow, in robust standard deviations; below zero for a loss.
    pub score: f64,
}

/// Which way a flow went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Less than expected: water is lost on the way, or the branch is shut.
    Loss,
    /// More than expected: a pump pushes, or water leaves behind the meter.
    Surge,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn bytes_travel_as_bytes() {
        let key = MeterKey([7; 32]);
        let payload = Cbor::encode(&key).unwrap();
        assert_eq!(payload.len(), 2 + 32);
        assert_eq!(<Cbor as Encoding<MeterKey>>::decode(&payload), Ok(key));
        assert!(<Cbor as Encoding<MeterKey>>::decode(&payload[..33]).is_err());
    }

    #[test]
    fn a_command_is_told_from_another() {
        let close = Command::SetValve(Valve::Closed);
        let payload = Cbor::encode(&close).unwrap();
        assert_eq!(Cbor::decode(&payload), Ok(close));
        assert_ne!(payload, Cbor::encode(&Command::ReportStatus).unwrap());
    }
}
