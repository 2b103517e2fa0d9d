//! Bodies of requests.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::problem::Problem;

/// Reads a body of `media_type` with at most `limit` bytes, within `patience`.
pub(crate) async fn read(
    request: Request,
    media_type: &'static str,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Problem> {
    if request.headers().get(header::CONTENT_TYPE).is_none_or(|found| found != media_type) {
        return Err(Problem::refused("content-type", format_args!("expected the content-type `{media_type}`")));
    }
    collect(request.into_body(), limit, patience).await
}

/// Reads a body without a byte.
pub(crate) async fn expect_empty(request: Request, patience: Duration) -> Result<(), Problem> {
    collect(request.into_body(), 0, patience).await.map(drop)
}

async fn collect(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(patience, Limited::new(body, limit).collect()).await;
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the request did not arrive in time");
    let collected = collected.map_err(late)?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format_args!("the body is longer than {limit} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        } else {
            Problem::refused("incomplete", "the body ends early")
        }
    })?;
    Ok(collected.to_bytes())
}
