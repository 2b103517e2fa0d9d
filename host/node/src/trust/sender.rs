//! Signs what waits to leave, when its turn comes and the link has room.

use std::sync::Arc;
use std::time::Duration;

use m2m_provisioning::speech::{Frame, Recipient, Speech, Unsent};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Air;
use crate::transport::message::Peer;
use crate::transport::outbound::{Destination, Leaving, Outbound, Taken, Turn};

/// How long a message waits for a peer that listens to it.
const PEER_PATIENCE: Duration = Duration::from_secs(10);
/// When it is tried again, by what is in the way.
const SILENT_PAUSE: Duration = Duration::from_millis(20);
const PEER_PAUSE: Duration = Duration::from_millis(200);
const OTHER_PAUSE: Duration = Duration::from_secs(1);

/// Makes frames of a message.
pub(super) trait Voice: Send + Sync {
    /// # Errors
    /// Nothing of it leaves.
    fn say(&self, message: &Leaving) -> Result<Vec<Frame>, Unsent>;
}

impl Voice for Speech {
    fn say(&self, message: &Leaving) -> Result<Vec<Frame>, Unsent> {
        let (topic, data) = (message.topic.as_str(), message.payload.bytes());
        match message.to {
            Destination::Everybody => self.sign(topic, data).map(|frame| vec![frame]),
            Destination::WhoeverServes => self.confide(Recipient::Listeners, topic, data),
            Destination::Peer(Peer(id)) => self.confide(Recipient::Peer(id), topic, data),
        }
    }
}

/// Empties the queues of all AEs, in turn.
pub(super) struct Sender {
    pub(super) outbound: Outbound,
    pub(super) air: Arc<Air>,
    pub(super) voice: Arc<dyn Voice>,
}

/// What becomes of a message that was not sent.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    TryAgain(Duration),
    GiveUp(&'static str),
}

impl Sender {
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.air.ready() => {}
            }
            let now = Instant::now();
            let idle = match self.outbound.take(now) {
                Turn::Of(taken) => {
                    self.send(taken);
                    // So that a long queue does not keep a thread to itself.
                    tokio::task::yield_now().await;
                    continue;
                }
                Turn::NotBefore(then) => then.saturating_duration_since(now),
                Turn::Nobody => Duration::MAX,
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.outbound.arrived() => {}
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    fn send(&self, taken: Taken) {
        let said = self.air.speak(|| match self.voice.say(&taken.message) {
            Ok(frames) => (Ok(()), frames),
            Err(unsent) => (Err(unsent), Vec::new()),
        });
        let Err(unsent) = said else { return self.outbound.sent(&taken) };
        match fate(&unsent, &taken.message) {
            Fate::TryAgain(pause) => self.outbound.put_back(taken, Instant::now() + pause),
            Fate::GiveUp(reason) => {
                let so_far = self.outbound.give_up(&taken, reason);
                // The second, fourth, eighth …: an AE that goes on all the same is not to fill the log.
                if so_far.is_power_of_two() {
                    let topic = taken.message.topic.as_str().escape_debug();
                    tracing::warn!(%topic, reason, so_far, "a message does not leave: {unsent}");
                }
            }
        }
    }
}

/// What waits is not signed yet, so it can wait for as long as its AE's queue has room.
fn fate(unsent: &Unsent, message: &Leaving) -> Fate {
    match unsent {
        Unsent::Silent { .. } => Fate::TryAgain(SILENT_PAUSE),
        Unsent::Clock(_) | Unsent::NotAuthorized | Unsent::Unavailable(_) => Fate::TryAgain(OTHER_PAUSE),
        // One peer does not come back under the same number; somebody who listens may be met soon.
        Unsent::NoPeer if message.to == Destination::WhoeverServes && message.since.elapsed() < PEER_PATIENCE => {
            Fate::TryAgain(PEER_PAUSE)
        }
        Unsent::NoPeer => Fate::GiveUp("no-peer"),
        Unsent::NoRight(_) => Fate::GiveUp("no-right"),
        Unsent::TooLarge { .. } => Fate::GiveUp("too-large"),
    }
}

#[cfg(test)]
mod tests;
