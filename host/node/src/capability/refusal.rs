//! What a call answers instead of its result: the domain's side of `wit/errors.wit`.

use crate::fault::Fault;

/// The wait that [`Refusal::Exhausted`] names where none helps: something has to be given up first.
pub const NO_WAIT_HELPS: u32 = u32::MAX;

/// A typed answer to the AE, which goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Capability file or node ceiling does not allow it.
    #[error("{0}")]
    Denied(Denial),
    /// No such thing, or not yours.
    #[error("not found")]
    NotFound,
    /// A malformed argument; what was expected.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Used up for now.
    #[error("exhausted, another try is worth it in {retry_ms} ms")]
    Exhausted {
        /// Milliseconds.
        retry_ms: u32,
    },
    /// Not now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Over a size limit.
    #[error("too large, at most {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u32,
    },
}

/// Who decided against a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}` on `{subject}` is denied")]
pub struct Denial {
    /// The right that was missing, as a capability file names it.
    pub operation: &'static str,
    /// The topic, filter, alias or service.
    pub subject: String,
    /// `file:line` of the rule that decided, if one did.
    pub rule: Option<String>,
}

/// An answer, or the end of the instance.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The AE is told and goes on.
    #[error(transparent)]
    Refuse(#[from] Refusal),
    /// The instance ends.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The node itself broke: ends the instance too.
    #[error(transparent)]
    Host(#[from] wasmtime::Error),
}
