//! The secrets of one handshake, wiped when they are done with.
//!
//! snow does not wipe what it derives: chaining keys, agreed secrets and cipher keys stay behind in freed memory, and the last
//! chaining key gives both transport keys. So snow gets names in their place, and only our primitives look behind them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

/// 32 secret bytes.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// What stands for a secret. No secret and no public value has this form but by a chance of 2^-192.
pub(super) type Name = [u8; 32];

#[derive(Default)]
pub(super) struct Vault(Mutex<HashMap<Name, Secret>>);

impl Vault {
    /// Keeps a secret and gives its name.
    pub(super) fn keep(&self, secret: Secret) -> Name {
        let mut secrets = self.secrets();
        let mut name = [0; 32];
        // A handshake has about ten.
        let number = u64::try_from(secrets.len()).unwrap_or(u64::MAX);
        name.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        secrets.insert(name, secret);
        name
    }

    /// The secret behind a name.
    pub(super) fn secret(&self, name: &[u8]) -> Option<Secret> {
        self.secrets().get(name).cloned()
    }

    /// Wipes them all.
    pub(super) fn clear(&self) {
        self.secrets().clear();
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<Name, Secret>> {
        // An insertion is a single step: what a panicking thread leaves behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Vault {
    pub(super) fn len(&self) -> usize {
        self.secrets().len()
    }

    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.secrets().values().any(|secret| secret.as_slice() == bytes)
    }
}
