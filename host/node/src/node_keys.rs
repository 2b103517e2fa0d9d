//! The node's own partition of the Secure Environment: what signs the audit's checkpoints, and what authenticates the
//! node's state and its compile cache.

use std::sync::Arc;

use m2m_secure_environment::{
    Algorithm, Channel, Error, Head, KeyHandle, Management, Partition, PartitionType, Template, Usage, signing_input,
};

use crate::audit::{self, AuditKeys, CheckpointKey};
use crate::engine::CacheKey;

const PARTITION_TYPE: &str = "node";
const AUDIT_KEY: &str = "audit-checkpoint";
const STATE_KEY: &str = "state-mac";
const AUDIT_CONTEXT: &str = "m2m audit checkpoint 1";
const AUDIT_HEAD: &str = "audit";

/// Keys that no AE can name.
pub struct NodeKeys {
    audit: KeyHandle,
    state: KeyHandle,
    management: Arc<dyn Management>,
}

impl NodeKeys {
    /// Opens them, and makes them on the node's first start.
    ///
    /// # Errors
    /// When the Secure Environment refuses.
    pub fn open(channel: &Arc<dyn Channel>, management: &Arc<dyn Management>) -> Result<Self, Error> {
        let kind = PartitionType::new(PARTITION_TYPE)?;
        let existing = management.partitions()?.into_iter().find(|(_, other)| *other == kind);
        let id = match existing {
            Some((id, _)) => id,
            None => management.create_partition(&kind)?,
        };
        let partition = Partition::new(Arc::clone(channel), id);
        Ok(Self {
            audit: open_or_generate(&partition, AUDIT_KEY, Algorithm::Ed25519, Usage::SIGN)?,
            state: open_or_generate(&partition, STATE_KEY, Algorithm::HmacSha256, Usage::MAC)?,
            management: Arc::clone(management),
        })
    }

    /// Over a file of the node's state; `label` keeps one file from passing for another.
    ///
    /// # Errors
    /// When the Secure Environment refuses.
    pub(crate) fn state_mac(&self, label: &str, bytes: &[u8]) -> Result<[u8; 32], Error> {
        self.state.mac(&labelled(label, bytes))
    }

    /// Whether `mac` is that of [`NodeKeys::state_mac`].
    ///
    /// # Errors
    /// When the Secure Environment refuses.
    pub(crate) fn is_state_mac(&self, label: &str, bytes: &[u8], mac: &[u8; 32]) -> Result<bool, Error> {
        self.state.verify_mac(&labelled(label, bytes), mac)
    }
}

fn open_or_generate(
    partition: &Partition,
    alias: &str,
    algorithm: Algorithm,
    usage: Usage,
) -> Result<KeyHandle, Error> {
    match partition.open(alias) {
        Err(Error::NotFound) => partition.generate(alias, &Template::new(algorithm, usage).persistent()),
        opened => opened,
    }
}

fn labelled(label: &str, bytes: &[u8]) -> Vec<u8> {
    [label.as_bytes(), b"\0", bytes].concat()
}

const CACHE_LABEL: &str = "compile cache";

impl CacheKey for NodeKeys {
    fn mac(&self, digest: &[u8; 32]) -> Option<[u8; 32]> {
        self.state_mac(CACHE_LABEL, digest).ok()
    }

    fn is_mac(&self, digest: &[u8; 32], mac: &[u8; 32]) -> bool {
        self.is_state_mac(CACHE_LABEL, digest, mac).unwrap_or(false)
    }
}

impl AuditKeys for NodeKeys {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        self.audit.sign(AUDIT_CONTEXT, message).map_err(|error| error.to_string())
    }

    fn checkpoint_key(&self) -> Result<CheckpointKey, String> {
        self.audit.public_key().map(checkpoint_key).map_err(|error| error.to_string())
    }

    fn record_head(&self, head: audit::Head) -> Result<(), String> {
        let head = Head { seq: head.seq, hash: head.hash };
        self.management.record_head(AUDIT_HEAD, head).map_err(|error| error.to_string())
    }

    fn head(&self) -> Result<Option<audit::Head>, String> {
        let head = self.management.head(AUDIT_HEAD).map_err(|error| error.to_string())?;
        Ok(head.map(|head| audit::Head { seq: head.seq, hash: head.hash }))
    }
}

/// Verifies the checkpoints of a node by its public key alone.
pub fn checkpoint_key(public_key: [u8; 32]) -> CheckpointKey {
    CheckpointKey { public_key, signing_input: audit_signing_input }
}

/// What really is signed; a partition type or context that could not be used would give a signature that verifies nothing.
fn audit_signing_input(message: &[u8]) -> Vec<u8> {
    PartitionType::new(PARTITION_TYPE).and_then(|kind| signing_input(&kind, AUDIT_CONTEXT, message)).unwrap_or_default()
}
