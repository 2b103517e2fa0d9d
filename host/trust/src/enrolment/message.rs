//! The messages of enrolment.

use ciborium::Value;

use super::Evidence;
use crate::aif::Scope;
use crate::bundle::Schedule;
use crate::codec::{Bytes, Cbor, Malformed, message};
use crate::cose::Message;
use crate::credential::Confirmation;
use crate::identity::{AuthorityId, Digest, Epoch, Seconds};

message! {
    /// MEF to node, in the clear.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Challenge {
        /// The MEF.
        1 => pub issuer: AuthorityId,
        /// Sixteen random bytes.
        2 => pub challenge: [u8; 16],
        /// The MEF's time.
        3 => pub time: Seconds,
    }
}

impl Message for Challenge {
    const TYPE: u16 = 65_003;
    const NAME: &'static str = "challenge";
    const SIZE_MAX: usize = 256;
}

message! {
    /// Node to MEF, signed by the device key.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct EnrolmentRequest {
        /// The MEF.
        1 => pub enrolment_function: AuthorityId,
        /// Its challenge.
        2 => pub challenge: [u8; 16],
        /// Sixteen random bytes of the node.
        3 => pub nonce: [u8; 16],
        /// The signed initial credential.
        4 => pub initial_credential: Bytes,
        /// The state of the node.
        5 => pub evidence: Evidence,
        /// What the node asks for.
        6 => pub wanted: Scope,
        /// [`SubscriptionPossession`], signed by the new subscription key.
        7 => pub possession: Bytes,
    }
}

impl Message for EnrolmentRequest {
    const TYPE: u16 = 65_004;
    const NAME: &'static str = "enrolment request";
    const SIZE_MAX: usize = 32_768;
}

message! {
    /// Proof that the node holds the new subscription key, for this request alone.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SubscriptionPossession {
        /// Hash of the signed initial credential.
        1 => pub initial_credential: Digest,
        /// The MEF.
        2 => pub enrolment_function: AuthorityId,
        /// Its challenge.
        3 => pub challenge: [u8; 16],
        /// The nonce of the request.
        4 => pub nonce: [u8; 16],
        /// The new subscription key.
        8 => pub confirmation: Confirmation,
    }
}

impl Message for SubscriptionPossession {
    const TYPE: u16 = 65_005;
    const NAME: &'static str = "proof of possession of a subscription key";
    const SIZE_MAX: usize = 512;
}

message! {
    /// MEF to node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct EnrolmentReply {
        /// Hash of the sealed request.
        1 => pub request: Digest,
        /// How it was decided.
        2 => pub status: EnrolmentStatus,
        /// The signed subscription credential; there when, and only when, it was granted.
        3 => pub credential: Option<Bytes>,
        /// The AAs that the node may ask.
        4 => pub authorities: Vec<AuthorityId>,
        /// The present epoch.
        5 => pub epoch: Epoch,
        /// How time is divided, as in the bundle of the version below.
        6 => pub schedule: Schedule,
        /// The newest trust bundle.
        7 => pub bundle_version: u64,
        /// The MEF's time.
        8 => pub time: Seconds,
    }
}

impl Message for EnrolmentReply {
    const TYPE: u16 = 65_006;
    const NAME: &'static str = "enrolment reply";
    const SIZE_MAX: usize = 4096;
}

/// How an enrolment was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentStatus {
    /// 0.
    Granted,
    /// 1: the profile is below the minimum.
    ProfileTooLow,
    /// 2: a measurement is not among the allowed ones.
    MeasurementNotAllowed,
    /// 3: none of the wanted services is allowed.
    ServiceNotAllowed,
    /// 4: the node is blocked.
    Blocked,
}

impl Cbor for EnrolmentStatus {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Granted => 0,
            Self::ProfileTooLow => 1,
            Self::MeasurementNotAllowed => 2,
            Self::ServiceNotAllowed => 3,
            Self::Blocked => 4,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            0 => Ok(Self::Granted),
            1 => Ok(Self::ProfileTooLow),
            2 => Ok(Self::MeasurementNotAllowed),
            3 => Ok(Self::ServiceNotAllowed),
            4 => Ok(Self::Blocked),
            _ => Err(Malformed::Unexpected { field, expected: "a status from 0 to 4" }),
        }
    }
}
