//! What a call, and what opening a store, can answer instead of a result.

use std::borrow::Cow;

use m2m_trust::association::NoiseError;
use serde::{Deserialize, Serialize};

use crate::{Usage, store::RootKeyError};

/// Why an operation was refused. Every refusal leaves the Secure Environment as it was, except that a use may be counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// No such key, handle or partition, or not the caller's: the two cannot be told apart.
    #[error("no such key here")]
    NotFound,
    /// `generate` under an alias that is taken.
    #[error("the alias is taken: destroy or rotate that key, or choose another alias")]
    Exists,
    /// A malformed argument; the text says what was expected.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The key was not made for this.
    #[error("the key's usage lacks `{0}`, and usage is fixed when a key is made")]
    NotPermitted(Usage),
    /// A usage, an algorithm or an operation that only a provisioning partition has.
    #[error("reserved for the provisioning partition and its channel")]
    Reserved,
    /// A counter that would go back.
    #[error("counter `{name}` stands at {kept} and does not go back to {offered}")]
    Rollback {
        /// Its name.
        name: String,
        /// Where it stands.
        kept: u64,
        /// What was offered.
        offered: u64,
    },
    /// The new key would be more than the parent's child policy lets its children be.
    #[error("the parent key's child policy does not allow such a key")]
    ChildNotPermitted,
    /// A ciphertext that this key did not make, or under other associated data, or changed on its way.
    #[error("not authentic under this key and this associated data")]
    NotAuthentic,
    /// A session that is not at that point: the other side's turn, the handshake not over, or over already.
    #[error("not due in this state of the session")]
    OutOfTurn,
    /// Past the key's `not_after`.
    #[error("the key's validity has ended")]
    Expired,
    /// The key's `max_uses` is reached.
    #[error("the key has been used as often as it may be")]
    UsesExhausted,
    /// The partition's rate is used up.
    #[error("too many operations; try again in {retry_ms} ms")]
    Exhausted {
        /// Milliseconds until another try is worth it, at least 1.
        retry_ms: u32,
    },
    /// An argument over its size limit.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u32,
    },
    /// A count is at its limit.
    #[error("no more {0}")]
    Limit(Limit),
    /// Not now; the text says what is missing.
    #[error("{0}")]
    Unavailable(Cow<'static, str>),
}

impl From<NoiseError> for Error {
    fn from(error: NoiseError) -> Self {
        match error {
            NoiseError::NotAuthentic => Self::NotAuthentic,
            NoiseError::Agreement => Self::invalid("the peer's public key is a point of small order"),
            NoiseError::OutOfTurn => Self::OutOfTurn,
            NoiseError::TooLarge => Self::TooLarge { max_bytes: NOISE_MESSAGE_BYTES_MAX },
            NoiseError::Unavailable(cause) => Self::Unavailable(Cow::Owned(cause.to_string())),
        }
    }
}

/// The longest message of Noise (revision 34, section 3).
const NOISE_MESSAGE_BYTES_MAX: u32 = 65_535;

impl Error {
    pub(crate) const fn invalid(expected: &'static str) -> Self {
        Self::Invalid(Cow::Borrowed(expected))
    }

    pub(crate) const fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable(Cow::Borrowed(reason))
    }
}

/// Which count is at its limit: see [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Partitions of the Secure Environment.
    Partitions,
    /// Named keys of a partition.
    Keys,
    /// Open handles of a partition.
    Handles,
    /// Versions of a key.
    Versions,
    /// Names under which a head is recorded.
    Heads,
    /// Open sessions of a partition.
    Sessions,
    /// Counters of a partition.
    Counters,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Partitions => "partitions",
            Self::Keys => "keys in this partition: destroy one",
            Self::Handles => "open handles in this partition: close one",
            Self::Versions => "versions of this key: make a new key",
            Self::Heads => "names for heads",
            Self::Sessions => "open sessions in this partition: end one",
            Self::Counters => "counters in this partition",
        })
    }
}

/// Why a store was not opened. Nothing in the folder has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The root key provider cannot give a root key.
    #[error("no root key: {0}")]
    RootKey(#[from] RootKeyError),
    /// The store was made under another kind of provider.
    #[error("the store's root key comes from `{expected}`, not from `{given}`: configure that provider")]
    OtherProvider {
        /// What the store's header names.
        expected: String,
        /// What was given.
        given: &'static str,
    },
    /// The root key is another one, or the header was edited: the two look alike.
    #[error("the root key does not open this store: it is not the one the store was made with, or `store` was edited")]
    WrongRootKey,
    /// A file that the store needs is gone.
    #[error("`{file}` is missing from the store: restore the whole folder from a backup")]
    Missing {
        /// Its name in the store's folder.
        file: String,
    },
    /// A file is not what the store wrote.
    #[error("`{file}` was edited, cut or swapped: expected {expected}; restore the whole folder from a backup")]
    Broken {
        /// Its name in the store's folder.
        file: String,
        /// What the file should have held.
        expected: &'static str,
    },
    /// A file that this store did not write.
    #[error("`{file}` does not belong to this store: move it elsewhere")]
    Foreign {
        /// Its name in the store's folder.
        file: String,
    },
    /// A store of a later release.
    #[error("`{file}` has format {format}, and this release knows {known}: use the release that wrote it")]
    Format {
        /// Its name in the store's folder.
        file: String,
        /// The format number found.
        format: u16,
        /// The format number known here.
        known: u16,
    },
    /// The folder or a file in it can be reached by others.
    #[error("`{file}` has mode {mode:o}, and others must have no access: `chmod {wanted:o}` it")]
    Permissions {
        /// Its name in the store's folder; `.` for the folder itself.
        file: String,
        /// The permission bits found.
        mode: u32,
        /// The permission bits wanted.
        wanted: u32,
    },
    /// Another process has the store open.
    #[error("the store is in use by another process: a store has one Secure Environment at a time")]
    InUse,
    /// The operating system gave no random bytes.
    #[error("no random numbers from the operating system")]
    Random,
    /// Reading or writing failed.
    #[error("`{file}`: {error}")]
    Io {
        /// Its name in the store's folder; `.` for the folder itself.
        file: String,
        /// What the operating system said.
        error: std::io::Error,
    },
}
