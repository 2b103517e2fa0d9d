//! One owner's keys and handles in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, RwLock},
};

use super::{key::Key, read, session::Session, write};
use crate::{Error, HandleId, Limit, Limits, PartitionId, PartitionType, SessionId, limits::Rate};

/// A partition. Looking a handle up takes a lock that is never held while anything is computed or written.
pub(crate) struct PartitionState {
    pub(crate) id: PartitionId,
    pub(crate) kind: PartitionType,
    pub(crate) rate: Rate,
    /// Held while the set of keys or a key's versions change, so that the check before and the change after see the same.
    pub(crate) changes: Mutex<Life>,
    table: RwLock<Table>,
}

/// Whether a partition may still get keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    Dropped,
}

#[derive(Default)]
struct Table {
    aliases: BTreeMap<String, Arc<Key>>,
    handles: HashMap<HandleId, Arc<Key>>,
    sessions: HashMap<SessionId, Arc<Session>>,
}

impl PartitionState {
    pub(crate) fn new(id: PartitionId, kind: PartitionType, limits: &Limits) -> Self {
        Self {
            id,
            kind,
            rate: Rate::new(limits.operations_per_second),
            changes: Mutex::new(Life::Live),
            table: RwLock::default(),
        }
    }

    /// INVARIANT (handle ownership): a handle resolves only in its own partition.
    pub(crate) fn key(&self, handle: HandleId) -> Result<Arc<Key>, Error> {
        read(&self.table).handles.get(&handle).map(Arc::clone).ok_or(Error::NotFound)
    }

    /// Opens a handle for the key under an alias.
    pub(crate) fn open(&self, alias: &str, handle: HandleId, limits: &Limits) -> Result<(), Error> {
        let mut table = write(&self.table);
        let key = table.aliases.get(alias).map(Arc::clone).ok_or(Error::NotFound)?;
        table.open(key, handle, limits)
    }

    /// Opens the only handle of an unnamed key. In a provisioning partition it must not come after the end of what it was
    /// derived from.
    pub(crate) fn open_unnamed(&self, key: Key, handle: HandleId, limits: &Limits) -> Result<(), Error> {
        let mut table = write(&self.table);
        if self.kind.is_provisioning() && key.parent().is_some_and(|parent| !table.is_open(parent)) {
            return Err(Error::NotFound);
        }
        table.open(Arc::new(key), handle, limits)
    }

    /// Refuses a new named key where there is no room or the alias is taken.
    pub(crate) fn check_new(&self, alias: &str, limits: &Limits) -> Result<(), Error> {
        let table = read(&self.table);
        if table.aliases.contains_key(alias) {
            return Err(Error::Exists);
        }
        if table.aliases.len() >= limits.keys {
            return Err(Error::Limit(Limit::Keys));
        }
        table.check_room(limits)
    }

    /// Puts a named key in, with a first handle if it is new.
    pub(crate) fn insert(&self, alias: String, key: Key, handle: Option<HandleId>) {
        let key = Arc::new(key);
        let mut table = write(&self.table);
        if let Some(handle) = handle {
            table.handles.insert(handle, Arc::clone(&key));
        }
        table.aliases.insert(alias, key);
    }

    /// Closes a handle; a volatile key ends with its last one.
    pub(crate) fn close(&self, handle: HandleId) -> Result<(), Error> {
        let mut table = write(&self.table);
        let key = table.handles.remove(&handle).ok_or(Error::NotFound)?;
        let open_elsewhere = |table: &Table| table.handles.values().any(|other| Arc::ptr_eq(other, &key));
        if !key.template.persistent && !open_elsewhere(&table) {
            table.aliases.retain(|_, other| !Arc::ptr_eq(other, &key));
            table.sessions.retain(|_, session| !Arc::ptr_eq(&session.key, &key));
        }
        Ok(())
    }

    /// Takes a key out with all its handles and sessions; in a provisioning partition also what was derived from it, so that a
    /// batch of pseudonyms ends at once.
    pub(crate) fn remove(&self, key: &Arc<Key>) {
        let with_children = self.kind.is_provisioning();
        let ends = |other: &Arc<Key>| Arc::ptr_eq(other, key) || (with_children && other.is_derived_from(key));
        let mut table = write(&self.table);
        table.handles.retain(|_, other| !ends(other));
        table.aliases.retain(|_, other| !ends(other));
        table.sessions.retain(|_, session| !ends(&session.key));
    }

    /// Takes all keys out.
    pub(crate) fn clear(&self) -> impl Iterator<Item = Arc<Key>> + use<> {
        std::mem::take(&mut *write(&self.table)).aliases.into_values()
    }

    /// Opens a session, unless its key has ended meanwhile.
    pub(crate) fn open_session(&self, id: SessionId, session: Session, limits: &Limits) -> Result<(), Error> {
        let mut table = write(&self.table);
        if !table.is_open(Arc::as_ptr(&session.key)) {
            return Err(Error::NotFound);
        }
        if table.sessions.len() >= limits.sessions {
            return Err(Error::Limit(Limit::Sessions));
        }
        table.sessions.insert(id, Arc::new(session));
        Ok(())
    }

    /// INVARIANT (handle ownership) holds for sessions too.
    pub(crate) fn session(&self, id: SessionId) -> Result<Arc<Session>, Error> {
        read(&self.table).sessions.get(&id).map(Arc::clone).ok_or(Error::NotFound)
    }

    /// Ends a session.
    pub(crate) fn end_session(&self, id: SessionId) -> Result<(), Error> {
        write(&self.table).sessions.remove(&id).map(drop).ok_or(Error::NotFound)
    }

    pub(crate) fn aliases(&self) -> Vec<String> {
        read(&self.table).aliases.keys().cloned().collect()
    }
}

#[cfg(test)]
impl PartitionState {
    pub(crate) fn keys(&self) -> Vec<Arc<Key>> {
        let table = read(&self.table);
        table.aliases.values().chain(table.handles.values()).map(Arc::clone).collect()
    }
}

impl Table {
    fn open(&mut self, key: Arc<Key>, handle: HandleId, limits: &Limits) -> Result<(), Error> {
        self.check_room(limits)?;
        self.handles.insert(handle, key);
        Ok(())
    }

    fn is_open(&self, key: *const Key) -> bool {
        self.handles.values().any(|other| std::ptr::eq(Arc::as_ptr(other), key))
    }

    fn check_room(&self, limits: &Limits) -> Result<(), Error> {
        if self.handles.len() >= limits.handles { Err(Error::Limit(Limit::Handles)) } else { Ok(()) }
    }
}
