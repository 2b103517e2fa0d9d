//! The sealed store: what outlives the process.
//!
//! | file | holds |
//! |---|---|
//! | `store` | the store's id, and what the root key provider needs; written once |
//! | `manifest` | partitions, the digest of every key's record, names of heads, counters, and an epoch that counts changes |
//! | `key-…` | one key: [`record`] |
//! | `head-…` | one head |
//! | `lock` | nothing: it is locked while the store is open |
//!
//! INVARIANT (before or after): a change happens in the rename of the manifest. A record is durable under a name that no manifest
//! knows before that, and what the new manifest no longer names is removed after it; so a cut at any point leaves the state before
//! the change or the one after it. Leftovers are removed when the store is opened next.
//!
//! INVARIANT (no resurrection): a record counts only if the manifest names it with its digest.
//!
//! A manifest that is put back alone is noticed where a record or a head is newer. What cannot be noticed is a folder that is put
//! back as a whole to an earlier state, or a head alone; that takes a counter outside of the disk.

mod file;
mod folder;
mod manifest;
mod opening;
mod record;
mod root_key;
mod storage;

use std::{collections::BTreeMap, io};

use sha2::{Digest, Sha256};

pub(crate) use folder::Folder;
pub(crate) use manifest::KeyName;
pub use root_key::{Credential, Passphrase, PassphraseCost, RootKey, RootKeyError, RootKeyProvider};
pub use storage::Storage;

use crate::{
    ByteArray, Error, Head, Limit, Origin, PartitionId, PartitionType, Template,
    crypto::{Seed, hmac},
};
use file::Kind;
use manifest::{Entry, HeadFile, Manifest};
use record::{Header, Record};

/// Most names for heads.
const HEADS_MAX: usize = 64;

const MANIFEST: &str = "manifest";
const HEADER: &str = "store";

/// The store, open. All changes go through one at a time.
pub(crate) struct Store {
    storage: Box<dyn Storage>,
    id: [u8; 16],
    root: RootKey,
    manifest_key: hmac::Key,
    manifest: Manifest,
    heads: BTreeMap<String, Head>,
    /// Set once nobody can tell which manifest the disk holds: see [`Self::commit`].
    uncertain: bool,
}

/// A key as the store keeps it.
pub(crate) struct StoredKey {
    pub(crate) owner: PartitionId,
    pub(crate) alias: String,
    pub(crate) template: Template,
    pub(crate) origin: Origin,
    /// Every version, oldest first; at least one.
    pub(crate) seeds: Vec<Seed>,
    /// Uses that are used up or handed out in advance, as read; a key that is written keeps its count.
    pub(crate) used: u64,
}

/// How far a replaced file got.
enum Cut {
    /// The old file is there.
    Before(io::Error),
    /// The old one or the new one is there, and only a restart can tell.
    Unknown(io::Error),
}

impl Store {
    pub(crate) fn partitions(&self) -> &BTreeMap<PartitionId, PartitionType> {
        &self.manifest.partitions
    }

    pub(crate) fn add_partition(&mut self, id: PartitionId, kind: PartitionType) -> Result<(), Error> {
        self.commit(|manifest, _| manifest.partitions.insert(id, kind))
    }

    /// Removes a partition and all its keys.
    pub(crate) fn remove_partition(&mut self, id: PartitionId) -> Result<(), Error> {
        self.commit(|manifest, _| {
            manifest.partitions.remove(&id);
            manifest.keys.retain(|name, _| name.0 != id);
            manifest.counters.remove(&id);
        })
    }

    /// Writes a key that is new or has changed.
    pub(crate) fn put_key(&mut self, key: StoredKey) -> Result<(), Error> {
        // The file is named after the next epoch, and an uncertain manifest may name that file already.
        self.check_certain()?;
        let epoch = self.manifest.epoch + 1;
        let version = u32::try_from(key.seeds.len()).map_err(|_| Error::Limit(Limit::Versions))?;
        let name = KeyName(key.owner, key.alias.clone());
        let header = Header {
            store: ByteArray(self.id),
            epoch,
            owner: key.owner,
            alias: key.alias,
            version,
            template: key.template,
            origin: key.origin,
        };
        let bytes = Record { header, seeds: key.seeds }.seal(&self.root)?;
        // Until a manifest names it, the file counts for nothing: whichever way this fails, it is the state before.
        self.replace(&manifest::key_file(epoch), &bytes).map_err(|cut| not_written("a key", cut))?;
        let digest = ByteArray(Sha256::digest(&bytes).into());
        self.commit(|manifest, epoch| {
            let used = manifest.keys.get(&name).map_or(0, |entry| entry.used);
            manifest.keys.insert(name, Entry { epoch, digest, used })
        })
    }

    pub(crate) fn remove_key(&mut self, name: &KeyName) -> Result<(), Error> {
        self.commit(|manifest, _| manifest.keys.remove(name))
    }

    /// Sets the number of uses of a key.
    pub(crate) fn set_used(&mut self, name: &KeyName, used: u64) -> Result<(), Error> {
        if !self.manifest.keys.contains_key(name) {
            return Err(Error::NotFound);
        }
        self.commit(|manifest, _| manifest.keys.get_mut(name).map(|entry| entry.used = used))
    }

    /// Sets the uses of many keys in one change.
    pub(crate) fn set_all_used(&mut self, used: &[(KeyName, u64)]) -> Result<(), Error> {
        if used.is_empty() {
            return Ok(());
        }
        self.commit(|manifest, _| {
            for (name, used) in used {
                manifest.keys.get_mut(name).into_iter().for_each(|entry| entry.used = *used);
            }
        })
    }

    /// A partition's counters.
    pub(crate) fn counters(&self, id: PartitionId) -> BTreeMap<String, u64> {
        self.manifest.counters.get(&id).cloned().unwrap_or_default()
    }

    /// Puts other values in their place, in one change. That none goes back has been checked.
    pub(crate) fn set_counters(&mut self, id: PartitionId, counters: BTreeMap<String, u64>) -> Result<(), Error> {
        self.commit(|manifest, _| manifest.counters.insert(id, counters))
    }

    pub(crate) fn head(&self, name: &str) -> Option<Head> {
        self.heads.get(name).copied()
    }

    /// INVARIANT (a head never goes back).
    pub(crate) fn record_head(&mut self, name: &str, head: Head) -> Result<(), Error> {
        match self.head(name) {
            Some(kept) if kept == head => return Ok(()),
            Some(kept) if head.seq <= kept.seq => {
                return Err(Error::invalid("the head's number must be greater than the one kept"));
            }
            None if self.heads.len() >= HEADS_MAX => return Err(Error::Limit(Limit::Heads)),
            _ => {}
        }
        let new = !self.manifest.heads.contains(name);
        if new {
            self.check_certain()?;
        }
        let file = manifest::head_file(name);
        let key = file::mac_key(&self.root, &self.id, &file)?;
        let bytes = file::write(&key, Kind::Head, &HeadFile { head, epoch: self.manifest.epoch })?;
        self.replace(&file, &bytes).map_err(|cut| not_written("a head", cut))?;
        if new {
            self.commit(|manifest, _| manifest.heads.insert(name.to_owned()))?;
        }
        self.heads.insert(name.to_owned(), head);
        Ok(())
    }

    /// Makes a change happen: durable once this returns ok, and not made when it returns an error, with one exception. When the
    /// rename of the manifest could not be made durable, the disk may hold either; then no further change is taken, so that
    /// nothing is built on a state that a restart could undo.
    fn commit<T>(&mut self, change: impl FnOnce(&mut Manifest, u64) -> T) -> Result<(), Error> {
        self.check_certain()?;
        let mut next = self.manifest.clone();
        next.epoch += 1;
        let epoch = next.epoch;
        change(&mut next, epoch);
        let bytes = file::write(&self.manifest_key, Kind::Manifest, &next)?;
        self.replace(MANIFEST, &bytes).map_err(|cut| {
            self.uncertain = matches!(cut, Cut::Unknown(_));
            not_written(MANIFEST, cut)
        })?;
        let before = std::mem::replace(&mut self.manifest, next);
        self.remove_obsolete(&before);
        Ok(())
    }

    fn check_certain(&self) -> Result<(), Error> {
        if self.uncertain {
            return Err(Error::unavailable(
                "the store takes no changes, since an earlier one could not be made durable: restart to continue",
            ));
        }
        Ok(())
    }

    /// Replaces a file in one durable step.
    fn replace(&self, file: &str, bytes: &[u8]) -> Result<(), Cut> {
        let temporary = format!("{file}.tmp");
        let written = self.storage.write(&temporary, bytes).and_then(|()| self.storage.sync(&temporary));
        if let Err(error) = written {
            // On a full disk, what was written of it takes the space that is needed. If this fails too, opening removes it.
            let _ = self.storage.remove(&temporary);
            return Err(Cut::Before(error));
        }
        if let Err(error) = self.storage.rename(&temporary, file) {
            return Err(self.after_failed_rename(file, bytes, error));
        }
        self.storage.sync_folder().map_err(Cut::Unknown)
    }

    /// A rename that fails has not happened, on most file systems: look, since a full disk should not end all changes.
    fn after_failed_rename(&self, file: &str, bytes: &[u8], error: io::Error) -> Cut {
        match self.storage.read(file, u64::MAX) {
            Ok(now) if now != bytes => Cut::Before(error),
            Err(now) if now.kind() == io::ErrorKind::NotFound => Cut::Before(error),
            _ => Cut::Unknown(error),
        }
    }

    /// Removes the records that the new manifest no longer names. If that fails, opening does it.
    fn remove_obsolete(&self, before: &Manifest) {
        for (name, entry) in &before.keys {
            if self.manifest.keys.get(name).map(|now| now.epoch) != Some(entry.epoch) {
                let _ = self.storage.remove(&manifest::key_file(entry.epoch));
            }
        }
    }
}

fn not_written(what: &str, (Cut::Before(error) | Cut::Unknown(error)): Cut) -> Error {
    Error::Unavailable(format!("the store cannot write {what}: {error}").into())
}
