//! The messages of authorization.

use ciborium::Value;

use crate::aif::Scope;
use crate::codec::{self, Bytes, Cbor, Malformed, message};
use crate::cose::Message;
use crate::identity::{AuthorityId, Digest, Epoch, Slot};
use crate::keys::{AgreementKey, PublicKey};

const COMMITMENT_LABEL: &[u8] = b"oM2M-NS/1 key commitment";

message! {
    /// What AA and MEF both see.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SharedPart {
        /// The AA.
        1 => pub authority: AuthorityId,
        /// The MEF.
        2 => pub enrolment_function: AuthorityId,
        /// Sixteen random bytes: one request.
        3 => pub nonce: [u8; 16],
        /// Whose quota it counts against.
        4 => pub epoch: Epoch,
        /// How many certificates.
        5 => pub count: u32,
        /// For what.
        6 => pub scope: Scope,
        /// [`commitment`] to the keys.
        7 => pub commitment: Digest,
    }
}

impl SharedPart {
    /// The most bytes of its encoding.
    pub const SIZE_MAX: usize = 1024;
}

message! {
    /// Two keys to certify together, and the slot to certify them for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub array CertifiedKey {
        /// Signs broadcasts.
        pub signing: PublicKey,
        /// For associations; the certificate comes sealed to it.
        pub agreement: AgreementKey,
        /// The slot.
        pub slot: Slot,
    }
}

message! {
    /// A key with its proof of possession.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub array KeyRequest {
        /// The keys.
        pub key: CertifiedKey,
        /// Signature by the signing key over [`KeyPossession`].
        pub possession: [u8; 64],
    }
}

/// Binds the shared part to keys that only the AA sees: SHA-256 over a label, 32 random bytes and the encoded keys.
/// Without the random bytes nobody can try keys against it.
#[must_use]
pub fn commitment(opening: &[u8; 32], keys: &[CertifiedKey]) -> Digest {
    Digest::of(&[COMMITMENT_LABEL, opening, &codec::encode(&keys.to_vec())])
}

message! {
    /// Node to AA, sealed. Label 5 is kept for a blind token in place of the proof.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct AuthorizationRequest {
        /// [`SharedPart`], encoded.
        1 => pub shared: Bytes,
        /// The keys, in the order in which the certificates come back.
        2 => pub keys: Vec<KeyRequest>,
        /// The random bytes of the commitment.
        3 => pub opening: [u8; 32],
        /// [`ProofOfSubscription`], signed by the subscription key, sealed to the MEF in the context of the shared part's
        /// hash.
        4 => pub proof: Bytes,
    }
}

message! {
    /// What each signing key signs, detached: this request, this place in it, these keys.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct KeyPossession {
        /// Hash of the encoded shared part.
        1 => pub shared: Digest,
        /// The place in the request, from 0.
        2 => pub index: u32,
        /// The keys and the slot.
        3 => pub key: CertifiedKey,
    }
}

impl Message for KeyPossession {
    const TYPE: u16 = 65_009;
    const NAME: &'static str = "proof of possession of a pseudonym's key";
    const SIZE_MAX: usize = 512;
}

message! {
    /// Node to MEF, inside the request to the AA.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ProofOfSubscription {
        /// The signed subscription credential.
        1 => pub credential: Bytes,
        /// Hash of the encoded shared part.
        2 => pub shared: Digest,
    }
}

impl Message for ProofOfSubscription {
    const TYPE: u16 = 65_008;
    const NAME: &'static str = "proof of subscription";
    const SIZE_MAX: usize = 4096;
}

message! {
    /// AA to MEF.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ProofQuery {
        /// [`SharedPart`], encoded.
        1 => pub shared: Bytes,
        /// The sealed proof, as it came.
        2 => pub proof: Bytes,
    }
}

impl Message for ProofQuery {
    const TYPE: u16 = 65_010;
    const NAME: &'static str = "proof query";
    const SIZE_MAX: usize = 8192;
}

message! {
    /// MEF to AA.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ProofAnswer {
        /// Hash of the encoded shared part.
        1 => pub shared: Digest,
        /// How it was decided.
        2 => pub status: AuthorizationStatus,
        /// What is granted; empty for a refusal.
        3 => pub scope: Scope,
        /// How many certificates; zero for a refusal.
        4 => pub count: u32,
    }
}

impl Message for ProofAnswer {
    const TYPE: u16 = 65_011;
    const NAME: &'static str = "proof answer";
    const SIZE_MAX: usize = 1024;
}

message! {
    /// AA to node.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct AuthorizationReply {
        /// Hash of the sealed request.
        1 => pub request: Digest,
        /// How it was decided.
        2 => pub status: AuthorizationStatus,
        /// The certificates, each sealed to its own agreement key; none for a refusal.
        3 => pub certificates: Vec<Bytes>,
    }
}

impl Message for AuthorizationReply {
    const TYPE: u16 = 65_012;
    const NAME: &'static str = "authorization reply";
    const SIZE_MAX: usize = 65_536;
}

/// How a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationStatus {
    /// 0.
    Granted,
    /// 1: no subscription, or an expired or blocked one.
    NotSubscribed,
    /// 2: the quota of the epoch is used up.
    QuotaExhausted,
    /// 3: more than the subscription allows.
    ScopeNotAllowed,
    /// 4: the nonce was used before.
    Replayed,
}

impl Cbor for AuthorizationStatus {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Granted => 0,
            Self::NotSubscribed => 1,
            Self::QuotaExhausted => 2,
            Self::ScopeNotAllowed => 3,
            Self::Replayed => 4,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            0 => Ok(Self::Granted),
            1 => Ok(Self::NotSubscribed),
            2 => Ok(Self::QuotaExhausted),
            3 => Ok(Self::ScopeNotAllowed),
            4 => Ok(Self::Replayed),
            _ => Err(Malformed::Unexpected { field, expected: "a status from 0 to 4" }),
        }
    }
}
