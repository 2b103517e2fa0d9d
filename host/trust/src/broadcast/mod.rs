//! Signed broadcasts under a pseudonym.
//!
//! A COSE_Sign1 by the key of the current certificate. The header has the whole certificate (`kcwt`) or its eight-byte
//! digest (`kid`); the topic is in the additional data, so that a message counts under its own topic alone.

mod cache;
mod receiver;
mod replay;
mod sender;

pub use receiver::{BroadcastReceiver, Expected, VerifiedBroadcast};
pub use sender::{BroadcastSender, Outgoing};

use crate::certificate::CertificateError;
use crate::codec::{Bytes, message};
use crate::cose::{Message, SignedError};
use crate::identity::{KeyId, Micros, ServiceId};
use crate::keys::KeyUnavailable;

/// The most bytes of data.
pub const DATA_BYTES_MAX: usize = 60_000;
/// How old a periodic message may be, in microseconds: 2 s.
pub const PERIODIC_WINDOW_US: u64 = 2_000_000;
/// How old an event may be, in microseconds: 10 min.
pub const EVENT_WINDOW_US: u64 = 600_000_000;
/// How far a sender's clock may be ahead, in microseconds: 1 s.
pub const AHEAD_US: u64 = 1_000_000;
/// How often a sender shows its whole certificate, in microseconds: 1 s.
pub const WHOLE_CERTIFICATE_US: u64 = 1_000_000;
/// How far signed times lie behind the sender's clock at most, in microseconds: 0.5 s. Drawn anew with each pseudonym.
pub const SHIFT_US: u64 = 500_000;
/// The most digests that one message asks for.
pub const WANTED_MAX: usize = 4;

message! {
    /// What is signed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Broadcast {
        /// The content.
        0 => pub data: Bytes,
        /// The service that the message belongs to.
        1 => pub service: ServiceId,
        /// When it was signed, less a part of [`SHIFT_US`].
        2 => pub time: Micros,
        /// Counts messages of a pseudonym, from a random number on; wraps.
        3 => pub sequence: u16,
        /// Where.
        4 => pub location: Option<Location>,
        /// From when on it is of no use.
        5 => pub expiry: Option<Micros>,
        /// Digests whose certificates the sender has not seen.
        6 => pub wanted: Option<Vec<KeyId>>,
    }
}

impl Message for Broadcast {
    const TYPE: u16 = 65_014;
    const NAME: &'static str = "broadcast";
    const SIZE_MAX: usize = DATA_BYTES_MAX + 1024;
}

message! {
    /// A place on Earth, WGS 84.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub array Location {
        /// In units of 1e-7 degrees, north positive.
        pub latitude: i32,
        /// In units of 1e-7 degrees, east positive.
        pub longitude: i32,
    }
}

/// Why a broadcast is not signed, or not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// Malformed, of another kind, or the signature does not verify for this topic.
    #[error("broadcast: {0}")]
    Signed(#[from] SignedError),
    /// Older than the service's window.
    #[error("broadcast of {time} µs, now is {now} µs: too old")]
    TooOld {
        /// When it was signed.
        time: Micros,
        /// The time of the check.
        now: Micros,
    },
    /// Signed further in the future than clocks differ.
    #[error("broadcast of {time} µs, now is {now} µs: in the future")]
    FromFuture {
        /// When it was signed.
        time: Micros,
        /// The time of the check.
        now: Micros,
    },
    /// After the expiry that its sender set.
    #[error("broadcast expired at {0} µs")]
    Expired(Micros),
    /// The topic belongs to another service, or the bundle has no such service.
    #[error("broadcast for service {found}, topic is of service {expected}")]
    Service {
        /// The service of the message.
        found: ServiceId,
        /// The service of the topic.
        expected: ServiceId,
    },
    /// Neither a certificate nor a digest.
    #[error("broadcast without a certificate")]
    NoCertificate,
    /// A digest whose certificate has not been seen; it will be asked for.
    #[error("certificate {0} is not known yet")]
    UnknownCertificate(KeyId),
    /// The certificate is not acceptable.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate does not allow the operation.
    #[error("certificate does not allow this operation of service {0}")]
    NotAuthorized(ServiceId),
    /// Accepted before.
    #[error("broadcast was received before")]
    Replay,
    /// So many messages within the window that a replay could no longer be noticed.
    #[error("too many broadcasts to remember")]
    ReplayWindowFull,
    /// More than may be sent.
    #[error("{size} bytes of data, expected at most {DATA_BYTES_MAX}")]
    TooLarge {
        /// Bytes of data.
        size: usize,
    },
    /// More digests than may be asked for.
    #[error("{0} digests wanted, expected at most {WANTED_MAX}")]
    Wanted(usize),
    /// The holder of the private key did not answer.
    #[error("broadcast: {0}")]
    Key(#[from] KeyUnavailable),
}

impl BroadcastError {
    /// A short name, to count refusals by.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Signed(SignedError::Malformed(_)) => "malformed",
            Self::Signed(SignedError::Key(_)) => "signature",
            Self::Signed(_) => "header",
            Self::TooOld { .. } => "too-old",
            Self::FromFuture { .. } => "from-future",
            Self::Expired(_) => "expired",
            Self::Service { .. } => "service",
            Self::NoCertificate | Self::UnknownCertificate(_) => "unknown-certificate",
            Self::Certificate(CertificateError::Revoked) => "revoked",
            Self::Certificate(_) => "certificate",
            Self::NotAuthorized(_) => "not-authorized",
            Self::Replay => "replay",
            Self::ReplayWindowFull => "replay-window-full",
            Self::TooLarge { .. } | Self::Wanted(_) => "too-large",
            Self::Key(_) => "key",
        }
    }
}
