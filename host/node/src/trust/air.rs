//! Between the voice and the link.

use std::sync::{Arc, PoisonError, RwLock};

use m2m_provisioning::Link;
use m2m_provisioning::speech::Frame;
use tokio::sync::{Notify, watch};

use crate::transport::Transport;

/// Where frames go out. Without a transport, nowhere.
pub(crate) struct Air {
    transport: Option<Arc<dyn Transport>>,
    /// Shared by whoever makes frames until they are handed over; alone, by whoever asks whether all are out.
    speaking: RwLock<()>,
    drain_asked: Notify,
    silences: watch::Sender<u64>,
}

impl Air {
    pub(super) fn new(transport: Option<Arc<dyn Transport>>) -> Self {
        Self { transport, speaking: RwLock::default(), drain_asked: Notify::new(), silences: watch::Sender::default() }
    }

    /// Makes frames and sends them, as one step against a change of pseudonym.
    pub(super) fn speak<T>(&self, make: impl FnOnce() -> (T, Vec<Frame>)) -> T {
        let _speaking = self.speaking.read().unwrap_or_else(PoisonError::into_inner);
        let (result, frames) = make();
        if let Some(transport) = &self.transport {
            frames.into_iter().for_each(|frame| transport.send(frame.0));
        }
        result
    }

    /// Resolves when a frame would go out soon; without a transport never.
    pub(super) async fn ready(&self) {
        match &self.transport {
            Some(transport) => transport.ready().await,
            None => std::future::pending().await,
        }
    }

    /// Counts the silences: each begins with a change.
    pub(super) fn silences(&self) -> watch::Receiver<u64> {
        self.silences.subscribe()
    }

    /// Resolves when a change of pseudonym waits for what is to be said before it.
    pub(super) async fn drain_asked(&self) {
        self.drain_asked.notified().await;
    }
}

impl Link for Air {
    fn is_drained(&self) -> bool {
        self.drain_asked.notify_one();
        let _nobody_speaks = self.speaking.write().unwrap_or_else(PoisonError::into_inner);
        self.transport.as_ref().is_none_or(|transport| transport.is_drained())
    }

    fn leave(&self) {
        {
            let _nobody_speaks = self.speaking.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(transport) = &self.transport {
                transport.leave();
            }
        }
        self.silences.send_modify(|count| *count += 1);
    }

    fn renew(&self) {
        let _nobody_speaks = self.speaking.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = &self.transport {
            transport.renew();
        }
    }
}
