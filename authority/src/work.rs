//! Requests in work: bounded, and on threads that may block.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Where requests are worked on.
#[derive(Clone)]
pub(crate) struct Work(Arc<Semaphore>);

impl Work {
    pub(crate) fn new(requests: usize) -> Self {
        Self(Arc::new(Semaphore::new(requests)))
    }

    /// A place, to be held as long as the request is in work; none is waited for. Taken when a request is there as a whole, so that
    /// clients who send slowly hold none.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.0).try_acquire_owned();
        place.map_err(|_| Problem::busy("this authority has as many requests in work as it takes"))
    }
}

/// Runs `job` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(job).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a request could not be worked on");
        Err(Problem::later("internal", "this authority failed; the log says why", 5))
    })
}
