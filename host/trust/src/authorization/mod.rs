//! Authorization: certificates for pseudonyms, from an AA that does not learn who asks, on the word of an MEF that does
//! not learn for which keys.
//!
//! ```text
//! node ── AuthorizationRequest, sealed ▶ relay ▶ AA ── ProofQuery ▶ MEF
//! node ◀── AuthorizationReply, under the reply key ── AA ◀── ProofAnswer ── MEF
//! ```
//! The shared part of the request goes to both and names neither the node nor its keys: it has a commitment to the keys.
//! The proof of the subscription is sealed to the MEF and bound to the shared part.

mod aa;
mod mef;
mod message;
mod node;
mod request_checks;

pub use aa::{
    AaAuthorization, AuthorizationLog, AuthorizationOutcome, AuthorizationReceived, AwaitingProof, Batch, Grant,
};
pub use mef::{MefAuthorization, ProofOutcome, ProofReceived, ProofRefusal, Standing, SubscriptionLog};
pub use message::{
    AuthorizationReply, AuthorizationRequest, AuthorizationStatus, CertifiedKey, KeyPossession, KeyRequest,
    ProofAnswer, ProofOfSubscription, ProofQuery, SharedPart, commitment,
};
pub use node::{AuthorizationNode, AwaitingAuthorization, Pseudonym, PseudonymCertificate};

use crate::bundle::IssuerError;
use crate::certificate::CertificateError;
use crate::codec::Malformed;
use crate::cose::SignedError;
use crate::credential::CredentialError;
use crate::identity::{AuthorityId, Epoch, Slot};
use crate::keys::{KeyError, KeyUnavailable};
use crate::seal::SealError;

/// The most certificates in one request; their reply still fits the largest bucket.
pub const COUNT_MAX: u32 = 192;

/// Why a step of authorization is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Not openable: request, proof, reply or certificate.
    #[error("authorization: {0}")]
    Seal(#[from] SealError),
    /// A request that is not encoded as one.
    #[error("authorization request: {0}")]
    Malformed(#[from] Malformed),
    /// Query, answer or reply are not from an authority of the right role.
    #[error("authorization: {0}")]
    Issuer(#[from] IssuerError),
    /// For or from another AA.
    #[error("message for or from `{0}`, another authorization authority")]
    OtherAuthority(AuthorityId),
    /// For or from another MEF, or one that the bundle does not list.
    #[error("message for or from `{0}`, another enrolment function")]
    OtherFunction(AuthorityId),
    /// Neither the present epoch nor the next one.
    #[error("epoch {asked}, expected {present} or the next one")]
    Epoch {
        /// The epoch of the request.
        asked: Epoch,
        /// The present one.
        present: Epoch,
    },
    /// No keys, too many, or another number than the shared part says.
    #[error("{keys} keys for {count} certificates, expected as many, 1 to {COUNT_MAX}")]
    Count {
        /// Keys in the request.
        keys: usize,
        /// Certificates asked for in the shared part.
        count: u32,
    },
    /// Not exactly one service: rights side by side would mark a node.
    #[error("request for several services or none, expected one")]
    Services,
    /// More than this AA may grant.
    #[error("scope is wider than this authority may grant")]
    ScopeBeyondAuthority,
    /// The nonce was seen in this epoch, with another request.
    #[error("nonce was used before in this epoch")]
    Replay,
    /// Commitment and keys do not agree.
    #[error("keys are not those committed to")]
    Commitment,
    /// A key twice, or a signing key that is an agreement key's bytes.
    #[error("key {index} is there twice")]
    DuplicateKey {
        /// Its index, from 0.
        index: usize,
    },
    /// A slot in the past or of another epoch.
    #[error("slot {0} is over or of another epoch")]
    Slot(Slot),
    /// More certificates for one slot than a node holds.
    #[error("more certificates for slot {0} than a node holds")]
    SlotFull(Slot),
    /// The key did not sign for this request and place.
    #[error("proof of possession {index}: {cause}")]
    Possession {
        /// Its index, from 0.
        index: usize,
        /// Why.
        cause: KeyError,
    },
    /// The subscription key did not sign the proof, or it is malformed.
    #[error("proof of subscription: {0}")]
    Proof(SignedError),
    /// The proof is about another shared part.
    #[error("proof of subscription of another request")]
    OtherShared,
    /// The subscription credential is not acceptable.
    #[error("authorization: {0}")]
    Credential(#[from] CredentialError),
    /// A credential that the MEF has no record of.
    #[error("unknown subscription")]
    SubscriptionUnknown,
    /// A blocked subscription.
    #[error("subscription is blocked")]
    SubscriptionBlocked,
    /// More than the subscription allows.
    #[error("scope is wider than the subscription")]
    ScopeBeyondSubscription,
    /// The quota of the epoch is used up.
    #[error("{asked} certificates asked for, {left} left in this epoch")]
    Quota {
        /// How many were asked for.
        asked: u32,
        /// How many are left.
        left: u32,
    },
    /// The reply answers another request.
    #[error("reply to another request")]
    OtherRequest,
    /// The answer grants what was not asked for, or another number.
    #[error("answer does not fit the question")]
    AnswerContradiction,
    /// The authority said no.
    #[error("authorization refused: {0:?}")]
    Refused(AuthorizationStatus),
    /// Another number of certificates than asked for, or a refusal with some.
    #[error("{received} certificates, expected {expected}")]
    CertificateCount {
        /// How many came.
        received: usize,
        /// How many were asked for.
        expected: usize,
    },
    /// A certificate does not verify.
    #[error("certificate {index}: {cause}")]
    Certificate {
        /// Its index, from 0.
        index: usize,
        /// Why.
        cause: CertificateError,
    },
    /// A certificate for another key, slot or scope than asked for at its place.
    #[error("certificate {index} is not the one asked for")]
    OtherCertificate {
        /// Its index, from 0.
        index: usize,
    },
    /// A pseudonym's keys are of the wrong kind.
    #[error("pseudonym {index} has no X25519 key")]
    PseudonymKey {
        /// Its index, from 0.
        index: usize,
    },
    /// The holder of a private key did not answer.
    #[error("authorization: {0}")]
    Key(#[from] KeyUnavailable),
}

impl AuthorizationError {
    /// What the node is told of a refusal by the MEF; `None` where nothing is answered.
    #[must_use]
    pub fn status(&self) -> Option<AuthorizationStatus> {
        match self {
            Self::Credential(_) | Self::SubscriptionUnknown | Self::SubscriptionBlocked => {
                Some(AuthorizationStatus::NotSubscribed)
            }
            Self::ScopeBeyondSubscription => Some(AuthorizationStatus::ScopeNotAllowed),
            Self::Quota { .. } => Some(AuthorizationStatus::QuotaExhausted),
            Self::Replay => Some(AuthorizationStatus::Replayed),
            _ => None,
        }
    }
}
