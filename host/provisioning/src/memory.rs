//! The state with what is known about it, and the one way to change it.

use std::collections::HashMap;

use m2m_trust::credential::SubscriptionCredential;
use m2m_trust::identity::ServiceId;

use crate::files::Files;
use crate::keys::Keys;
use crate::sealed::{SealedState, StateError};
use crate::state::State;

/// The state in memory and on disk.
pub(crate) struct Memory {
    state: State,
    sealed: SealedState,
    /// The last write failed: what the file says may be the state before it or after it.
    unsure: bool,
    /// What the subscription credential says; `None` where there is none that the trust bundle accepts.
    pub(crate) claims: Option<SubscriptionCredential>,
    /// An authority says that the subscription is no good.
    pub(crate) subscription_refused: bool,
    /// How often one said so since the last certificates.
    pub(crate) refusals: u32,
    /// The batch keys behind the pseudonyms in use.
    pub(crate) in_use: HashMap<ServiceId, String>,
}

impl Memory {
    pub(crate) fn new(state: State, sealed: SealedState) -> Self {
        Self {
            state,
            sealed,
            unsure: false,
            claims: None,
            subscription_refused: false,
            refusals: 0,
            in_use: HashMap::new(),
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// A name for a new key. It is taken for good with the next change; until then a cut leaves a key that the next start destroys.
    pub(crate) fn new_key(&mut self, kind: &str) -> String {
        self.state.new_key(kind)
    }

    /// Changes the state. It is durable before this returns; where it cannot be written, nothing is changed.
    pub(crate) fn change<T>(
        &mut self,
        files: &dyn Files,
        keys: &Keys,
        change: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StateError> {
        let mut next = self.state.clone();
        let outcome = change(&mut next);
        self.unsure = true;
        self.sealed.write(&next, files, keys)?;
        self.unsure = false;
        self.state = next;
        Ok(outcome)
    }

    /// Destroys the keys that nothing needs any more, neither here nor in the file.
    pub(crate) fn destroy_unneeded(&self, keys: &Keys) -> Result<(), StateError> {
        if self.unsure {
            return Ok(());
        }
        let needed = self.state.keys();
        Ok(keys.destroy_unless(|alias| needed.contains(alias) || self.in_use.values().any(|batch| batch == alias))?)
    }
}
