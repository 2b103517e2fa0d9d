//! A Unix socket between nodes, as a radio channel would be: everything goes to everybody who is connected, and nothing that
//! is heard is believed before it was verified.
//!
//! One node listens, others connect; the one that listens passes on what it hears from one to the others. A frame is its
//! length, four bytes big-endian, and that many bytes.

mod connection;
mod dialer;
mod frame;
mod listener;
mod peer;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UnixListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub use frame::FRAME_BYTES_MAX;

use super::Transport;
use peer::{Frame, Peer};

/// Which end of the link this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Connects to the socket, and again whenever the connection ends.
    Connect(PathBuf),
    /// Makes the socket.
    Listen(PathBuf),
}

/// What is done with a frame that came in. Called on a task of the connection, one frame at a time.
pub(crate) type Hear = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// The link. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Link(Arc<Shared>);

/// What all connections share.
#[derive(Debug)]
struct Shared {
    peers: Mutex<Vec<Arc<Peer>>>,
    /// A peer came, or has room again.
    changed: Notify,
    wanted: watch::Sender<Wanted>,
}

/// Which connection the end that connects should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    /// Any at all.
    is_up: bool,
    /// Counts them: a new one is another one.
    number: u64,
}

/// A link that is there and carries nothing yet: what it can fail at is behind it.
#[derive(Debug)]
pub(crate) struct Ready {
    link: Link,
    end: ReadyEnd,
}

#[derive(Debug)]
enum ReadyEnd {
    Connect(PathBuf),
    Listen(UnixListener, PathBuf),
}

impl Ready {
    /// Makes the socket, where this end listens.
    ///
    /// # Errors
    /// It cannot be made; a path of a socket has at most 107 bytes.
    pub(crate) fn new(end: End) -> io::Result<Self> {
        let link = Link(Arc::new(Shared {
            peers: Mutex::default(),
            changed: Notify::new(),
            wanted: watch::Sender::new(Wanted { is_up: true, number: 0 }),
        }));
        let end = match end {
            End::Connect(path) => ReadyEnd::Connect(path),
            End::Listen(path) => ReadyEnd::Listen(listener::bind(&path)?, path),
        };
        Ok(Self { link, end })
    }

    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }

    /// Carries frames until the node stops.
    pub(crate) fn start(self, tasks: &mut JoinSet<()>, hear: Hear, stop: watch::Receiver<bool>) {
        match self.end {
            ReadyEnd::Connect(path) => tasks.spawn(dialer::run(self.link, path, hear, stop)),
            ReadyEnd::Listen(listener, path) => tasks.spawn(listener::run(self.link, listener, path, hear, stop)),
        };
    }
}

impl Transport for Link {
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            loop {
                let changed = self.0.changed.notified();
                if self.peers().iter().any(|peer| peer.has_room()) {
                    return;
                }
                changed.await;
            }
        })
    }

    fn send(&self, frame: Vec<u8>) {
        if frame.is_empty() || frame.len() > FRAME_BYTES_MAX {
            tracing::error!(bytes = frame.len(), "link: no frame of that length is carried");
            return;
        }
        let frame = Frame::own(frame);
        for peer in self.peers().iter() {
            peer.push(frame.clone());
        }
    }

    fn is_drained(&self) -> bool {
        self.peers().iter().all(|peer| !peer.holds_own())
    }

    /// The end that listens stays, since its place is known to all: it only gives up what is not out.
    fn leave(&self) {
        for peer in self.peers().iter() {
            peer.discard_own();
        }
        self.0.wanted.send_modify(|wanted| wanted.is_up = false);
    }

    fn renew(&self) {
        for peer in self.peers().iter() {
            peer.discard_own();
        }
        self.0.wanted.send_modify(|wanted| *wanted = Wanted { is_up: true, number: wanted.number + 1 });
    }
}

impl Link {
    /// To all but the one that it came from.
    fn pass_on(&self, from: &Arc<Peer>, frame: &[u8]) {
        let others: Vec<_> = self.peers().iter().filter(|peer| !Arc::ptr_eq(peer, from)).cloned().collect();
        if !others.is_empty() {
            let frame = Frame::of_others(frame.to_vec());
            others.iter().for_each(|peer| peer.push(frame.clone()));
        }
    }

    fn add(&self, peer: &Arc<Peer>) {
        self.peers().push(Arc::clone(peer));
        self.0.changed.notify_waiters();
    }

    fn remove(&self, peer: &Arc<Peer>) {
        self.peers().retain(|other| !Arc::ptr_eq(other, peer));
    }

    /// A peer has room again, or is connected again.
    fn changed(&self) {
        self.0.changed.notify_waiters();
    }

    fn count(&self) -> usize {
        self.peers().len()
    }

    fn peers(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
