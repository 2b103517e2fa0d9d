//! The end that listens.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{self, Ear};
use super::peer::Peer;
use super::{Hear, Link};

/// How many may be connected at a time.
const PEERS_MAX: usize = 64;
/// The pause after a connection that broke: whoever sends garbage is not to fill the log.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the socket, for this user alone. One that was left behind makes way; anything else at its place does not.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else than a socket")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub(super) async fn run(
    link: Link,
    listener: UnixListener,
    path: PathBuf,
    hear: Hear,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if link.count() < PEERS_MAX => {
                connections.spawn(serve(link.clone(), stream, Arc::clone(&hear)));
            }
            Ok(_) => {
                tracing::warn!("link: a peer was turned away, {PEERS_MAX} are connected");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!("link: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = std::fs::remove_file(path);
}

async fn serve(link: Link, stream: UnixStream, hear: Hear) {
    let peer = Arc::new(Peer::default());
    peer.set_connected(true);
    link.add(&peer);
    tracing::debug!("link: a peer came");
    let ear = Ear { link: link.clone(), hear, is_hub: true };
    let ended = connection::run(ear, &peer, stream, std::future::pending()).await;
    link.remove(&peer);
    match ended {
        Ok(_) => tracing::debug!("link: a peer went"),
        Err(broken) => {
            tracing::warn!("link: a peer was dropped: {broken}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
