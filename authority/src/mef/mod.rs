//! The M2M Enrolment Function: issues subscription credentials, answers for subscriptions, blocks them.

pub(crate) mod block;
mod decision;
mod enrol;
mod log;
mod proof;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use m2m_trust::authorization::MefAuthorization;
use m2m_trust::authorization::ProofQuery;
use m2m_trust::cose::Message;
use m2m_trust::enrolment::{Challenge, MefEnrolment};
use m2m_trust::identity::{AuthorityId, Epoch, Seconds};
use m2m_trust::revocation::Block;
use m2m_trust::seal::SEALED_BYTES_MAX;

pub(crate) use decision::Identification;

use crate::clock::Clock;
use crate::domain::Domain;
use crate::enrolment_policy::EnrolmentPolicy;
use crate::http;
use crate::journal::Journal;
use crate::keys::{Sealing, Signing};
use crate::problem::Problem;
use crate::retention;
use crate::store::{Keep, MefStore};
use crate::work::{Work, blocking};

/// How long the reply to an enrolment is kept, in seconds: a node that lost its line asks again within that time.
const ENROLMENT_REPLY_SECONDS: u64 = 24 * 3600;

/// All that an MEF works with.
pub struct Mef {
    /// Its name.
    pub id: AuthorityId,
    /// The trust domain.
    pub domain: Domain,
    /// Its signing key.
    pub signing: Signing,
    /// What requests are sealed to.
    pub sealing: Sealing,
    /// What it remembers.
    pub store: Arc<dyn MefStore>,
    /// Whom it enrols.
    pub policy: EnrolmentPolicy,
    /// Its decisions.
    pub journal: Journal,
    /// Its time.
    pub clock: Clock,
    /// Epochs that records are kept for after the last one they are about.
    pub retention_epochs: u32,
    /// For a client to send a request.
    pub receive: Duration,
    /// How many requests it works on at once.
    pub requests: usize,
}

#[derive(Clone)]
struct Server {
    mef: Arc<Mef>,
    work: Work,
}

/// The routes of an MEF.
pub(crate) fn router(mef: Arc<Mef>) -> Router {
    let work = Work::new(mef.requests);
    Router::new()
        .route("/enrolment/challenge", post(challenge))
        .route("/enrolment", post(enrolment))
        .route("/proof", post(proof))
        .route("/block", post(block))
        .route("/bundle", get(bundle))
        .with_state(Server { mef, work })
}

async fn challenge(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    http::expect_empty(request, server.mef.receive).await?;
    let _place = server.work.place()?;
    let message = blocking(move || server.mef.challenge()).await?;
    debug_assert!(message.len() <= Challenge::SIZE_MAX);
    Ok(http::message(http::COSE, message))
}

async fn enrolment(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let body = http::read(request, http::CBOR, SEALED_BYTES_MAX, server.mef.receive).await?;
    let _place = server.work.place()?;
    let reply = blocking(move || server.mef.enrol(&body)).await?;
    Ok(http::message(http::CBOR, reply))
}

async fn proof(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let body = http::read(request, http::COSE, ProofQuery::SIZE_MAX, server.mef.receive).await?;
    let _place = server.work.place()?;
    let answer = blocking(move || server.mef.answer(&body)).await?;
    Ok(http::message(http::COSE, answer))
}

async fn block(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let body = http::read(request, http::COSE, Block::SIZE_MAX, server.mef.receive).await?;
    let _place = server.work.place()?;
    blocking(move || server.mef.block(&body)).await?;
    Ok(axum::response::IntoResponse::into_response(axum::http::StatusCode::NO_CONTENT))
}

async fn bundle(State(server): State<Server>) -> Response {
    http::message(http::COSE, server.mef.domain.signed_bundle.clone())
}

impl Mef {
    fn enrolment(&self) -> MefEnrolment<'_, Signing, Sealing> {
        MefEnrolment { id: &self.id, bundle: &self.domain.bundle, signer: &self.signing, recipient: &self.sealing }
    }

    fn authorization(&self) -> MefAuthorization<'_, Signing, Sealing> {
        MefAuthorization { id: &self.id, bundle: &self.domain.bundle, signer: &self.signing, recipient: &self.sealing }
    }

    fn keep_enrolment(&self, now: Seconds) -> Keep {
        let until = now.plus(ENROLMENT_REPLY_SECONDS);
        Keep { replies_until: until, records_until: until }
    }

    fn keep_proof(&self, epoch: Epoch) -> Keep {
        retention::keep(&self.domain.bundle.schedule, epoch, self.retention_epochs)
    }

    /// Forgets what is due.
    ///
    /// # Errors
    /// [`Problem`], which is in the log already.
    pub(crate) fn prune(&self) -> Result<u64, Problem> {
        Ok(self.store.prune(self.clock.now())?)
    }
}
