//! Brings blocks to MEFs until they are acknowledged, over restarts of both.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::watch;

use super::Aa;
use super::decision::Decision;
use crate::http;
use crate::problem::Problem;
use crate::store::PendingBlock;
use crate::work::blocking;

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// What an MEF's answer to a block may have.
const ANSWER_BYTES_MAX: usize = 4096;

impl Aa {
    /// Delivers what is in the outbox, at start and whenever something is put there.
    pub(crate) async fn deliver_blocks(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut retry = RETRY_MIN;
        loop {
            let left = self.deliver_once().await;
            let pause = retry;
            retry = if left { (retry * 2).min(RETRY_MAX) } else { RETRY_MIN };
            tokio::select! {
                () = tokio::time::sleep(pause), if left => {}
                () = self.blocks.notified() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Whether something is left to be tried again.
    async fn deliver_once(self: &Arc<Self>) -> bool {
        let aa = Arc::clone(self);
        let Ok(pending) = blocking(move || Ok(aa.store.outbox()?)).await else { return true };
        let mut left = false;
        for block in pending {
            left |= self.deliver(block).await.is_err();
        }
        left
    }

    async fn deliver(self: &Arc<Self>, block: PendingBlock) -> Result<(), Problem> {
        let function = block.enrolment_function.as_str();
        let later = |cause: &dyn std::fmt::Display| {
            tracing::warn!(function, %cause, "a block is not delivered yet");
            Problem::later("enrolment-function-down", cause, 1)
        };
        let url = self.functions.get(function).ok_or_else(|| later(&"no URL in `[peers]`"))?;
        let answer =
            self.client.post(&format!("{url}/block"), http::COSE, block.signed.clone(), ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|error| later(&error))?;
        let acknowledged = answer.status == StatusCode::NO_CONTENT;
        // Refused for good: it was forgotten there. Anything else may pass.
        if !acknowledged && answer.status != StatusCode::NOT_FOUND {
            return Err(later(&answer.status));
        }
        let detail = answer.problem().map(|problem| problem.title);
        let aa = Arc::clone(self);
        blocking(move || {
            let (order, function) = (hex::encode(block.order), block.enrolment_function.as_str());
            aa.journal.record(aa.clock.now(), &Decision::Block { order, function, acknowledged, detail })?;
            Ok(aa.store.settled(&block.order)?)
        })
        .await
    }
}
