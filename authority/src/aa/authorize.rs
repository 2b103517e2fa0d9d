//! Authorization: keys, the MEF's word, certificates.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use m2m_trust::authorization::{AuthorizationReceived, AwaitingProof, Grant, ProofAnswer};
use m2m_trust::cose::Message;

use super::Aa;
use super::decision::Decision;
use super::log::Log;
use crate::http;
use crate::problem::Problem;
use crate::work::blocking;
use crate::{random, retention};

/// When a node should try again whose MEF did not answer, in seconds.
const RETRY_SECONDS: u32 = 5;

impl Aa {
    /// The reply to a sealed request. Nothing is remembered of a request that was not decided, so the same bytes can come again.
    pub(super) async fn authorize(self: &Arc<Self>, request: Bytes) -> Result<Vec<u8>, Problem> {
        let aa = Arc::clone(self);
        let awaiting = match blocking(move || aa.receive(&request)).await? {
            AuthorizationReceived::Repeated(reply) => return Ok(reply),
            AuthorizationReceived::Query(awaiting) => awaiting,
        };
        let answer = self.ask(&awaiting).await?;
        let aa = Arc::clone(self);
        blocking(move || aa.decide(&awaiting, &answer)).await
    }

    pub(crate) fn receive(&self, request: &[u8]) -> Result<AuthorizationReceived, Problem> {
        let now = self.clock.now();
        let log = Log::new(&*self.store);
        let received = self.authorization().receive(request, now, &log);
        log.checked()?;
        let received = received.map_err(|error| self.refuse("authorization", error.into()))?;
        if matches!(received, AuthorizationReceived::Repeated(_)) {
            self.journal.record(now, &Decision::Repeated { what: "authorization" })?;
        }
        Ok(received)
    }

    /// The MEF's signed answer.
    async fn ask(&self, awaiting: &AwaitingProof) -> Result<Vec<u8>, Problem> {
        let function = awaiting.enrolment_function().as_str();
        let undecided = |cause: String| {
            let detail = format!("the enrolment function `{function}` does not answer now");
            let logged = self.journal.record(self.clock.now(), &Decision::Undecided { function, cause });
            logged.map_or_else(Problem::from, |()| Problem::later("enrolment-function-down", detail, RETRY_SECONDS))
        };
        let Some(url) = self.functions.get(function) else {
            return Err(undecided("no URL in `[peers]`".to_owned()));
        };
        let query = awaiting.query().to_vec();
        let answer = self.client.post(&format!("{url}/proof"), http::COSE, query, ProofAnswer::SIZE_MAX).await;
        let answer = answer.map_err(|error| undecided(error.to_string()))?;
        match answer.status {
            StatusCode::OK => Ok(answer.body.to_vec()),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(undecided(format!("status {status}")))
            }
            _ => {
                let cause = answer.problem().map_or_else(|| answer.status.to_string(), |problem| problem.title);
                let detail = format!("the enrolment function `{function}` refuses the proof: {cause}");
                Err(self.refuse("authorization", Problem::refused("proof-refused", detail)))
            }
        }
    }

    pub(crate) fn decide(&self, awaiting: &AwaitingProof, answer: &[u8]) -> Result<Vec<u8>, Problem> {
        let decided = self.authorization().decide(awaiting, answer, Grant::default(), &mut random::system());
        let outcome = decided.map_err(|error| {
            // What the MEF said is at fault, not the node's request.
            self.refuse("answer", Problem::later("enrolment-function-answer", error, RETRY_SECONDS))
        })?;
        let keep = retention::keep(&self.domain.bundle.schedule, outcome.epoch, self.retention_epochs);
        let reply = self.store.commit_authorization(&outcome, keep)?;
        let status = if outcome.batch.is_some() { "granted" } else { "refused" };
        let certificates = outcome.batch.as_ref().map_or(0, |batch| batch.certificates.len());
        let decision = if reply == outcome.reply {
            Decision::Authorization { status, epoch: outcome.epoch.0, certificates }
        } else {
            Decision::Repeated { what: "authorization" }
        };
        self.journal.record(self.clock.now(), &decision)?;
        Ok(reply)
    }
}
