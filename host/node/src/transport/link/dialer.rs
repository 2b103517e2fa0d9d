//! The end that connects: again, with growing pauses, whenever the connection ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use tokio::sync::watch;

use super::connection::{self, Ear, Ended};
use super::peer::Peer;
use super::{Hear, Link};

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A connection that held so long was a good one: the next pause is short again.
const GOOD: Duration = Duration::from_secs(1);

pub(super) async fn run(link: Link, path: PathBuf, hear: Hear, mut stop: watch::Receiver<bool>) {
    let peer = Arc::new(Peer::default());
    link.add(&peer);
    let dialing = dial_for_ever(&link, &peer, &path, &hear);
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = dialing => {}
    }
    link.remove(&peer);
}

async fn dial_for_ever(link: &Link, peer: &Arc<Peer>, path: &PathBuf, hear: &Hear) {
    let mut pause = PAUSE_MIN;
    // What is told: not each connection, of which there is a new one with every change of pseudonym.
    let (mut is_up, mut is_down) = (false, false);
    loop {
        let mut wanted = link.0.wanted.subscribe();
        let Ok(number) = wanted.wait_for(|wanted| wanted.is_up).await.map(|wanted| wanted.number) else { return };
        let began = Instant::now();
        let ended = match UnixStream::connect(path).await {
            Ok(stream) => {
                if !is_up {
                    tracing::info!(path = %path.display(), "link is up");
                }
                (is_up, is_down) = (true, false);
                peer.set_connected(true);
                link.changed();
                let over = async { drop(wanted.wait_for(|wanted| !wanted.is_up || wanted.number != number).await) };
                let ear = Ear { link: link.clone(), hear: Arc::clone(hear), is_hub: false };
                let ended = connection::run(ear, peer, stream, over).await;
                peer.set_connected(false);
                ended
            }
            Err(error) => Err(error.into()),
        };
        match ended {
            Ok(Ended::Ours) => continue,
            Ok(Ended::Theirs) => tracing::info!(path = %path.display(), "link is down: the other side ended it"),
            // Once: it is tried for as long as the node runs.
            Err(broken) if !is_down => tracing::warn!(path = %path.display(), "link is down: {broken}"),
            Err(_) => {}
        }
        (is_up, is_down) = (false, true);
        pause = if began.elapsed() >= GOOD { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
}
