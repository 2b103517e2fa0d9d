//! The other role: whoever starts the node. Nothing here can be reached over a [`Channel`](crate::Channel).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Error, PartitionId, ProtectionLevel};

/// What the launcher may do, and a holder of a channel may not.
pub trait Management: Send + Sync {
    /// Makes an empty partition under a new random id. Durable before it returns.
    ///
    /// # Errors
    /// [`Error::Limit`] for partitions; [`Error::Unavailable`] when the store cannot be written.
    fn create_partition(&self, kind: &PartitionType) -> Result<PartitionId, Error>;

    /// Destroys a partition with all its keys, and ends all its handles. Durable before it returns.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the store cannot be written.
    fn drop_partition(&self, id: PartitionId) -> Result<(), Error>;

    /// All partitions, sorted by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after [`shutdown`](Self::shutdown).
    fn partitions(&self) -> Result<Vec<(PartitionId, PartitionType)>, Error>;

    /// Keeps the latest entry of a log that is written elsewhere, so that a cut tail can be noticed. Durable before it returns.
    ///
    /// INVARIANT (a head never goes back): a lower number than the one kept is refused, and so is another hash for the same number.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a step back or a malformed name (1 to 32 of `a-z`, `0-9`, `-`); [`Error::Limit`] for names.
    fn record_head(&self, name: &str, head: Head) -> Result<(), Error>;

    /// The head kept under `name`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] after [`shutdown`](Self::shutdown).
    fn head(&self, name: &str) -> Result<Option<Head>, Error>;

    /// Where key material is kept.
    fn protection(&self) -> ProtectionLevel;

    /// Gives back reserved uses, wipes all keys from memory, and ends the service: every later call answers
    /// [`Error::Unavailable`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store could not be written: reserved uses stay used up. Keys are wiped all the same.
    fn shutdown(&self) -> Result<(), Error>;
}

/// The latest entry of a log: its number, and a hash over it and all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the entry.
    pub seq: u64,
    /// Hash of the chain up to and including it.
    pub hash: [u8; 32],
}

/// What kind of owner a partition has, as `ae` or `node`. Goes into every signature, so that one kind cannot sign for another.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PartitionType(Cow<'static, str>);

impl PartitionType {
    /// A type of 1 to 32 characters of `a-z`, `0-9` and `-`.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn new(name: &str) -> Result<Self, Error> {
        if !is_short_name(name) {
            return Err(Error::invalid("a partition type is 1 to 32 characters of `a-z`, `0-9` and `-`"));
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// The type of the node's privileged module: reached over its own channel only, and alone in having what is reserved.
    #[must_use]
    pub const fn provisioning() -> Self {
        Self(Cow::Borrowed("provisioning"))
    }

    pub(crate) fn is_provisioning(&self) -> bool {
        *self == Self::provisioning()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for PartitionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// 1 to 32 characters of `a-z`, `0-9` and `-`: also a part of a file name.
pub(crate) fn is_short_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
