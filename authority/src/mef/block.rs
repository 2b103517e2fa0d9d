//! Blocks what an MA ordered to revoke.

use m2m_trust::revocation::{Block, Reason};

use super::Mef;
use super::decision::Decision;
use crate::problem::Problem;

impl Mef {
    /// Blocks the subscription behind a request, for good: the device gets no other one. The same block again changes nothing.
    pub(crate) fn block(&self, message: &[u8]) -> Result<(), Problem> {
        let now = self.clock.now();
        let verified = Block::verify(message, &self.domain.bundle, &self.id).map_err(|error| {
            let problem = Problem::from(error);
            let detail = problem.detail.clone();
            let logged = self.journal.record(now, &Decision::Refused { what: "block", cause: problem.title, detail });
            logged.map_or_else(Problem::from, |()| problem)
        })?;
        let found = self.store.block(&verified.shared)?;
        let decision = Decision::Block {
            order: hex::encode(verified.order.id),
            reason: reason_name(verified.order.reason),
            request: verified.shared.to_string(),
            found,
        };
        self.journal.record(now, &decision)?;
        if found {
            return Ok(());
        }
        Err(Problem::not_found("request-unknown", "no request with this shared part is remembered"))
    }
}

/// As `revoke --reason` takes it.
pub(crate) fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Misbehaviour => "misbehaviour",
        Reason::Compromise => "compromise",
        Reason::Withdrawn => "withdrawn",
    }
}
