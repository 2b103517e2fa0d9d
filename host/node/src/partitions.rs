//! Which partition of the Secure Environment is whose: tied to an AE's name and its component.
//!
//! A new AE under an old name gets a new partition. A new component of the same AE gets the old one's only by an update that
//! the integrator names (`inherits-keys-of`), and then the old component has it no longer.

use std::io::Write;

use cap_std::fs::{Dir, OpenOptions};
use m2m_secure_environment::{Error as SeError, Management, PartitionId, PartitionType};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::node_keys::NodeKeys;

const FILE: &str = "partitions.json";
const LABEL: &str = "partitions";
const PARTITION_TYPE: &str = "ae";

/// The ties, as they are kept in the state folder.
pub(crate) struct Partitions<'a> {
    folder: &'a Dir,
    keys: &'a NodeKeys,
    ties: Vec<Tie>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tie {
    ae: String,
    component: Sha256Digest,
    #[serde(with = "hexadecimal")]
    partition: PartitionId,
}

/// JSON has no bytes.
mod hexadecimal {
    use m2m_secure_environment::PartitionId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &PartitionId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(id.as_bytes()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartitionId, D::Error> {
        let mut id = [0; 16];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut id).map_err(de::Error::custom)?;
        Ok(PartitionId::from_bytes(id))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    ties: String,
    mac: String,
}

/// What is wrong with the ties.
#[derive(Debug, thiserror::Error)]
pub enum PartitionsError {
    /// The file could not be read or written.
    #[error("`{FILE}` in the state folder: {0}")]
    Io(#[from] std::io::Error),
    /// The file was changed by someone else.
    #[error("`{FILE}` in the state folder is not authentic: restore the state folder from where it was last whole")]
    NotAuthentic,
    /// The file was written by this node, in a form that this version does not know.
    #[error("`{FILE}` in the state folder was written by another version of the node: {0}")]
    Unreadable(serde_json::Error),
    /// `inherits-keys-of` names a component that never ran under this name.
    #[error(
        "`inherits-keys-of` names {old}, and no component of that digest has keys under the name `{ae}`: name the one before this, or take the line out if the AE is new here"
    )]
    NothingToInherit {
        /// The AE.
        ae: String,
        /// As named.
        old: Sha256Digest,
    },
    /// The Secure Environment refused.
    #[error("the Secure Environment: {0}")]
    SecureEnvironment(#[from] SeError),
}

impl<'a> Partitions<'a> {
    pub(crate) fn open(folder: &'a Dir, keys: &'a NodeKeys) -> Result<Self, PartitionsError> {
        let ties = match folder.read(FILE) {
            Ok(bytes) => authentic(&bytes, keys)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { folder, keys, ties })
    }

    /// The partition of this component under this name, made at its first start.
    pub(crate) fn of(
        &mut self,
        ae: &str,
        component: Sha256Digest,
        inherits: Option<Sha256Digest>,
        management: &dyn Management,
    ) -> Result<PartitionId, PartitionsError> {
        if let Some(tie) = self.find(ae, component) {
            return Ok(tie.partition);
        }
        let partition = match inherits {
            Some(old) => self.take_from(ae, old)?,
            None => management.create_partition(&PartitionType::new(PARTITION_TYPE)?)?,
        };
        self.ties.push(Tie { ae: ae.to_owned(), component, partition });
        self.keep()?;
        Ok(partition)
    }

    fn find(&self, ae: &str, component: Sha256Digest) -> Option<&Tie> {
        self.ties.iter().find(|tie| tie.ae == ae && tie.component == component)
    }

    fn take_from(&mut self, ae: &str, old: Sha256Digest) -> Result<PartitionId, PartitionsError> {
        let place = self.ties.iter().position(|tie| tie.ae == ae && tie.component == old);
        let place = place.ok_or_else(|| PartitionsError::NothingToInherit { ae: ae.to_owned(), old })?;
        Ok(self.ties.remove(place).partition)
    }

    fn keep(&self) -> Result<(), PartitionsError> {
        let ties = serde_json::to_string(&self.ties).map_err(std::io::Error::other)?;
        let mac = hex::encode(self.keys.state_mac(LABEL, ties.as_bytes())?);
        let bytes = serde_json::to_vec(&Kept { ties, mac }).map_err(std::io::Error::other)?;
        let temporary = format!("{FILE}.tmp");
        let mut file = self.folder.open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        self.folder.rename(&temporary, self.folder, FILE)?;
        self.folder.open(".")?.sync_all()?;
        Ok(())
    }
}

fn authentic(bytes: &[u8], keys: &NodeKeys) -> Result<Vec<Tie>, PartitionsError> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|_| PartitionsError::NotAuthentic)?;
    let mut mac = [0; 32];
    hex::decode_to_slice(&kept.mac, &mut mac).map_err(|_| PartitionsError::NotAuthentic)?;
    if !keys.is_state_mac(LABEL, kept.ties.as_bytes(), &mac)? {
        return Err(PartitionsError::NotAuthentic);
    }
    serde_json::from_str(&kept.ties).map_err(PartitionsError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_read_back() {
        let tie =
            Tie { ae: "meter".into(), component: Sha256Digest([7; 32]), partition: PartitionId::from_bytes([9; 16]) };
        let text = serde_json::to_string(&vec![tie.clone()]).unwrap();
        assert!(text.contains(&"09".repeat(16)), "{text}");
        assert_eq!(serde_json::from_str::<Vec<Tie>>(&text).unwrap(), [tie]);
    }
}
