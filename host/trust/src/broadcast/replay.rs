//! What was accepted within the window.

use std::collections::{BTreeSet, HashSet};

use super::BroadcastError;
use crate::identity::{Digest, Micros};

const MESSAGES_MAX: usize = 1 << 18;

/// Keys are hashes over certificate, sequence number and payload: never the signature's bytes, which a sender could vary.
#[derive(Debug, Default)]
pub(super) struct ReplayWindow {
    seen: HashSet<Digest>,
    /// Until when each is remembered.
    until: BTreeSet<(Micros, Digest)>,
}

impl ReplayWindow {
    pub(super) fn admit(&mut self, key: Digest, now: Micros, until: Micros) -> Result<(), BroadcastError> {
        self.forget(now);
        if self.seen.contains(&key) {
            return Err(BroadcastError::Replay);
        }
        // Forgetting early would let a replay in, so no more is accepted until the window moves.
        if self.seen.len() >= MESSAGES_MAX {
            return Err(BroadcastError::ReplayWindowFull);
        }
        self.seen.insert(key);
        self.until.insert((until, key));
        Ok(())
    }

    fn forget(&mut self, now: Micros) {
        while let Some((until, key)) = self.until.first().copied()
            && until < now
        {
            self.until.remove(&(until, key));
            self.seen.remove(&key);
        }
    }
}
