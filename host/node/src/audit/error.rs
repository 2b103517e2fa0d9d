//! Errors of the audit.

use std::io;

use thiserror::Error;

use super::check::CheckError;
use super::defect::Broken;

/// Why the audit could not be opened, started anew or closed.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The chain does not hold. The node must not start over it.
    #[error(
        "the audit is broken, {0}; keep the file as evidence, then run `m2m-host audit restart --reason …` to set it \
         aside and start a new chain"
    )]
    Broken(Broken),
    /// There is nothing to start anew.
    #[error("the audit holds ({lines} lines): `audit restart` is for a broken one")]
    NotBroken {
        /// Its length in lines.
        lines: u64,
    },
    /// Another process has it open.
    #[error("the audit is in use: another node runs on this state folder; stop it first")]
    Locked,
    /// The reason for a restart is missing.
    #[error("expected a reason of at least one word for starting the audit anew, as in `--reason \"disk replaced\"`")]
    NoReason,
    /// The file could not be read or written.
    #[error("`audit.jsonl`: {0}")]
    Io(io::Error),
    /// The Secure Environment did not answer.
    #[error("the Secure Environment did not serve the audit: {0}")]
    Keys(String),
    /// At close, the last lines could not be made durable.
    #[error("the last lines of the audit could not be written: {0}")]
    Unfinished(String),
}

impl From<io::Error> for AuditError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => AuditError::Locked,
            _ => AuditError::Io(error),
        }
    }
}

impl From<CheckError> for AuditError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Broken(broken) => AuditError::Broken(broken),
            CheckError::Io(error) => AuditError::Io(error),
        }
    }
}

/// Why a line was not taken, or not made durable. The caller answers `unavailable` and does nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    /// Lines cannot be made durable now.
    #[error("the audit cannot be written: {why}")]
    Degraded {
        /// What failed.
        why: String,
    },
    /// Too many lines wait to be written.
    #[error("the audit has fallen behind; try again in a moment")]
    Full,
    /// The audit was closed.
    #[error("the audit is closed: the node stops")]
    Closed,
}
