//! Answers for subscriptions.

use m2m_trust::authorization::{AuthorizationError, ProofReceived};

use super::Mef;
use super::decision::Decision;
use super::log::Log;
use crate::problem::Problem;
use crate::store::NotCommitted;

/// How often a query is decided anew because another one was committed meanwhile.
const ATTEMPTS: usize = 4;

impl Mef {
    /// The answer to an AA's query.
    pub(crate) fn answer(&self, query: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut last = NotCommitted::NonceUsed;
        for _ in 0..ATTEMPTS {
            match self.attempt(query)? {
                Ok(answer) => return Ok(answer),
                Err(refusal) => last = refusal,
            }
        }
        Err(last.into())
    }

    /// `Ok(Err(_))` where a commit in between changed what was read.
    fn attempt(&self, query: &[u8]) -> Result<Result<Vec<u8>, NotCommitted>, Problem> {
        let now = self.clock.now();
        let log = Log::new(&*self.store);
        let received = self.authorization().answer(query, now, &log);
        log.checked()?;
        let (answer, decision) = match received {
            Ok(ProofReceived::Repeated(answer)) => (answer, Decision::Repeated { what: "proof" }),
            Ok(ProofReceived::Granted(outcome)) => {
                let answer = match self.store.commit_proof(&outcome, self.keep_proof(outcome.epoch)) {
                    Ok(answer) => answer,
                    Err(NotCommitted::Store(error)) => return Err(error.into()),
                    Err(NotCommitted::Closed) => return Err(NotCommitted::Closed.into()),
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let certificates = Some(outcome.count);
                (answer, Decision::Proof { status: "granted", cause: None, certificates })
            }
            Err(refusal) => match refusal.answer {
                Some(answer) => (answer, refused(&refusal.cause)),
                None => return Err(self.unanswered(refusal.cause)?),
            },
        };
        self.journal.record(now, &decision)?;
        Ok(Ok(answer))
    }

    /// A query that is not believed, or that there is no answer for.
    fn unanswered(&self, cause: AuthorizationError) -> Result<Problem, Problem> {
        let problem = Problem::from(cause);
        let decision = Decision::Refused { what: "proof", cause: problem.title, detail: problem.detail.clone() };
        self.journal.record(self.clock.now(), &decision)?;
        Ok(problem)
    }
}

fn refused(cause: &AuthorizationError) -> Decision<'static> {
    Decision::Proof { status: "refused", cause: Some(cause.to_string()), certificates: None }
}
