//! What waits to be written to one peer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Frames that may wait for a peer. One that falls behind further is dropped: it must not slow the others.
const FRAMES_MAX: usize = 1024;
/// And their bytes.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Below so many, more of the node's own are signed.
const LOW: usize = 32;

/// One peer, through its connections.
#[derive(Debug, Default)]
pub(super) struct Peer {
    inner: Mutex<Inner>,
    filled: Notify,
    overrun: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Frame>,
    bytes: usize,
    is_connected: bool,
    is_overrun: bool,
}

/// One frame for any number of peers.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    bytes: Arc<[u8]>,
    /// Signed by this node, and not passed on.
    is_own: bool,
}

impl Frame {
    pub(super) fn own(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), is_own: true }
    }

    pub(super) fn of_others(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), is_own: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Peer {
    /// Queues a frame. One that is not connected gets nothing: nobody hears what is said then.
    pub(super) fn push(&self, frame: Frame) {
        {
            let mut inner = self.lock();
            if !inner.is_connected {
                return;
            }
            if inner.queue.len() >= FRAMES_MAX || inner.bytes + frame.bytes.len() > BYTES_MAX {
                inner.is_overrun = true;
                self.overrun.notify_one();
            } else {
                inner.bytes += frame.bytes.len();
                inner.queue.push_back(frame);
            }
        }
        self.filled.notify_one();
    }

    /// The next frame. It stays in the queue until [`Peer::written`], so that it is seen as not sent yet.
    pub(super) async fn next(&self) -> Frame {
        loop {
            let filled = self.filled.notified();
            if let Some(frame) = self.lock().queue.front() {
                return frame.clone();
            }
            filled.await;
        }
    }

    /// Resolves when the peer is too far behind.
    pub(super) async fn overrun(&self) {
        while !self.lock().is_overrun {
            self.overrun.notified().await;
        }
    }

    /// Whether a frame waits.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.lock().queue.is_empty()
    }

    /// `frame`, given by [`Peer::next`], is out. True where the peer has room for more since then.
    pub(super) fn written(&self, frame: &Frame) -> bool {
        let mut inner = self.lock();
        // It is not there any more where it was discarded meanwhile.
        if inner.queue.front().is_some_and(|front| Arc::ptr_eq(&front.bytes, &frame.bytes)) {
            inner.queue.pop_front();
            inner.bytes -= frame.bytes.len();
        }
        inner.queue.len() == LOW - 1 || inner.queue.is_empty()
    }

    pub(super) fn set_connected(&self, is_connected: bool) {
        let mut inner = self.lock();
        inner.is_connected = is_connected;
        if std::mem::take(&mut inner.is_overrun) {
            inner.queue.clear();
            inner.bytes = 0;
        }
    }

    pub(super) fn has_room(&self) -> bool {
        let inner = self.lock();
        inner.is_connected && inner.queue.len() < LOW
    }

    pub(super) fn holds_own(&self) -> bool {
        self.lock().queue.iter().any(|frame| frame.is_own)
    }

    pub(super) fn discard_own(&self) {
        let mut inner = self.lock();
        inner.queue.retain(|frame| !frame.is_own);
        inner.bytes = inner.queue.iter().map(|frame| frame.bytes.len()).sum();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
