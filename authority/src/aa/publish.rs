//! The revocation list: a new one after half its time, and at once after an order.

use std::sync::Arc;

use m2m_trust::revocation::{Crl, CrlBatch};
use tokio::sync::watch;

use super::Aa;
use super::decision::Decision;
use crate::problem::Problem;
use crate::store::PublishedList;
use crate::work::blocking;

/// How often a number is tried that another instance took meanwhile.
const ATTEMPTS: usize = 8;

impl Aa {
    /// Publishes what is revoked now, under the next number.
    pub(crate) fn publish(&self) -> Result<(), Problem> {
        for _ in 0..ATTEMPTS {
            let newest = self.store.list()?.map_or(0, |list| list.sequence);
            let now = self.clock.now();
            let batches: Vec<_> = self.store.revoked()?.into_iter().collect();
            let batches = batches.iter().map(|batch| CrlBatch {
                slot: batch.seed.slot(),
                seed: *batch.seed.expose(),
                numbers: batch.numbers,
            });
            let crl = Crl {
                issuer: self.id.clone(),
                sequence: newest.saturating_add(1),
                this_update: now,
                next_update: now.plus(self.list_period.as_secs().max(1)),
                batches: batches.collect(),
                certificates: Vec::new(),
            };
            let signed = crl.issue(&self.domain.bundle.domain, &self.signing);
            let signed = signed.map_err(|error| crate::problem::key_unavailable(&error))?;
            let (sequence, this_update, next_update) = (crl.sequence, crl.this_update, crl.next_update);
            let list = PublishedList { sequence, this_update, next_update, signed };
            if self.store.publish(&list)? {
                let decision = Decision::List { number: sequence, batches: crl.batches.len() };
                return Ok(self.journal.record(now, &decision)?);
            }
        }
        Err(Problem::later("list-busy", "other lists were published meanwhile", 1))
    }

    /// Publishes at start, since a list may be missing that an order before a crash asked for, and then in time.
    pub(crate) async fn publish_in_time(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let aa = Arc::clone(&self);
            let published = blocking(move || aa.publish()).await;
            let wait = if published.is_ok() { self.list_period / 2 } else { self.list_period / 20 };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}
