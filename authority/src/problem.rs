//! What a client is told when it is not served: problem details (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use m2m_trust::authorization::AuthorizationError;
use m2m_trust::enrolment::EnrolmentError;
use m2m_trust::revocation::OrderError;
use serde::{Deserialize, Serialize};

use crate::journal::JournalError;
use crate::store::{NotCommitted, StoreError};

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The cause, a word that programs can rely on.
    pub title: &'static str,
    /// The cause for people.
    pub detail: String,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
}

/// The body of an answer of type [`PROBLEM_JSON`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// The cause, a word that programs can rely on.
    pub title: String,
    /// The HTTP status once more.
    pub status: u16,
    /// The cause for people.
    pub detail: String,
}

impl Problem {
    /// Refused for good: the same request will be refused again.
    #[must_use]
    pub fn refused(title: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title, detail)
    }

    /// Refused because it was there before.
    #[must_use]
    pub fn repeated(title: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, title, detail)
    }

    /// Nothing there.
    #[must_use]
    pub fn not_found(title: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, title, detail)
    }

    /// Not now.
    #[must_use]
    pub fn later(title: &'static str, detail: impl std::fmt::Display, seconds: u32) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, title, detail);
        Self { retry_after_s: Some(seconds), ..problem }
    }

    /// Too much at once.
    #[must_use]
    pub fn busy(detail: impl std::fmt::Display) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    /// With any other status.
    #[must_use]
    pub fn new(status: StatusCode, title: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { status, title, detail: detail.to_string(), retry_after_s: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody { title: self.title.to_owned(), status: self.status.as_u16(), detail: self.detail };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], text).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::later("store-unavailable", "the store of this authority cannot be used now", 5)
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        tracing::error!(%error, "the decision log failed");
        Self::later("log-unavailable", "the decision log of this authority cannot be written now", 5)
    }
}

impl From<NotCommitted> for Problem {
    fn from(refusal: NotCommitted) -> Self {
        match refusal {
            NotCommitted::Store(error) => error.into(),
            NotCommitted::ChallengeUnknown => Self::refused("challenge-unknown", refusal),
            NotCommitted::ChallengeSpent => Self::repeated("challenge-spent", refusal),
            NotCommitted::NonceUsed => Self::repeated("replay", refusal),
            NotCommitted::Closed => Self::refused("epoch-closed", refusal),
            NotCommitted::Blocked | NotCommitted::NotSubscribed | NotCommitted::QuotaExhausted => {
                Self::later("decided-meanwhile", refusal, 1)
            }
        }
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        use EnrolmentError as E;
        let title = match &error {
            E::Key(_) => return key_unavailable(&error),
            E::ChallengeSpent => return Self::repeated("challenge-spent", error),
            E::ChallengeUnknown => "challenge-unknown",
            E::ChallengeExpired { .. } => "challenge-expired",
            E::Seal(_) => "not-openable",
            E::Issuer(_) => "unknown-issuer",
            E::OtherFunction(_) | E::UnknownFunction(_) => "other-function",
            E::Request(_) => "malformed-request",
            E::Credential(_) => "credential-refused",
            E::EvidenceNonce => "evidence-of-other-challenge",
            E::Possession(_) | E::PossessionContext => "possession-not-proved",
            E::KeyReused => "key-reused",
            E::Floor(_)
            | E::OtherRequest
            | E::Refused(_)
            | E::StatusContradiction
            | E::OtherKey
            | E::ScopeBeyondRequest
            | E::Schedule => "enrolment-refused",
        };
        Self::refused(title, error)
    }
}

impl From<AuthorizationError> for Problem {
    fn from(error: AuthorizationError) -> Self {
        use AuthorizationError as E;
        let title = match &error {
            E::Key(_) => return key_unavailable(&error),
            E::Replay => return Self::repeated("replay", error),
            E::Seal(_) => "not-openable",
            E::Malformed(_) => "malformed-request",
            E::Issuer(_) => "unknown-issuer",
            E::OtherAuthority(_) => "other-authority",
            E::OtherFunction(_) => "other-function",
            E::Epoch { .. } => "epoch",
            E::Count { .. } => "count",
            E::Services => "one-service-expected",
            E::ScopeBeyondAuthority => "scope-beyond-authority",
            E::Commitment => "commitment",
            E::DuplicateKey { .. } => "duplicate-key",
            E::Slot(_) => "slot",
            E::SlotFull(_) => "slot-full",
            E::Possession { .. } => "possession-not-proved",
            _ => "authorization-refused",
        };
        Self::refused(title, error)
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let title = match &error {
            OrderError::Block(_) | OrderError::Order(_) => "unknown-issuer",
            OrderError::IssuerName => "issuer-name",
            OrderError::Addressee(_) => "other-addressee",
        };
        Self::refused(title, error)
    }
}

pub(crate) fn key_unavailable(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a key cannot be used");
    Problem::later("key-unavailable", "a key of this authority cannot be used now", 5)
}
