//! What waits to leave the node: not signed yet, in a bounded queue of each AE, served in turn.
//!
//! A message is signed when its turn comes, under the pseudonym of that moment: certificates live an hour, and a link can be
//! down for longer.
//!
//! INVARIANT (fair way out): whoever has something to send is served once before anybody is served twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::message::{Payload, Peer, SharedTopic};

/// How many messages of one AE may wait.
pub(crate) const MESSAGES_MAX: usize = 256;
/// And how many bytes they may have together, topics included.
pub(crate) const BYTES_MAX: usize = 1024 * 1024;

/// Who is to have a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Whoever hears it; signed.
    Everybody,
    /// The peers that said they listen to such messages; confidential.
    WhoeverServes,
    /// One peer; confidential.
    Peer(Peer),
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) topic: SharedTopic,
    pub(crate) payload: Payload,
    pub(crate) to: Destination,
    /// When it was taken.
    pub(crate) since: Instant,
}

/// How one AE's queue stands, for `m2m-host status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutboundReport {
    /// Messages that wait.
    pub waiting: usize,
    /// Messages that left.
    pub sent: u64,
    /// Messages that were given up, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// The queues of all AEs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbound(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queues: Mutex<Queues>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queues {
    of_aes: Vec<OfAe>,
    /// Whose turn it is.
    next: usize,
}

#[derive(Debug, Default)]
struct OfAe {
    /// One for each kind of destination: what waits for a peer holds up nothing else.
    lanes: [Lane; LANES],
    /// Whose turn it is.
    next: usize,
    /// Messages that wait, are promised room, or are being sent.
    messages: usize,
    bytes: usize,
    sent: u64,
    dropped: BTreeMap<&'static str, u64>,
}

const LANES: usize = 3;

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Leaving>,
    not_before: Option<Instant>,
}

/// One AE's end.
#[derive(Debug, Clone)]
pub(crate) struct OutboundQueue {
    shared: Arc<Shared>,
    ae: usize,
}

/// Room for one message; dropped unfilled, the room is free again.
#[derive(Debug)]
pub(crate) struct Room {
    queue: OutboundQueue,
    bytes: usize,
    is_filled: bool,
}

/// Whose turn it is.
#[derive(Debug)]
pub(crate) enum Turn {
    /// This one's.
    Of(Taken),
    /// Nobody's before then.
    NotBefore(Instant),
    /// Nothing waits.
    Nobody,
}

/// A message whose turn it is. To be given to [`Outbound::sent`], [`Outbound::put_back`] or [`Outbound::give_up`].
#[derive(Debug)]
pub(crate) struct Taken {
    ae: usize,
    pub(crate) message: Leaving,
}

impl Outbound {
    /// A queue for one more AE.
    pub(crate) fn queue(&self) -> OutboundQueue {
        let mut queues = self.0.lock();
        queues.of_aes.push(OfAe::default());
        OutboundQueue { shared: Arc::clone(&self.0), ae: queues.of_aes.len() - 1 }
    }

    /// Resolves when a message came since the last time.
    pub(crate) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// The next message, taking turns between AEs.
    pub(crate) fn take(&self, now: Instant) -> Turn {
        self.0.lock().take(now)
    }

    /// It left.
    pub(crate) fn sent(&self, taken: &Taken) {
        self.0.end(taken, |ae| ae.sent += 1);
    }

    /// Its turn comes again, not before `not_before`; what its AE sent after it to the like waits behind it.
    pub(crate) fn put_back(&self, taken: Taken, not_before: Instant) {
        let mut queues = self.0.lock();
        let lane = queues.of_aes.get_mut(taken.ae).and_then(|ae| ae.lanes.get_mut(taken.message.to.lane()));
        if let Some(lane) = lane {
            lane.not_before = Some(not_before);
            lane.queue.push_front(taken.message);
        }
    }

    /// It will not leave. Gives how many of its AE did not for this reason so far.
    pub(crate) fn give_up(&self, taken: &Taken, reason: &'static str) -> u64 {
        let mut so_far = 0;
        self.0.end(taken, |ae| {
            let dropped = ae.dropped.entry(reason).or_default();
            *dropped += 1;
            so_far = *dropped;
        });
        so_far
    }
}

impl OutboundQueue {
    /// Room for a message; `None` where the AE's queue is full.
    pub(crate) fn reserve(&self, topic: &SharedTopic, payload: &Payload) -> Option<Room> {
        let bytes = size(topic, payload);
        let mut queues = self.shared.lock();
        let ae = queues.of_aes.get_mut(self.ae)?;
        if ae.messages >= MESSAGES_MAX || ae.bytes + bytes > BYTES_MAX {
            return None;
        }
        ae.messages += 1;
        ae.bytes += bytes;
        Some(Room { queue: self.clone(), bytes, is_filled: false })
    }

    pub(crate) fn report(&self) -> OutboundReport {
        let queues = self.shared.lock();
        let Some(ae) = queues.of_aes.get(self.ae) else { return OutboundReport::default() };
        OutboundReport {
            waiting: ae.lanes.iter().map(|lane| lane.queue.len()).sum(),
            sent: ae.sent,
            dropped: ae.dropped.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
        }
    }
}

impl Room {
    /// Queues the message that the room was made for.
    pub(crate) fn fill(mut self, topic: SharedTopic, payload: Payload, to: Destination) {
        let message = Leaving { topic, payload, to, since: Instant::now() };
        {
            let mut queues = self.queue.shared.lock();
            let lane = queues.of_aes.get_mut(self.queue.ae).and_then(|ae| ae.lanes.get_mut(to.lane()));
            let Some(lane) = lane else { return };
            lane.queue.push_back(message);
        }
        self.is_filled = true;
        self.queue.shared.arrived.notify_one();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.is_filled {
            self.queue.shared.free(self.queue.ae, self.bytes);
        }
    }
}

impl Destination {
    fn lane(self) -> usize {
        match self {
            Self::Everybody => 0,
            Self::WhoeverServes => 1,
            Self::Peer(_) => 2,
        }
    }
}

impl Shared {
    fn end(&self, taken: &Taken, count: impl FnOnce(&mut OfAe)) {
        self.free(taken.ae, size(&taken.message.topic, &taken.message.payload));
        if let Some(ae) = self.lock().of_aes.get_mut(taken.ae) {
            count(ae);
        }
    }

    fn free(&self, ae: usize, bytes: usize) {
        if let Some(ae) = self.lock().of_aes.get_mut(ae) {
            ae.messages -= 1;
            ae.bytes -= bytes;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn take(&mut self, now: Instant) -> Turn {
        let mut earliest: Option<Instant> = None;
        let count = self.of_aes.len();
        for step in 0..count {
            let place = (self.next + step) % count;
            let Some(ae) = self.of_aes.get_mut(place) else { continue };
            match ae.take(now) {
                Ok(message) => {
                    self.next = place + 1;
                    return Turn::Of(Taken { ae: place, message });
                }
                Err(not_before) => earliest = earliest.into_iter().chain(not_before).min(),
            }
        }
        earliest.map_or(Turn::Nobody, Turn::NotBefore)
    }
}

impl OfAe {
    /// Its next message, or when there may be one.
    fn take(&mut self, now: Instant) -> Result<Leaving, Option<Instant>> {
        let mut earliest: Option<Instant> = None;
        for step in 0..LANES {
            let place = (self.next + step) % LANES;
            let Some(lane) = self.lanes.get_mut(place) else { continue };
            match lane.not_before {
                Some(not_before) if not_before > now && !lane.queue.is_empty() => {
                    earliest = earliest.into_iter().chain([not_before]).min();
                    continue;
                }
                _ => lane.not_before = None,
            }
            if let Some(message) = lane.queue.pop_front() {
                self.next = place + 1;
                return Ok(message);
            }
        }
        Err(earliest)
    }
}

fn size(topic: &SharedTopic, payload: &Payload) -> usize {
    topic.as_str().len() + payload.bytes().len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn send(queue: &OutboundQueue, topic: &str, to: Destination) -> bool {
        let (topic, payload) = (SharedTopic::new(topic).unwrap(), Payload::empty());
        queue.reserve(&topic, &payload).map(|room| room.fill(topic, payload, to)).is_some()
    }

    fn next(outbound: &Outbound, now: Instant) -> Option<Taken> {
        match outbound.take(now) {
            Turn::Of(taken) => Some(taken),
            Turn::NotBefore(_) | Turn::Nobody => None,
        }
    }

    fn topics(outbound: &Outbound, count: usize) -> Vec<String> {
        let mut topics = Vec::new();
        for _ in 0..count {
            let taken = next(outbound, Instant::now()).unwrap();
            outbound.sent(&taken);
            topics.push(taken.message.topic.as_str().to_owned());
        }
        topics
    }

    #[test]
    fn a_flood_of_one_ae_does_not_hold_up_another() {
        let outbound = Outbound::default();
        let (storm, meter) = (outbound.queue(), outbound.queue());
        for number in 0..MESSAGES_MAX {
            assert!(send(&storm, &format!("storm/{number}"), Destination::Everybody));
        }
        assert!(!send(&storm, "storm/more", Destination::Everybody), "its queue is full");
        assert!(send(&meter, "meter/0", Destination::Everybody), "and the other's is not");
        assert!(send(&meter, "meter/1", Destination::Everybody));
        assert_eq!(topics(&outbound, 5), ["storm/0", "meter/0", "storm/1", "meter/1", "storm/2"]);
        assert!(send(&storm, "storm/more", Destination::Everybody), "room again");
        assert_eq!((storm.report().sent, storm.report().waiting), (3, MESSAGES_MAX - 2));
    }

    #[test]
    fn bytes_are_bounded_as_well_as_messages() {
        let queue = Outbound::default().queue();
        let topic = SharedTopic::new("t").unwrap();
        let payload = Payload::try_from(vec![0; 64 * 1024]).unwrap();
        let rooms: Vec<_> = std::iter::from_fn(|| queue.reserve(&topic, &payload)).collect();
        assert_eq!(rooms.len(), BYTES_MAX / (64 * 1024 + 1));
        drop(rooms);
        assert!(queue.reserve(&topic, &payload).is_some(), "what is not filled is free again");
    }

    #[test]
    fn what_waits_for_a_peer_holds_up_nothing_else() {
        let outbound = Outbound::default();
        let queue = outbound.queue();
        for (topic, to) in [
            ("command", Destination::WhoeverServes),
            ("command/2", Destination::WhoeverServes),
            ("flow", Destination::Everybody),
        ] {
            assert!(send(&queue, topic, to));
        }
        let now = Instant::now();
        let again = now + Duration::from_secs(1);
        // Lanes take turns: the broadcast is first in its own.
        assert_eq!(topics(&outbound, 1), ["flow"]);
        outbound.put_back(next(&outbound, now).unwrap(), again);
        match outbound.take(now) {
            Turn::NotBefore(at) => assert_eq!(at, again),
            other => panic!("{other:?}"),
        }
        assert!(send(&queue, "flow/2", Destination::Everybody));
        assert_eq!(topics(&outbound, 1), ["flow/2"]);
        let first = next(&outbound, again).unwrap();
        assert_eq!(first.message.topic.as_str(), "command", "order is kept");
        outbound.give_up(&first, "no-peer");
        assert_eq!(topics(&outbound, 1), ["command/2"]);
        assert!(matches!(outbound.take(now), Turn::Nobody));
        assert_eq!(queue.report().dropped, BTreeMap::from([("no-peer".to_owned(), 1)]));
    }
}
