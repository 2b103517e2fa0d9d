//! A node's part in an M2M system, as far as its files and its state folder tell: opened for a node that runs, and for the
//! commands that need none.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use m2m_provisioning::{Provisioning, TrustSection};
use m2m_trust::enrolment::{Measurement, Measurements};
use m2m_trust::identity::Digest;
use sha2::{Digest as _, Sha256};

use super::admission::{Candidate, RefusedAe};
use super::{Files, StartError};
use crate::audit::{self, Audit, AuditError};
use crate::node_keys::NodeKeys;
use crate::state::{ProvisioningChannel, SecureEnvironment, StateFolder};
use crate::trust::Trust;

const FOLDER: &str = "trust";

/// What the enrolment function is told of this node: digests of the host, of the ceiling, and of each AE that can be read.
pub(crate) struct Evidence(Measurements);

impl Evidence {
    pub(super) fn of(files: &Files, candidates: &[Result<Candidate, RefusedAe>]) -> Self {
        let mut measured = vec![Measurement { name: "ceiling".to_owned(), digest: files.ceiling_digest }];
        measured.extend(host());
        for (entry, candidate) in files.manifest.aes.iter().zip(candidates) {
            measured.extend(candidate.iter().flat_map(|candidate| candidate.measurements(&entry.ae_name())));
        }
        Self(Measurements(measured))
    }
}

/// The binary that runs; nothing where the system does not show it.
fn host() -> Option<Measurement> {
    let mut file = std::fs::File::open(Path::new("/proc/self/exe")).ok()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            bytes => hasher.update(buffer.get(..bytes)?),
        }
    }
    Some(Measurement { name: "host".to_owned(), digest: Digest(hasher.finalize().into()) })
}

/// `None` where `node.toml` has no `[trust]`; the way to its keys is dropped then.
pub(super) fn open(
    files: &Files,
    state: &StateFolder,
    secure_environment: &SecureEnvironment,
    channel: ProvisioningChannel,
    evidence: Evidence,
    audit: &Audit,
) -> Result<Option<Trust>, StartError> {
    let Some(section) = &files.manifest.trust else { return Ok(None) };
    let (dir, management) = (state.folder(FOLDER)?, &*secure_environment.management);
    Ok(Some(Trust::open(TrustSection::clone(section), channel, management, dir, evidence.0, audit)?))
}

/// A node that stands still, opened for one command.
pub(crate) struct Offline {
    trust: Trust,
    audit: Audit,
    secure_environment: SecureEnvironment,
    _state: StateFolder,
}

impl Offline {
    /// Makes the state where there is none. `None` where `node.toml` has no `[trust]`.
    ///
    /// # Errors
    /// [`StartError`], of which [`StateError::InUse`](crate::StateError::InUse) says that the node runs.
    pub(crate) fn open(node_toml: &Path) -> Result<Option<Self>, StartError> {
        let files = Files::read(node_toml)?;
        if files.manifest.trust.is_none() {
            return Ok(None);
        }
        let state = files.state()?;
        let (secure_environment, channel) = files.secure_environment(&state)?;
        let keys = Arc::new(NodeKeys::open(&secure_environment.channel, &secure_environment.management)?);
        let audit = Audit::open(state.dir(), keys as Arc<dyn audit::AuditKeys>, audit::system_clock())?;
        let candidates: Vec<_> = files.manifest.aes.iter().map(|entry| Candidate::read(&files.base, entry)).collect();
        let evidence = Evidence::of(&files, &candidates);
        let trust = open(&files, &state, &secure_environment, channel, evidence, &audit)?;
        Ok(trust.map(|trust| Self { trust, audit, secure_environment, _state: state }))
    }

    pub(crate) fn provisioning(&self) -> &Provisioning {
        self.trust.provisioning()
    }

    /// Writes the last lines of the audit, and locks the keys away.
    ///
    /// # Errors
    /// When the lines could not be written.
    pub(crate) fn close(self) -> Result<(), AuditError> {
        let closed = self.audit.close();
        if let Err(error) = self.secure_environment.management.shutdown() {
            tracing::warn!("the Secure Environment: {error}");
        }
        closed
    }
}
