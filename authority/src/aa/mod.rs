//! The Authorization Authority: issues certificates for pseudonyms, and the list of those that are revoked.

mod authorize;
mod decision;
mod log;
mod orders;
mod outbox;
mod publish;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use m2m_trust::authorization::AaAuthorization;
use m2m_trust::cose::Message;
use m2m_trust::identity::AuthorityId;
use m2m_trust::revocation::RevocationOrder;
use m2m_trust::seal::SEALED_BYTES_MAX;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::Domain;
use crate::http::{self, Client};
use crate::journal::Journal;
use crate::keys::{Sealing, Signing};
use crate::problem::Problem;
use crate::store::AaStore;
use crate::work::{Work, blocking};

/// All that an AA works with.
pub struct Aa {
    /// Its name.
    pub id: AuthorityId,
    /// The trust domain.
    pub domain: Domain,
    /// Its signing key.
    pub signing: Signing,
    /// What requests are sealed to.
    pub sealing: Sealing,
    /// What it remembers.
    pub store: Arc<dyn AaStore>,
    /// Its decisions.
    pub journal: Journal,
    /// Its time.
    pub clock: Clock,
    /// Asks MEFs.
    pub client: Client,
    /// The MEFs' URLs.
    pub functions: BTreeMap<String, String>,
    /// How long a list counts.
    pub list_period: Duration,
    /// Epochs that records are kept for after the last one they are about.
    pub retention_epochs: u32,
    /// For a client to send a request.
    pub receive: Duration,
    /// How many requests it works on at once.
    pub requests: usize,
    /// Woken when a block is put into the outbox.
    pub blocks: Notify,
}

#[derive(Clone)]
struct Server {
    aa: Arc<Aa>,
    work: Work,
}

/// The routes of an AA.
pub(crate) fn router(aa: Arc<Aa>) -> Router {
    let work = Work::new(aa.requests);
    Router::new()
        .route("/authorization", post(authorization))
        .route("/revocations", get(revocations))
        .route("/order", post(order))
        .route("/bundle", get(bundle))
        .with_state(Server { aa, work })
}

async fn authorization(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let body = http::read(request, http::CBOR, SEALED_BYTES_MAX, server.aa.receive).await?;
    let _place = server.work.place()?;
    let reply = server.aa.authorize(body).await?;
    Ok(http::message(http::CBOR, reply))
}

async fn revocations(State(server): State<Server>) -> Result<Response, Problem> {
    let _place = server.work.place()?;
    let list = blocking(move || Ok(server.aa.store.list()?)).await?;
    let none = || Problem::later("no-list", "no revocation list was published yet", 1);
    Ok(http::message(http::COSE, list.ok_or_else(none)?.signed))
}

async fn order(State(server): State<Server>, request: Request) -> Result<Response, Problem> {
    let body = http::read(request, http::COSE, RevocationOrder::SIZE_MAX, server.aa.receive).await?;
    let _place = server.work.place()?;
    blocking(move || server.aa.carry_out(&body)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn bundle(State(server): State<Server>) -> Response {
    http::message(http::COSE, server.aa.domain.signed_bundle.clone())
}

impl Aa {
    fn authorization(&self) -> AaAuthorization<'_, Signing, Sealing> {
        AaAuthorization { id: &self.id, bundle: &self.domain.bundle, signer: &self.signing, recipient: &self.sealing }
    }

    /// Logs a message that is not believed, and gives what its sender is told.
    fn refuse(&self, what: &'static str, problem: Problem) -> Problem {
        let detail = problem.detail.clone();
        let refused = decision::Decision::Refused { what, cause: problem.title, detail };
        self.journal.record(self.clock.now(), &refused).map_or_else(Problem::from, |()| problem)
    }

    /// Forgets what is due.
    ///
    /// # Errors
    /// [`Problem`], which is in the log already.
    pub(crate) fn prune(&self) -> Result<u64, Problem> {
        Ok(self.store.prune(self.clock.now())?)
    }
}
