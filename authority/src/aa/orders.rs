//! Carries out an MA's orders.

use m2m_trust::revocation::{Block, RevocationOrder};

use super::Aa;
use super::decision::Decision;
use crate::problem::Problem;
use crate::retention;
use crate::store::PendingBlock;

impl Aa {
    /// Revokes the batch of the certificate that the order names, publishes the list, and leaves the block in the outbox. The same
    /// order again changes nothing.
    pub(crate) fn carry_out(&self, message: &[u8]) -> Result<(), Problem> {
        let now = self.clock.now();
        let order = RevocationOrder::verify(message, &self.domain.bundle, &self.id);
        let order = order.map_err(|error| self.refuse("order", error.into()))?;
        let unknown = || {
            let detail = "no batch with this certificate is remembered";
            self.refuse("order", Problem::not_found("certificate-unknown", detail))
        };
        let batch = self.store.batch_of(&order.certificate)?.ok_or_else(unknown)?;
        let block = Block {
            issuer: self.id.clone(),
            enrolment_function: batch.enrolment_function.clone(),
            shared: batch.shared,
            order: message.to_vec().into(),
        };
        let signed = block.issue(&self.domain.bundle.domain, &self.signing);
        let signed = signed.map_err(|error| crate::problem::key_unavailable(&error))?;
        let enrolment_function = batch.enrolment_function.clone();
        let pending = PendingBlock { order: order.id, enrolment_function, signed };
        let schedule = &self.domain.bundle.schedule;
        // The present slot: what was said under earlier certificates stays unlinkable.
        let from = schedule.slot(now).max(batch.seed.slot());
        let keep = retention::keep_revoked(schedule, batch.last_slot, self.retention_epochs);
        if self.store.revoke(&batch, from, &pending, keep)? {
            let decision = Decision::Revocation {
                order: hex::encode(order.id),
                reason: crate::mef::block::reason_name(order.reason),
                request: batch.shared.to_string(),
                from_slot: from.0,
            };
            self.journal.record(now, &decision)?;
        }
        self.blocks.notify_one();
        self.publish()
    }
}
