//! Enrolment: from the initial credential to a subscription credential.
//!
//! ```text
//! MEF  ── Challenge, clear and signed ─────────────────▶ node
//! node ── EnrolmentRequest, signed by the device, sealed ▶ MEF
//! MEF  ── EnrolmentReply, signed, under the reply key ──▶ node
//! ```
//! The node needs no clock: the challenge makes the request fresh, and the reply brings the time.

mod evidence;
mod mef;
mod message;
mod node;

pub use evidence::{DebugStatus, Evidence, Measurement, Measurements};
pub use mef::{Application, EnrolmentLog, EnrolmentOutcome, EnrolmentReceived, MefEnrolment, Terms};
pub use message::{Challenge, EnrolmentReply, EnrolmentRequest, EnrolmentStatus, SubscriptionPossession};
pub use node::{AwaitingEnrolment, Enrolled, EnrolmentNode};

use crate::bundle::IssuerError;
use crate::clock_floor::FloorError;
use crate::cose::SignedError;
use crate::credential::CredentialError;
use crate::identity::{AuthorityId, Seconds};
use crate::keys::KeyUnavailable;
use crate::seal::SealError;

/// How long a challenge may be answered, in seconds.
pub const CHALLENGE_SECONDS: u64 = 60;

/// Why a step of enrolment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// Not openable.
    #[error("enrolment: {0}")]
    Seal(#[from] SealError),
    /// The challenge or the reply is not from an MEF.
    #[error("enrolment: {0}")]
    Issuer(#[from] IssuerError),
    /// From or for another MEF.
    #[error("message of or for `{0}`, another enrolment function")]
    OtherFunction(AuthorityId),
    /// The bundle lists no such MEF.
    #[error("no enrolment function `{0}` in the trust bundle")]
    UnknownFunction(AuthorityId),
    /// Time or epoch went back.
    #[error("enrolment: {0}")]
    Floor(#[from] FloorError),
    /// The request is malformed, or the device key did not sign it.
    #[error("enrolment request: {0}")]
    Request(#[from] SignedError),
    /// A challenge that this MEF did not give.
    #[error("unknown challenge")]
    ChallengeUnknown,
    /// Answered after [`CHALLENGE_SECONDS`].
    #[error("challenge of {issued} answered at {now}, expected within 60 s")]
    ChallengeExpired {
        /// When it was given.
        issued: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// Answered before by another request.
    #[error("challenge was used before")]
    ChallengeSpent,
    /// The initial or the subscription credential is not acceptable.
    #[error("enrolment: {0}")]
    Credential(#[from] CredentialError),
    /// The evidence answers another challenge.
    #[error("evidence is not about this challenge")]
    EvidenceNonce,
    /// The proof of possession is malformed, or the new key did not sign it.
    #[error("proof of possession: {0}")]
    Possession(SignedError),
    /// The proof is about another credential, MEF, challenge or nonce.
    #[error("proof of possession is of another request")]
    PossessionContext,
    /// The device key again as subscription key.
    #[error("subscription key is the device key; every key has one purpose")]
    KeyReused,
    /// The reply answers another request.
    #[error("reply to another request")]
    OtherRequest,
    /// The MEF said no.
    #[error("the enrolment function refuses: {0:?}")]
    Refused(EnrolmentStatus),
    /// Granted, and no credential with it, or refused with one.
    #[error("status and credential of the reply do not fit")]
    StatusContradiction,
    /// The credential is for another key.
    #[error("subscription credential for another key")]
    OtherKey,
    /// More than was asked for.
    #[error("scope is wider than asked for")]
    ScopeBeyondRequest,
    /// The reply's schedule is not that of the bundle of the same version.
    #[error("slot schedule differs from the trust bundle's")]
    Schedule,
    /// The holder of a private key did not answer.
    #[error("enrolment: {0}")]
    Key(#[from] KeyUnavailable),
}
