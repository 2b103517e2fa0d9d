//! Verified certificates of other nodes, found by digest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::certificate::Certificate;
use crate::identity::{Digest, KeyId};

const CERTIFICATES_MAX: usize = 4096;

/// The oldest go first when it is full.
#[derive(Debug, Default)]
pub(super) struct CertificateCache {
    // Two certificates may share eight bytes, by chance or on purpose.
    by_id: HashMap<KeyId, Vec<Arc<Certificate>>>,
    order: VecDeque<Digest>,
}

impl CertificateCache {
    pub(super) fn candidates(&self, id: &KeyId) -> Vec<Arc<Certificate>> {
        self.by_id.get(id).cloned().unwrap_or_default()
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Certificate>> {
        self.by_id.get(&digest.key_id())?.iter().find(|certificate| certificate.digest() == *digest).cloned()
    }

    pub(super) fn insert(&mut self, certificate: Arc<Certificate>) {
        let digest = certificate.digest();
        if self.get(&digest).is_some() {
            return;
        }
        if self.order.len() >= CERTIFICATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(&oldest);
        }
        self.order.push_back(digest);
        self.by_id.entry(digest.key_id()).or_default().push(certificate);
    }

    fn remove(&mut self, digest: &Digest) {
        if let Some(sharing) = self.by_id.get_mut(&digest.key_id()) {
            sharing.retain(|certificate| certificate.digest() != *digest);
            if sharing.is_empty() {
                self.by_id.remove(&digest.key_id());
            }
        }
    }
}
