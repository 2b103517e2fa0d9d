//! The store as the protocol asks it. A question that the store cannot answer is answered so that nothing is granted, and
//! `checked` tells.

use std::cell::RefCell;

use m2m_trust::authorization::{Standing, SubscriptionLog};
use m2m_trust::credential::CredentialId;
use m2m_trust::enrolment::EnrolmentLog;
use m2m_trust::identity::{Digest, Epoch, Seconds};

use crate::store::{MefStore, StoreError};

pub(super) struct Log<'a> {
    store: &'a dyn MefStore,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> Log<'a> {
    pub(super) fn new(store: &'a dyn MefStore) -> Self {
        Self { store, failed: RefCell::new(None) }
    }

    /// The error, where a question had none but this for an answer.
    pub(super) fn checked(self) -> Result<(), StoreError> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn or<T>(&self, answer: Result<T, StoreError>, nothing: T) -> T {
        answer.unwrap_or_else(|error| {
            *self.failed.borrow_mut() = Some(error);
            nothing
        })
    }
}

impl EnrolmentLog for Log<'_> {
    fn issued(&self, challenge: &[u8; 16]) -> Option<Seconds> {
        self.or(self.store.challenge(challenge), None).map(|record| record.issued)
    }

    fn is_spent(&self, challenge: &[u8; 16]) -> bool {
        self.or(self.store.challenge(challenge), None).is_none_or(|record| record.spent)
    }

    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>> {
        self.or(self.store.enrolment_reply(request), None)
    }
}

impl SubscriptionLog for Log<'_> {
    fn stored_answer(&self, query: &Digest) -> Option<Vec<u8>> {
        self.or(self.store.answer(query), None)
    }

    fn standing(&self, id: &CredentialId) -> Standing {
        self.or(self.store.standing(id), Standing::Unknown)
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool {
        self.or(self.store.nonce_seen(epoch, nonce), true)
    }

    fn used(&self, id: &CredentialId, epoch: Epoch) -> u32 {
        self.or(self.store.used(id, epoch), u32::MAX)
    }
}
