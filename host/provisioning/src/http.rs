//! HTTP towards authorities and relays: small requests, a time limit on everything, answers cut off at a size.
//!
//! Each request has a connection of its own, so that nothing below the messages ties one request to the next. Messages protect
//! themselves; nothing here is believed.

use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A whole exchange takes no longer.
const EXCHANGE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 30 });
/// A connection is made within this.
const CONNECT: Duration = Duration::from_secs(10);
/// The most bytes of an error's body that are read.
const PROBLEM_BYTES_MAX: usize = 4_096;

/// What is sent.
pub(crate) enum Body {
    /// A signed message, or nothing.
    Cose(Vec<u8>),
    /// A sealed message.
    Cbor(Vec<u8>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be used.
    #[error("`{0}` is no address")]
    Address(String),
    /// No connection, or it broke.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// Too slow.
    #[error("no answer within {} s", EXCHANGE.as_secs())]
    TimedOut,
    /// More than any answer has.
    #[error("answer of more than {0} bytes")]
    TooLarge(usize),
    /// An error of the other side.
    #[error("answers {status}{}", cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Status {
        /// The status code.
        status: u16,
        /// The stable word of its problem document (RFC 9457, `title`).
        cause: Option<String>,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
}

impl HttpError {
    /// What the other side asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the other side will not have these bytes, now or later.
    pub(crate) fn is_rejection(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499, .. })
            && !matches!(self, Self::Status { status: 408 | 429, .. })
    }
}

/// Reads `url`, at most `limit` bytes.
pub(crate) async fn get(url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
    bounded(url, Method::GET, None, limit).await
}

/// Sends `body` to `url` and reads the answer, at most `limit` bytes.
pub(crate) async fn post(url: &str, body: Body, limit: usize) -> Result<Vec<u8>, HttpError> {
    bounded(url, Method::POST, Some(body), limit).await
}

async fn bounded(url: &str, method: Method, body: Option<Body>, limit: usize) -> Result<Vec<u8>, HttpError> {
    timeout(EXCHANGE, exchange(url, method, body, limit)).await.map_err(|_| HttpError::TimedOut)?
}

async fn exchange(url: &str, method: Method, body: Option<Body>, limit: usize) -> Result<Vec<u8>, HttpError> {
    let address = || HttpError::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| address())?;
    let (host, port) = (uri.host().ok_or_else(address)?, uri.port_u16().unwrap_or(80));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let unreachable = |error: &dyn std::error::Error| HttpError::Unreachable(error.to_string());
    let stream = timeout(CONNECT, TcpStream::connect((host, port))).await.map_err(|_| HttpError::TimedOut)?;
    let stream = TokioIo::new(stream.map_err(|error| unreachable(&error))?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| unreachable(&error))?;
    // Ends with the exchange: the sender is dropped, and so is the connection.
    let driver = tokio::spawn(connection);
    let request = request(&uri, method, body).map_err(|_| address())?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        read(response, limit).await
    };
    let answered = answered.await;
    driver.abort();
    answered
}

fn request(uri: &Uri, method: Method, body: Option<Body>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let builder = Request::builder().method(method).uri(path).header(header::HOST, authority);
    let builder = builder.header(header::CONNECTION, "close");
    match body {
        None => builder.body(Full::default()),
        Some(Body::Cose(bytes)) => builder.header(header::CONTENT_TYPE, "application/cose").body(Full::from(bytes)),
        Some(Body::Cbor(bytes)) => builder.header(header::CONTENT_TYPE, "application/cbor").body(Full::from(bytes)),
    }
}

async fn read(response: Response<hyper::body::Incoming>, limit: usize) -> Result<Vec<u8>, HttpError> {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::OK {
        return collect(body, limit).await;
    }
    let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let problem = collect(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let status = head.status.as_u16();
    Err(HttpError::Status { status, cause: title(&problem), retry_after: retry_after.map(Duration::from_secs) })
}

async fn collect(body: hyper::body::Incoming, limit: usize) -> Result<Vec<u8>, HttpError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge(limit)),
        Err(error) => Err(HttpError::Unreachable(error.to_string())),
    }
}

/// The title of a problem document, if it is a plain word: it is shown to people.
fn title(problem: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Problem {
        title: String,
    }
    let title = serde_json::from_slice::<Problem>(problem).ok()?.title;
    let plain = title.len() <= 64 && title.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    plain.then_some(title)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 1_024];
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        format!("http://{address}/x")
    }

    #[tokio::test]
    async fn answers_errors_and_what_is_too_much() {
        let ok = answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes").await;
        assert_eq!(get(&ok, 3).await, Ok(b"yes".to_vec()));
        let large = answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlong").await;
        assert_eq!(get(&large, 3).await, Err(HttpError::TooLarge(3)));
        let busy = "HTTP/1.1 503 S\r\nretry-after: 7\r\ncontent-length: 20\r\n\r\n{\"title\":\"mef-down\"}";
        let busy = post(&answering(busy).await, Body::Cbor(vec![1]), 9).await.unwrap_err();
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(busy, HttpError::Status { status: 503, cause: Some("mef-down".to_owned()), retry_after });
        assert!(!busy.is_rejection());
        let bad = post(&answering("HTTP/1.1 400 B\r\ncontent-length: 0\r\n\r\n").await, Body::Cose(vec![]), 9).await;
        assert!(bad.unwrap_err().is_rejection());
        let cut = answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        assert!(matches!(get(&cut, 9).await, Err(HttpError::Unreachable(_))));
        assert!(matches!(get("http://127.0.0.1:1/", 9).await, Err(HttpError::Unreachable(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert_eq!(get(&url, 9).await, Err(HttpError::TimedOut));
    }
}
