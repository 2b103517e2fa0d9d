//! The Secure Environment in the process that uses it: for unit tests, and for boards too small for a second process.

use std::sync::Arc;

use cap_std::fs::Dir;

use crate::{
    Answer, Channel, Clock, Error, Limits, Management, OpenError, Operation, PartitionId, ProtectionLevel,
    RootKeyProvider, Storage,
    service::{Role, Service},
    store::Folder,
};

/// The service behind its three roles. Keys are protected from AEs by the sandbox alone, and [`ProtectionLevel::InProcess`] says
/// so.
pub struct InProcess {
    service: Arc<Service>,
}

impl InProcess {
    /// Opens the store in `dir`, or makes one if `dir` is empty, with the default [`Limits`].
    ///
    /// # Errors
    /// [`OpenError`]; the folder is then as it was.
    pub fn open(dir: Dir, root_key: &dyn RootKeyProvider, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_on(Box::new(Folder::open(dir)?), root_key, clock, Limits::default())
    }

    /// The same on any storage and with other limits.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_on(
        storage: Box<dyn Storage>,
        root_key: &dyn RootKeyProvider,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let service = Service::open(storage, root_key, clock, limits, ProtectionLevel::InProcess)?;
        Ok(Self { service: Arc::new(service) })
    }

    /// The role of those who use keys: all partitions but provisioning ones.
    #[must_use]
    pub fn channel(&self) -> Arc<dyn Channel> {
        Arc::new(InProcessChannel { service: Arc::clone(&self.service), role: Role::User })
    }

    /// The role of the node's privileged module: partitions of [`PartitionType::provisioning`](crate::PartitionType::provisioning),
    /// and nothing else.
    #[must_use]
    pub fn provisioning(&self) -> Arc<dyn Channel> {
        Arc::new(InProcessChannel { service: Arc::clone(&self.service), role: Role::Provisioning })
    }

    /// The role of whoever starts the node.
    #[must_use]
    pub fn management(&self) -> Arc<dyn Management> {
        Arc::clone(&self.service) as Arc<dyn Management>
    }
}

#[cfg(test)]
impl InProcess {
    /// Every secret in memory now, for tests that look for them elsewhere.
    pub(crate) fn secrets(&self) -> Vec<[u8; 32]> {
        self.service.secrets()
    }
}

struct InProcessChannel {
    service: Arc<Service>,
    role: Role,
}

impl Channel for InProcessChannel {
    fn call(&self, partition: PartitionId, operation: Operation<'_>) -> Result<Answer, Error> {
        self.service.call(self.role, partition, operation)
    }
}
