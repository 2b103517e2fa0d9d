//! The store as the protocol asks it. A question that the store cannot answer is answered so that nothing is granted, and
//! `checked` tells.

use std::cell::RefCell;

use m2m_trust::authorization::AuthorizationLog;
use m2m_trust::identity::{Digest, Epoch};

use crate::store::{AaStore, StoreError};

pub(super) struct Log<'a> {
    store: &'a dyn AaStore,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> Log<'a> {
    pub(super) fn new(store: &'a dyn AaStore) -> Self {
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

impl AuthorizationLog for Log<'_> {
    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>> {
        self.or(self.store.reply(request), None)
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool {
        self.or(self.store.nonce_seen(epoch, nonce), true)
    }
}
