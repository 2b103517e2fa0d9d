//! What the node must not forget: its subscription, its unused certificates, and the requests that are on their way.

use std::collections::{BTreeMap, BTreeSet};

use m2m_secure_environment::Bytes;
use serde::{Deserialize, Serialize};

/// The most requests on their way.
pub(crate) const REQUESTS_MAX: usize = 16;

/// The content of the sealed file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// How often the node has started.
    pub(crate) boots: u64,
    /// Successful enrolments.
    pub(crate) enrolments: u64,
    /// Certificates obtained.
    pub(crate) certificates: u64,
    /// Changes of pseudonym.
    pub(crate) changes: u64,
    /// The number of the next key. Grows for ever, so that no alias comes back.
    pub(crate) next_key: u64,
    /// The subscription.
    pub(crate) subscription: Option<Subscription>,
    /// Requests for certificates whose reply was not taken yet.
    pub(crate) requests: Vec<PendingRequest>,
    /// Certificates that were never used.
    pub(crate) held: Vec<HeldCertificate>,
    /// Certificates asked for, by epoch; the quota is the node's, whatever its subscription.
    pub(crate) used: BTreeMap<u32, u32>,
}

/// The subscription and what came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscription {
    /// Alias of the subscription key.
    pub(crate) key: String,
    /// The signed credential.
    pub(crate) credential: Bytes<'static>,
    /// The authenticated time of the reply, seconds since 1970.
    pub(crate) time: u64,
    /// The epoch that the floor was raised to.
    pub(crate) epoch: u32,
    /// The newest trust bundle then.
    pub(crate) bundle_version: u64,
    /// When to enrol again, seconds since 1970.
    pub(crate) renew_at: u64,
}

/// A request for certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingRequest {
    /// Alias of the batch key that the pseudonyms' keys are derived from.
    pub(crate) batch: String,
    /// Alias of the subscription key that it is made under.
    pub(crate) subscription: String,
    /// The service.
    pub(crate) service: u32,
    /// The slots, in the order of the keys.
    pub(crate) slots: Vec<u32>,
    /// What is sent, the same bytes each time.
    pub(crate) sealed: Bytes<'static>,
    /// Encoded [`AwaitingAuthorization`](m2m_trust::authorization::AwaitingAuthorization); has the reply key.
    pub(crate) awaiting: Bytes<'static>,
    /// How often the authority has answered something that is no reply to it.
    pub(crate) rejections: u32,
}

/// A certificate for a pseudonym to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldCertificate {
    /// Alias of its batch key.
    pub(crate) batch: String,
    /// The keys' number in the batch.
    pub(crate) index: u32,
    /// The service.
    pub(crate) service: u32,
    /// The slot.
    pub(crate) slot: u32,
    /// The certificate as it travels.
    pub(crate) certificate: Bytes<'static>,
}

impl State {
    /// The number of a new key.
    pub(crate) fn new_key(&mut self, kind: &str) -> String {
        let number = self.next_key;
        self.next_key = number.saturating_add(1);
        format!("{kind}-{number}")
    }

    /// Takes out an unused certificate. It never comes back.
    pub(crate) fn take(&mut self, service: u32, slot: u32) -> Option<HeldCertificate> {
        let index = self.held.iter().position(|held| held.service == service && held.slot == slot)?;
        Some(self.held.remove(index))
    }

    /// How many unused certificates there are for a slot.
    pub(crate) fn count(&self, service: u32, slot: u32) -> usize {
        self.held.iter().filter(|held| held.service == service && held.slot == slot).count()
    }

    /// Forgets what is over. True where something was.
    pub(crate) fn forget_before(&mut self, slot: u32, epoch: u32) -> bool {
        let before = (self.held.len(), self.requests.len(), self.used.len());
        self.held.retain(|held| held.slot >= slot);
        self.requests.retain(|request| request.slots.iter().any(|&asked| asked >= slot));
        self.used.retain(|&counted, _| counted >= epoch);
        before != (self.held.len(), self.requests.len(), self.used.len())
    }

    /// The keys that are still needed.
    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        let batches = self.requests.iter().map(|request| request.batch.as_str());
        let batches = batches.chain(self.held.iter().map(|held| held.batch.as_str()));
        batches.chain(self.subscription.iter().map(|subscription| subscription.key.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(service: u32, slot: u32, index: u32) -> HeldCertificate {
        let certificate = vec![index as u8].into();
        HeldCertificate { batch: format!("batch-{slot}"), index, service, slot, certificate }
    }

    #[test]
    fn a_certificate_is_taken_once_and_only_for_its_slot() {
        let mut state = State { held: vec![held(7, 3, 0), held(7, 4, 1)], ..State::default() };
        assert_eq!(state.take(7, 3), Some(held(7, 3, 0)));
        assert_eq!(state.take(7, 3), None);
        assert_eq!(state.take(8, 4), None);
        assert_eq!(state.keys().into_iter().collect::<Vec<_>>(), ["batch-4"]);
        assert!(!state.forget_before(4, 0));
        assert!(state.forget_before(5, 0));
        assert!(state.keys().is_empty());
    }

    #[test]
    fn no_alias_comes_back() {
        let mut state = State::default();
        assert_ne!(state.new_key("batch"), state.new_key("batch"));
    }
}
