//! The manifest says what the store holds. Replacing it in one rename is what makes a change happen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{ByteArray, Head, PartitionId, PartitionType};

/// Everything that is in the store, but the secrets and the heads themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Counts changes, from 1.
    pub(crate) epoch: u64,
    pub(crate) partitions: BTreeMap<PartitionId, PartitionType>,
    pub(crate) keys: BTreeMap<KeyName, Entry>,
    /// Names under which heads are kept, each in a file of its own: they change much more often than keys.
    pub(crate) heads: BTreeSet<String>,
    /// Counters of provisioning partitions. They stand in here so that several change at once and none goes back alone.
    #[serde(default)]
    pub(crate) counters: BTreeMap<PartitionId, BTreeMap<String, u64>>,
}

/// A persistent key's owner and alias.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct KeyName(pub(crate) PartitionId, pub(crate) String);

/// The one record that is this key now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The epoch that the record was written in: it names the file.
    pub(crate) epoch: u64,
    /// SHA-256 of the whole file.
    pub(crate) digest: ByteArray<32>,
    /// Uses that are used up or handed out in advance.
    pub(crate) used: u64,
}

/// What the file of a head holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeadFile {
    pub(crate) head: Head,
    /// The manifest's when the head was written: an older manifest has been put back.
    pub(crate) epoch: u64,
}

/// The file of a key's record.
pub(crate) fn key_file(epoch: u64) -> String {
    format!("key-{epoch:016x}")
}

/// The epoch in the name of a record's file.
pub(crate) fn key_file_epoch(file: &str) -> Option<u64> {
    let epoch = u64::from_str_radix(file.strip_prefix("key-")?, 16).ok()?;
    // Only the spelling that `key_file` gives.
    (key_file(epoch) == file).then_some(epoch)
}

/// The file of a head.
pub(crate) fn head_file(name: &str) -> String {
    format!("head-{name}")
}

/// The name in the name of a head's file.
pub(crate) fn head_file_name(file: &str) -> Option<&str> {
    file.strip_prefix("head-").filter(|name| crate::management::is_short_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_have_one_spelling() {
        assert_eq!(key_file(255), "key-00000000000000ff");
        assert_eq!(key_file_epoch("key-00000000000000ff"), Some(255));
        for other in ["key-00000000000000FF", "key-ff", "key-", "key-00000000000000ff.tmp", "head-x"] {
            assert_eq!(key_file_epoch(other), None, "{other}");
        }
        assert_eq!(head_file_name(&head_file("audit")), Some("audit"));
        assert_eq!(head_file_name("head-../x"), None);
    }
}
