//! HTTP between nodes and authorities: small bodies, bounded in size, time and number. No address of a client is kept, logged or
//! passed on.

mod body;
mod client;
mod server;
mod tls;

pub(crate) use body::{expect_empty, read};
pub use client::{Answer, Client, ClientError};
pub(crate) use server::serve;
pub use tls::TlsError;
pub(crate) use tls::server as server_tls;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The media type of signed messages.
pub const COSE: &str = "application/cose";
/// The media type of sealed messages and replies.
pub const CBOR: &str = "application/cbor";

/// A message as the body of an answer.
pub(crate) fn message(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
