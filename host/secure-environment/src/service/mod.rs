//! The service itself: what happens to an operation, whichever way it came.

mod cryptography;
mod key;
mod managing;
mod partition;
mod reserved;
mod session;
mod uses;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    Algorithm, Answer, ByteArray, Clock, Error, HandleId, Limit, Limits, OpenError, Operation, Origin, PartitionId,
    ProtectionLevel, Template, Usage,
    attributes::check_alias,
    crypto::{self, Material, Seed, random},
    signing,
    store::{KeyName, RootKeyError, RootKeyProvider, Storage, Store},
};
use key::{Identity, Key};
use partition::{Life, PartitionState};

/// Keys, partitions and the store under them.
///
/// Locks are taken in this order: a partition's `changes`, a key's count of uses, `store`, `partitions`, a partition's table.
pub(crate) struct Service {
    clock: Arc<dyn Clock>,
    limits: Limits,
    protection: ProtectionLevel,
    next_handle: AtomicU64,
    /// `None` once shut down.
    store: Mutex<Option<Store>>,
    /// `None` once shut down.
    partitions: RwLock<Option<Partitions>>,
}

/// On whose behalf a call comes: the channel knows, a call cannot say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// AEs, and the node for itself.
    User,
    /// The node's privileged module.
    Provisioning,
}

type Partitions = HashMap<PartitionId, Arc<PartitionState>>;

const SHUT_DOWN: Error = Error::unavailable("the secure environment is shut down");

impl Service {
    /// Opens the store, or makes it in an empty folder, and loads every key: afterwards the folder is written, never read.
    pub(crate) fn open(
        storage: Box<dyn Storage>,
        provider: &dyn RootKeyProvider,
        clock: Arc<dyn Clock>,
        limits: Limits,
        protection: ProtectionLevel,
    ) -> Result<Self, OpenError> {
        let (store, keys) = Store::open(storage, provider)?;
        let partitions: Partitions = store
            .partitions()
            .iter()
            .map(|(id, kind)| (*id, Arc::new(PartitionState::new(*id, kind.clone(), &limits))))
            .collect();
        for stored in keys {
            let alias = stored.alias.clone();
            if let Some(partition) = partitions.get(&stored.owner) {
                let key = Key::restore(stored).map_err(|error| RootKeyError::Unavailable(error.to_string()))?;
                partition.insert(alias, key, None);
            }
        }
        Ok(Self {
            clock,
            limits,
            protection,
            next_handle: AtomicU64::new(1),
            store: Mutex::new(Some(store)),
            partitions: RwLock::new(Some(partitions)),
        })
    }

    /// Performs one operation in a partition.
    ///
    /// INVARIANT (roles): provisioning partitions are reached by the provisioning role only, and all others by the other role
    /// only; what is reserved works in the former only.
    pub(crate) fn call(&self, role: Role, id: PartitionId, operation: Operation<'_>) -> Result<Answer, Error> {
        operation.check_size()?;
        if role == Role::User && operation.is_reserved() {
            return Err(Error::Reserved);
        }
        let partition = self.partition(id)?;
        if partition.kind.is_provisioning() != (role == Role::Provisioning) {
            return Err(Error::NotFound);
        }
        if !operation.only_frees() {
            partition.rate.take(self.clock.monotonic())?;
        }
        self.perform(&partition, operation)
    }

    fn perform(&self, partition: &PartitionState, operation: Operation<'_>) -> Result<Answer, Error> {
        match operation {
            Operation::Generate { alias, template } => self.generate(partition, &alias, template),
            Operation::Open { alias } => {
                let handle = self.new_handle();
                partition.open(&alias, handle, &self.limits).map(|()| Answer::Key(handle))
            }
            Operation::Aliases => Ok(Answer::Aliases(partition.aliases())),
            Operation::Close { key } => partition.close(key).map(|()| Answer::Done),
            Operation::Attributes { key } => {
                partition.key(key).map(|key| Answer::Attributes(key.attributes(self.protection)))
            }
            Operation::PublicKey { key } => {
                let public = partition.key(key)?.versions().newest().public();
                let public = public.ok_or(Error::invalid("a key of this algorithm has no public key of 32 bytes"))?;
                Ok(Answer::Bytes32(ByteArray(public)))
            }
            Operation::Sign { key, context, message } => {
                let key = self.usable(partition, key, Usage::SIGN)?;
                let signature = cryptography::sign(&key, &partition.kind, &context, &message)?;
                Ok(Answer::Signature(ByteArray(signature)))
            }
            Operation::Encrypt { key, aad, plaintext } => {
                let key = self.usable(partition, key, Usage::ENCRYPT)?;
                cryptography::encrypt(&key, &aad, &plaintext).map(bytes)
            }
            Operation::Decrypt { key, aad, ciphertext } => {
                let key = self.usable(partition, key, Usage::DECRYPT)?;
                cryptography::decrypt(&key, &aad, &ciphertext).map(bytes)
            }
            Operation::Unseal { key, info, aad, sealed } => {
                let key = self.usable(partition, key, Usage::UNSEAL)?;
                cryptography::unseal(&key, &info, &aad, &sealed).map(bytes)
            }
            Operation::Agree { key, peer, info, template } => {
                self.child(partition, key, Usage::AGREE, &template, |key, algorithm| {
                    cryptography::agree(key, &peer.0, &info, algorithm)
                })
            }
            Operation::Derive { key, info, template } => {
                self.child(partition, key, Usage::DERIVE, &template, |key, algorithm| {
                    cryptography::derive(key, &info, algorithm)
                })
            }
            Operation::Mac { key, message } => {
                let key = self.usable(partition, key, Usage::MAC)?;
                cryptography::mac(&key, &message).map(|tag| Answer::Bytes32(ByteArray(tag)))
            }
            Operation::VerifyMac { key, message, tag } => {
                let key = self.usable(partition, key, Usage::MAC)?;
                cryptography::verify_mac(&key, &message, &tag.0).map(Answer::Verdict)
            }
            Operation::Rotate { key } => self.rotate(partition, key),
            Operation::Destroy { key } => self.destroy(partition, key),
            Operation::Attest { key, .. } => {
                partition.key(key)?.permits(Usage::ATTEST)?;
                Err(Error::unavailable("no attestation: this secure environment binds keys to no state"))
            }
            Operation::Verify { public_key, context, message, signature } => {
                let public = &public_key.0;
                signing::verify_signature(&partition.kind, public, &context, &message, &signature.0)
                    .map(Answer::Verdict)
            }
            Operation::Seal { public_key, info, aad, plaintext } => {
                crypto::hpke::seal(&public_key.0, &info, &aad, &plaintext).map(bytes)
            }
            Operation::Random { bytes: count } => {
                let mut random = vec![0; count as usize];
                random::fill(&mut random)?;
                Ok(bytes(random))
            }
            reserved => self.perform_reserved(partition, reserved),
        }
    }

    fn generate(&self, partition: &PartitionState, alias: &str, template: Template) -> Result<Answer, Error> {
        check_alias(alias)?;
        check_reserved(partition, &template)?;
        template.check(self.clock.wall_seconds())?;
        let life = lock(&partition.changes);
        if *life == Life::Dropped {
            return Err(Error::NotFound);
        }
        partition.check_new(alias, &self.limits)?;
        let name = KeyName(partition.id, alias.to_owned());
        let key = Key::new(Identity::Named(name), template, Origin::Generated, &random::seed()?)?;
        self.write_key(&key, &key.versions())?;
        let handle = self.new_handle();
        partition.insert(alias.to_owned(), key, Some(handle));
        Ok(Answer::Key(handle))
    }

    fn rotate(&self, partition: &PartitionState, handle: HandleId) -> Result<Answer, Error> {
        let _life = lock(&partition.changes);
        let key = partition.key(handle)?;
        key.permits(Usage::ROTATE)?;
        key.lives(self.clock.wall_seconds())?;
        let versions = key.versions();
        if versions.number() as usize >= self.limits.versions {
            return Err(Error::Limit(Limit::Versions));
        }
        let rotated = versions.and(Material::new(key.template.algorithm, &random::seed()?)?);
        let number = rotated.number();
        self.write_key(&key, &rotated)?;
        key.replace_versions(rotated);
        Ok(Answer::Version(number))
    }

    fn destroy(&self, partition: &PartitionState, handle: HandleId) -> Result<Answer, Error> {
        let _life = lock(&partition.changes);
        let key = partition.key(handle)?;
        key.permits(Usage::DESTROY)?;
        if let Some(name) = key.stored_name() {
            self.with_store(|store| store.remove_key(name))?;
        }
        partition.remove(&key);
        Ok(Answer::Done)
    }

    fn child(
        &self,
        partition: &PartitionState,
        parent: HandleId,
        usage: Usage,
        template: &Template,
        seed: impl FnOnce(&Key, Algorithm) -> Result<Seed, Error>,
    ) -> Result<Answer, Error> {
        let parent = partition.key(parent)?;
        parent.permits(usage)?;
        check_reserved(partition, template)?;
        let template = parent.template.child(template, self.clock.wall_seconds())?;
        self.count_use(&parent)?;
        let seed = seed(&parent, template.algorithm)?;
        let key = if usage == Usage::AGREE {
            Key::new(Identity::Unnamed, template, Origin::Agreed, &seed)?
        } else {
            Key::new(Identity::Unnamed, template, Origin::Derived, &seed)?.derived_from(&parent)
        };
        let handle = self.new_handle();
        partition.open_unnamed(key, handle, &self.limits).map(|()| Answer::Key(handle))
    }

    /// The key, if it may be used for this now; the use is counted.
    fn usable(&self, partition: &PartitionState, handle: HandleId, usage: Usage) -> Result<Arc<Key>, Error> {
        let key = partition.key(handle)?;
        key.permits(usage)?;
        self.count_use(&key)?;
        Ok(key)
    }

    fn count_use(&self, key: &Key) -> Result<(), Error> {
        if key.template.not_after.is_some() {
            key.lives(self.clock.wall_seconds())?;
        }
        key.uses.take(|count| match key.stored_name() {
            Some(name) => self.with_store(|store| store.set_used(name, count)),
            None => Ok(()),
        })
    }

    fn write_key(&self, key: &Key, versions: &key::Versions) -> Result<(), Error> {
        match key.stored_name() {
            Some(name) => self.with_store(|store| store.put_key(key.to_stored(name, versions))),
            None => Ok(()),
        }
    }

    fn with_store<T>(&self, change: impl FnOnce(&mut Store) -> Result<T, Error>) -> Result<T, Error> {
        lock(&self.store).as_mut().ok_or(SHUT_DOWN).and_then(change)
    }

    fn partition(&self, id: PartitionId) -> Result<Arc<PartitionState>, Error> {
        let partitions = read(&self.partitions);
        let partitions = partitions.as_ref().ok_or(SHUT_DOWN)?;
        partitions.get(&id).map(Arc::clone).ok_or(Error::NotFound)
    }

    fn new_handle(&self) -> HandleId {
        HandleId(self.next_handle.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
impl Service {
    pub(crate) fn secrets(&self) -> Vec<[u8; 32]> {
        let partitions = read(&self.partitions);
        let keys = partitions.iter().flatten().flat_map(|(_, partition)| partition.keys());
        keys.flat_map(|key| key.versions().seeds()).map(|seed| *seed).collect()
    }
}

/// INVARIANT (roles): no key outside a provisioning partition ever has what is reserved, nor can a child of it.
fn check_reserved(partition: &PartitionState, template: &Template) -> Result<(), Error> {
    let allowed = partition.kind.is_provisioning() || !template.is_reserved();
    if allowed { Ok(()) } else { Err(Error::Reserved) }
}

fn bytes(bytes: Vec<u8>) -> Answer {
    Answer::Bytes(bytes.into())
}

// Every change under these locks is a single step, so what a panicking thread leaves behind is whole.

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
