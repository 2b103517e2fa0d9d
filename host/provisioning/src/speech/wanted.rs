//! Certificates of others that are to be asked for.

use std::collections::VecDeque;

use m2m_trust::broadcast::WANTED_MAX;
use m2m_trust::identity::KeyId;

/// Digests that stood for an unknown certificate. Each goes into one message of one's own: the same question in the messages of two
/// pseudonyms would tie them together.
#[derive(Debug, Default)]
pub(super) struct Wanted(VecDeque<KeyId>);

impl Wanted {
    /// The oldest go first.
    pub(super) fn add(&mut self, id: KeyId) {
        if self.0.contains(&id) {
            return;
        }
        if self.0.len() >= WANTED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    /// What the next message asks for.
    pub(super) fn take(&mut self) -> Vec<KeyId> {
        std::mem::take(&mut self.0).into()
    }

    /// The certificate came.
    pub(super) fn found(&mut self, id: KeyId) {
        self.0.retain(|wanted| *wanted != id);
    }
}
