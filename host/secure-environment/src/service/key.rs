//! A key in memory.

use std::sync::{Arc, RwLock, Weak};

use super::{read, uses::Uses, write};
use crate::{
    Attributes, Error, Origin, PartitionId, ProtectionLevel, Template, Usage,
    crypto::{Material, Seed},
    store::{KeyName, StoredKey},
};

/// A key with all its versions. Wiped when the last user lets go of it.
pub(crate) struct Key {
    pub(crate) identity: Identity,
    pub(crate) template: Template,
    pub(crate) origin: Origin,
    pub(crate) uses: Uses,
    versions: RwLock<Arc<Versions>>,
    /// The key that it was derived from, and all before that.
    ancestors: Vec<Weak<Key>>,
}

/// Whose key it is.
pub(crate) enum Identity {
    /// Made by `generate` in a partition; found under an alias there.
    Named(KeyName),
    /// Agreed or derived: there is nothing but the handle.
    Unnamed,
}

/// The versions of a key: at least one.
pub(crate) struct Versions {
    older: Vec<Arc<Material>>,
    newest: Arc<Material>,
}

impl Key {
    pub(crate) fn new(identity: Identity, template: Template, origin: Origin, seed: &Seed) -> Result<Self, Error> {
        let newest = Arc::new(Material::new(template.algorithm, seed)?);
        let versions = Versions { older: Vec::new(), newest };
        Ok(Self::with(identity, template, origin, 0, versions))
    }

    pub(crate) fn restore(stored: StoredKey) -> Result<Self, Error> {
        let algorithm = stored.template.algorithm;
        let material = stored.seeds.iter().map(|seed| Material::new(algorithm, seed).map(Arc::new));
        let mut older = material.collect::<Result<Vec<_>, _>>()?;
        let newest = older.pop().ok_or(Error::unavailable("a stored key without a version"))?;
        let identity = Identity::Named(KeyName(stored.owner, stored.alias));
        Ok(Self::with(identity, stored.template, stored.origin, stored.used, Versions { older, newest }))
    }

    fn with(identity: Identity, template: Template, origin: Origin, used: u64, versions: Versions) -> Self {
        let uses = Uses::new(template.max_uses, used);
        Self { identity, template, origin, uses, versions: RwLock::new(Arc::new(versions)), ancestors: Vec::new() }
    }

    /// The same key, known to be derived from `parent`.
    pub(crate) fn derived_from(mut self, parent: &Arc<Self>) -> Self {
        self.ancestors = parent.ancestors.iter().cloned().chain([Arc::downgrade(parent)]).collect();
        self
    }

    /// The key that it was derived from: to be compared, never followed.
    pub(crate) fn parent(&self) -> Option<*const Self> {
        self.ancestors.last().map(Weak::as_ptr)
    }

    /// Whether it was derived from `other`, directly or not.
    pub(crate) fn is_derived_from(&self, other: &Arc<Self>) -> bool {
        self.ancestors.iter().any(|ancestor| std::ptr::eq(ancestor.as_ptr(), Arc::as_ptr(other)))
    }

    /// The versions as they are now.
    pub(crate) fn versions(&self) -> Arc<Versions> {
        Arc::clone(&read(&self.versions))
    }

    /// Puts other versions in their place, for every handle.
    pub(crate) fn replace_versions(&self, versions: Versions) {
        *write(&self.versions) = Arc::new(versions);
    }

    /// The name under which the store keeps it, if it does.
    pub(crate) fn stored_name(&self) -> Option<&KeyName> {
        match &self.identity {
            Identity::Named(name) if self.template.persistent => Some(name),
            _ => None,
        }
    }

    /// What the store is to keep when the key has these versions.
    pub(crate) fn to_stored(&self, name: &KeyName, versions: &Versions) -> StoredKey {
        let KeyName(owner, alias): &KeyName = name;
        let owner: PartitionId = *owner;
        StoredKey {
            owner,
            alias: alias.clone(),
            template: self.template.clone(),
            origin: self.origin,
            seeds: versions.seeds(),
            used: 0,
        }
    }

    pub(crate) fn attributes(&self, protection: ProtectionLevel) -> Attributes {
        let alias = match &self.identity {
            Identity::Named(name) => Some(name.1.clone()),
            Identity::Unnamed => None,
        };
        let version = self.versions().number();
        Attributes { alias, version, template: self.template.clone(), origin: self.origin, protection }
    }

    /// Refuses a use that the key was not made for.
    pub(crate) fn permits(&self, usage: Usage) -> Result<(), Error> {
        if self.template.usage.contains(usage) { Ok(()) } else { Err(Error::NotPermitted(usage)) }
    }

    /// Refuses a key whose life has ended; `now` in seconds since 1970.
    pub(crate) fn lives(&self, now: u64) -> Result<(), Error> {
        if self.template.not_after.is_some_and(|end| now >= end) { Err(Error::Expired) } else { Ok(()) }
    }
}

impl Versions {
    pub(crate) fn newest(&self) -> &Material {
        &self.newest
    }

    /// The number of the newest, from 1.
    pub(crate) fn number(&self) -> u32 {
        u32::try_from(self.older.len()).unwrap_or(u32::MAX - 1) + 1
    }

    /// The version with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Material> {
        if number == self.number() {
            return Some(&self.newest);
        }
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.older.get(index).map(Arc::as_ref)
    }

    /// All, newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Material> {
        std::iter::once(&self.newest).chain(self.older.iter().rev()).map(Arc::as_ref)
    }

    /// These and a newer one.
    pub(crate) fn and(&self, newer: Material) -> Self {
        let older = self.older.iter().chain([&self.newest]).map(Arc::clone).collect();
        Self { older, newest: Arc::new(newer) }
    }

    /// Oldest first.
    pub(crate) fn seeds(&self) -> Vec<Seed> {
        self.older.iter().chain([&self.newest]).map(|material| material.seed()).collect()
    }
}
