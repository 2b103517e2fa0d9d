//! The service as its manager sees it.

use std::sync::Arc;

use super::{
    SHUT_DOWN, Service, lock,
    partition::{Life, PartitionState},
    write,
};
use crate::{
    Error, Head, Limit, Management, PartitionId, PartitionType, ProtectionLevel, crypto::random,
    management::is_short_name,
};

impl Management for Service {
    fn create_partition(&self, kind: &PartitionType) -> Result<PartitionId, Error> {
        let id = PartitionId(random::array()?);
        self.with_store(|store| {
            if store.partitions().len() >= self.limits.partitions {
                return Err(Error::Limit(Limit::Partitions));
            }
            store.add_partition(id, kind.clone())?;
            let partition = PartitionState::new(id, kind.clone(), &self.limits);
            write(&self.partitions).as_mut().ok_or(SHUT_DOWN)?.insert(id, Arc::new(partition));
            Ok(id)
        })
    }

    fn drop_partition(&self, id: PartitionId) -> Result<(), Error> {
        let partition = self.partition(id)?;
        let mut life = lock(&partition.changes);
        if *life == Life::Dropped {
            return Err(Error::NotFound);
        }
        self.with_store(|store| store.remove_partition(id))?;
        *life = Life::Dropped;
        if let Some(partitions) = write(&self.partitions).as_mut() {
            partitions.remove(&id);
        }
        partition.clear().for_each(drop);
        Ok(())
    }

    fn partitions(&self) -> Result<Vec<(PartitionId, PartitionType)>, Error> {
        self.with_store(|store| Ok(store.partitions().iter().map(|(id, kind)| (*id, kind.clone())).collect()))
    }

    fn record_head(&self, name: &str, head: Head) -> Result<(), Error> {
        if !is_short_name(name) {
            return Err(Error::invalid("a head's name is 1 to 32 characters of `a-z`, `0-9` and `-`"));
        }
        self.with_store(|store| store.record_head(name, head))
    }

    fn head(&self, name: &str) -> Result<Option<Head>, Error> {
        self.with_store(|store| Ok(store.head(name)))
    }

    fn protection(&self) -> ProtectionLevel {
        self.protection
    }

    fn shutdown(&self) -> Result<(), Error> {
        let Some(partitions) = write(&self.partitions).take() else { return Ok(()) };
        let keys = partitions.into_values().flat_map(|partition| partition.clear());
        let settle = |key: Arc<super::Key>| Some((key.stored_name()?.clone(), key.uses.settle()?));
        let used: Vec<_> = keys.filter_map(settle).collect();
        let mut store = lock(&self.store);
        let written = store.as_mut().map_or(Ok(()), |store| store.set_all_used(&used));
        *store = None;
        written
    }
}
