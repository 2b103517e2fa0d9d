//! The client: AA to MEF, relay to AA, `revoke` to AA.

use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::tls::{self, TlsError};
use crate::problem::ProblemBody;

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(20);

/// Sends requests. Says nothing about whom it sends them for.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
}

/// What came back, whatever the status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Not a URL that can be asked.
    #[error("`{0}` is no URL: expected one as `http://127.0.0.1:7101`")]
    Url(String),
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// Not within the time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// More than was expected.
    #[error("the answer is longer than {0} bytes or ends early")]
    Body(usize),
}

impl Client {
    /// A client that waits `patience` for a whole answer, and for `https:` believes servers under `ca`.
    ///
    /// # Errors
    /// [`TlsError`] for a file that holds no certificates.
    pub fn new(patience: Duration, ca: Option<&Path>) -> Result<Self, TlsError> {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls::client(ca)?).https_or_http().enable_http1();
        let pool = Pool::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector.build());
        Ok(Self { pool, patience })
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(
        &self,
        url: &str,
        media_type: &'static str,
        body: impl Into<Bytes>,
        limit: usize,
    ) -> Result<Answer, ClientError> {
        let request = Request::builder().method(Method::POST).uri(url).header(header::CONTENT_TYPE, media_type);
        self.send(url, request.body(Full::new(body.into())), limit).await
    }

    /// Fetches something.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, url: &str, limit: usize) -> Result<Answer, ClientError> {
        self.send(url, Request::builder().uri(url).body(Full::default()), limit).await
    }

    async fn send(
        &self,
        url: &str,
        request: Result<Request<Full<Bytes>>, axum::http::Error>,
        limit: usize,
    ) -> Result<Answer, ClientError> {
        let request = request.map_err(|_| ClientError::Url(url.to_owned()))?;
        if request.uri().host().is_none() {
            return Err(ClientError::Url(url.to_owned()));
        }
        let exchange = async {
            let response = self.pool.request(request).await;
            let (head, body) = response.map_err(|error| ClientError::Unreachable(causes(&error)))?.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|_| ClientError::Body(limit))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(self.patience, exchange).await.map_err(|_| ClientError::Late(self.patience))?
    }
}

impl Answer {
    /// The problem that the answer tells of, where it tells of one.
    #[must_use]
    pub fn problem(&self) -> Option<ProblemBody> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}
