//! The server: connections bounded in number and in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::problem::Problem;
use crate::settings::Limits;

/// How long connections may go on when the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// After an error of the listener, such as no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` says so, then lets requests in work end.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections.get()));
    let all = limits.connections.get().try_into().unwrap_or(u32::MAX);
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // The address of the client ends here.
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (tls, router, limits, stop) = (tls.clone(), router.clone(), limits.clone(), stop.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => converse(stream, router, &limits, stop).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(limits.receive, tls.accept(stream)).await {
                        converse(stream, router, &limits, stop).await;
                    }
                }
            }
        });
    }
    let _ = tokio::time::timeout(DRAIN, connections.acquire_many(all)).await;
}

/// One connection from its first to its last request.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) {
    let rate = Arc::new(Rate::new(limits.requests_per_second.get()));
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (router, rate) = (router.clone(), Arc::clone(&rate));
        async move {
            if rate.take(Instant::now()) {
                router.oneshot(request.map(axum::body::Body::new) as Request).await
            } else {
                Ok(Problem::busy("too many requests on this connection").into_response())
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.receive).max_buf_size(16 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(limits.connection) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(DRAIN, connection).await;
}

/// A bucket of tokens.
struct Rate {
    per_second: f64,
    burst: f64,
    state: std::sync::Mutex<(f64, Instant)>,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second), f64::from(per_second) * 10.0);
        Self { per_second, burst, state: std::sync::Mutex::new((burst, Instant::now())) }
    }

    fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (tokens, last) = *state;
        let passed = now.saturating_duration_since(last).as_secs_f64();
        let tokens = (tokens + passed * self.per_second).min(self.burst);
        let enough = tokens >= 1.0;
        *state = (if enough { tokens - 1.0 } else { tokens }, now);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_a_burst_and_then_its_rate() {
        let rate = Rate::new(2);
        let start = Instant::now();
        assert_eq!((0..30).filter(|_| rate.take(start)).count(), 20);
        assert_eq!((0..30).filter(|_| rate.take(start + Duration::from_secs(1))).count(), 2);
    }
}
