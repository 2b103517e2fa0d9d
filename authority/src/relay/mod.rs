//! The relay: an AA behind it sees no address of a node, and the relay sees no content: requests are sealed to the AA, replies
//! encrypted for the node. Nothing is kept; what is passed on is the body and its media type.
//!
//! Relay and AA together see which address got which batch, so they belong to different operators.

mod counts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use m2m_trust::bundle::TrustBundle;
use m2m_trust::cose::Message;
use m2m_trust::revocation::Crl;
use m2m_trust::seal::SEALED_BYTES_MAX;

pub(crate) use counts::Counts;

use crate::http::{self, Answer, Client, ClientError};
use crate::problem::{PROBLEM_JSON, Problem};
use crate::work::Work;

/// All that a relay works with.
pub struct Relay {
    /// Asks AAs.
    pub client: Client,
    /// The AAs' URLs.
    pub authorities: BTreeMap<String, String>,
    /// How much was passed on.
    pub counts: Arc<Counts>,
    /// For a client to send a request.
    pub receive: Duration,
    /// How many requests it passes on at once.
    pub requests: usize,
}

#[derive(Clone)]
struct Server {
    relay: Arc<Relay>,
    work: Work,
}

/// The routes of a relay.
pub(crate) fn router(relay: Arc<Relay>) -> Router {
    let work = Work::new(relay.requests);
    Router::new()
        .route("/aa/{id}/authorization", post(authorization))
        .route("/aa/{id}/revocations", get(revocations))
        .route("/aa/{id}/bundle", get(bundle))
        .with_state(Server { relay, work })
}

async fn authorization(
    State(Server { relay, work }): State<Server>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let url = relay.url(&id, "authorization")?;
    let body = http::read(request, http::CBOR, SEALED_BYTES_MAX, relay.receive).await?;
    let _place = work.place()?;
    let answer = relay.client.post(&url, http::CBOR, body, SEALED_BYTES_MAX).await;
    relay.pass_on(&relay.counts.authorizations, &id, answer)
}

async fn revocations(
    State(Server { relay, work }): State<Server>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let _place = work.place()?;
    let answer = relay.client.get(&relay.url(&id, "revocations")?, Crl::SIZE_MAX).await;
    relay.pass_on(&relay.counts.revocations, &id, answer)
}

async fn bundle(State(Server { relay, work }): State<Server>, Path(id): Path<String>) -> Result<Response, Problem> {
    let _place = work.place()?;
    let answer = relay.client.get(&relay.url(&id, "bundle")?, TrustBundle::SIZE_MAX).await;
    relay.pass_on(&relay.counts.bundles, &id, answer)
}

impl Relay {
    fn url(&self, id: &str, what: &str) -> Result<String, Problem> {
        let unknown = || Problem::not_found("authority-unknown", "this relay knows no AA of this name");
        Ok(format!("{}/{what}", self.authorities.get(id).ok_or_else(unknown)?))
    }

    fn pass_on(
        &self,
        count: &counts::Count,
        id: &str,
        answer: Result<Answer, ClientError>,
    ) -> Result<Response, Problem> {
        let answer = answer.map_err(|error| {
            self.counts.unanswered.one_more();
            tracing::warn!(authority = id, %error, "an AA does not answer");
            Problem::later("authority-down", format_args!("`{id}` does not answer now"), 5)
        })?;
        count.one_more();
        Ok(passed_on(&answer))
    }
}

/// Status, body and media type of the answer, and when to come again; no other header.
fn passed_on(answer: &Answer) -> Response {
    let media_types = [http::CBOR, http::COSE, PROBLEM_JSON];
    let found = answer.headers.get(header::CONTENT_TYPE);
    let media_type = media_types.into_iter().find(|known| found.is_some_and(|found| found == known));
    let mut response = (answer.status, answer.body.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type.unwrap_or("application/octet-stream")));
    if let Some(seconds) = answer.headers.get(header::RETRY_AFTER)
        && matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    {
        headers.insert(header::RETRY_AFTER, seconds.clone());
    }
    response
}
