//! What the metering entities say to each other: the topics of one pipeline branch and the types of their payloads.

use m2m_guest_sdk::{
    Cbor, Encoding, Filter, Result, Signal, Topic,
    keys::{self, Key, PublicKey},
};
use serde::{Deserialize, Serialize};

/// A reading is due. Configured in node.toml.
pub const READING_DUE: Topic<(), Signal> = Topic::signal("$timer/reading");

/// The branch's flow, reading by reading, for whoever listens. It names a place and no meter, and carries no signature of the
/// meter's own: either would tell that two pseudonyms of its node belong together.
pub const FLOW: Topic<Reading> = Topic::cbor("metering/branch-1/flow").signed();

/// The last reading is out.
pub const COMPLETE: Topic<Complete> = Topic::cbor("metering/branch-1/complete").signed();

/// How far the meter has come; retained, for itself.
pub const POSITION: Topic<Position> = Topic::cbor("metering/branch-1/position");

/// Where the meter takes commands.
pub const COMMAND: Topic<Command> = Topic::cbor("metering/branch-1/command").confidential();

/// How the meter answers a command, to the one node that it came from.
pub const STATUS: Topic<SignedStatus> = Topic::cbor("metering/branch-1/status").confidential();

/// Where a leak of the branch is reported.
pub const LEAK: Topic<Alarm> = Topic::cbor("alarm/branch-1/leak");

/// The flows of all branches.
pub const FLOWS: Filter<Reading> = Filter::cbor("metering/+/flow");

/// The ends of all branches.
pub const COMPLETES: Filter<Complete> = Filter::cbor("metering/+/complete");

/// The leaks of all branches.
pub const LEAKS: Filter<Alarm> = Filter::cbor("alarm/+/leak");

/// What a signature over a status is for.
const STATUS_CONTEXT: &str = "metering/status";

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

/// What can be asked of the meter. Either way it answers with its [`SignedStatus`].
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

/// A status as its meter signed it: the CBOR of a [`Status`] and an Ed25519 signature over these bytes. Unlike a pseudonym the
/// key lasts, so this goes to those alone who may know which meter it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedStatus {
    #[serde(with = "serde_bytes")]
    status: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
    #[serde(with = "serde_bytes")]
    key: PublicKey,
}

impl SignedStatus {
    /// Signs `status` with `key`.
    pub fn sign(status: &Status, key: &Key) -> Result<Self> {
        let status = Cbor::encode(status)?;
        let signature = key.sign(STATUS_CONTEXT, &status)?.to_vec();
        Ok(SignedStatus { status, signature, key: key.public_key()? })
    }

    /// The key that it claims to be signed with.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The status, if the key signed it; none if not.
    pub fn verify(&self) -> Result<Option<Status>> {
        match keys::verify(&self.key, STATUS_CONTEXT, &self.status, &self.signature)? {
            true => Cbor::decode(&self.status).map(Some),
            false => Ok(None),
        }
    }
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
        let status = SignedStatus { status: vec![1; 30], signature: vec![2; 64], key: [7; 32] };
        let payload = Cbor::encode(&status).unwrap();
        let names = "status".len() + "signature".len() + "key".len() + 3;
        assert_eq!(payload.len(), 1 + names + (2 + 30) + (2 + 64) + (2 + 32));
        assert_eq!(<Cbor as Encoding<SignedStatus>>::decode(&payload), Ok(status));
        assert!(<Cbor as Encoding<SignedStatus>>::decode(&payload[..payload.len() - 1]).is_err());
    }

    #[test]
    fn a_command_is_told_from_another() {
        let close = Command::SetValve(Valve::Closed);
        let payload = Cbor::encode(&close).unwrap();
        assert_eq!(Cbor::decode(&payload), Ok(close));
        assert_ne!(payload, Cbor::encode(&Command::ReportStatus).unwrap());
    }
}
