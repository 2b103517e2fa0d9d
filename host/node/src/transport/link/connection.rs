//! One connection: frames out of a peer's queue, frames in to whoever hears them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::frame::{self, Broken};
use super::peer::Peer;
use super::{Hear, Link};

/// How long the rest may take to come through when one side ends a connection.
const GOODBYE: Duration = Duration::from_millis(500);
const GLANCE: Duration = Duration::from_millis(2);

/// How a connection ended that nothing was wrong with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer has nothing more to say.
    Theirs,
    /// This node wants another one.
    Ours,
}

/// What is heard on a connection.
pub(super) struct Ear {
    pub(super) link: Link,
    pub(super) hear: Hear,
    /// Passes it on to the others.
    pub(super) is_hub: bool,
}

/// Runs a connection until it ends, or until `over` does.
pub(super) async fn run(
    ear: Ear,
    peer: &Arc<Peer>,
    stream: UnixStream,
    over: impl Future<Output = ()>,
) -> Result<Ended, Broken> {
    let (read, write) = stream.into_split();
    let link = ear.link.clone();
    // A task of its own, so that nothing cuts it off within a frame.
    let mut reader = JoinSet::new();
    reader.spawn(read_all(ear, Arc::clone(peer), read));
    let mut writing = pin!(write_all(link, peer, write));
    tokio::select! {
        read = reader.join_next() => {
            match read {
                Some(Ok(read)) => read?,
                Some(Err(ended)) => return Err(io::Error::other(ended).into()),
                None => {}
            }
            peer.set_connected(false);
            // They may still read: what waits for them goes out first.
            let emptied = async { while peer.is_waited_for() { sleep(GLANCE).await } };
            let _ = timeout(GOODBYE, async { tokio::select! { _ = writing => {}, () = emptied => {} } }).await;
            Ok(Ended::Theirs)
        }
        broken = &mut writing => Err(broken),
        () = peer.overrun() => Err(Broken::Overrun),
        () = over => {
            // Without its other half the peer knows; what it said before is still heard.
            tokio::spawn(timeout(GOODBYE, async move { reader.join_next().await }));
            Ok(Ended::Ours)
        }
    }
}

async fn read_all(ear: Ear, peer: Arc<Peer>, mut read: OwnedReadHalf) -> Result<(), Broken> {
    while let Some(frame) = frame::read(&mut read).await? {
        if ear.is_hub {
            ear.link.pass_on(&peer, &frame);
        }
        (ear.hear)(&frame);
    }
    Ok(())
}

async fn write_all(link: Link, peer: &Peer, mut write: OwnedWriteHalf) -> Broken {
    loop {
        let next = peer.next().await;
        if let Err(broken) = frame::write(&mut write, next.bytes()).await {
            return broken;
        }
        if peer.written(&next) {
            link.changed();
        }
    }
}
