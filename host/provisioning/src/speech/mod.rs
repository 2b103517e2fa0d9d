//! The voice of the node: what its AEs say leaves here under the pseudonym of the moment, and what arrives is believed or refused.
//!
//! No socket and no task: frames go in and out, and the clock and chance are passed in. Provisioning decides which pseudonyms are in
//! use and when the node is silent (`standing`); this module follows.
//!
//! ```text
//! sign, confide ──▶ frames ──▶ link        tick ──▶ frames ──▶ link
//! link ──▶ receive ──▶ Received { deliver, send, refused }
//! ```
//! A message needs the right that the table of topics gives its topic, in the sender's certificate, whichever way it goes and
//! however it is protected. Messages name no sender; a [`PeerId`] stands for the pseudonym behind one, and dies with it.
//!
//! **Architecture invariant:** nothing that is made here outlives a change of pseudonym: sequence numbers, peers' ids, associations,
//! questions for certificates and the beat of discovery all begin anew.

mod association;
mod broadcasts;
mod discovery;
mod frame;
mod outcome;
mod peers;
mod present;
mod recent;
mod refused;
mod state;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use m2m_trust::broadcast::DATA_BYTES_MAX;
use rand_core::CryptoRng;

pub use frame::{FRAME_BYTES_MAX, Frame};
pub use outcome::{Delivery, PeerId, Protection, Received, Recipient, Unsent};
pub use refused::Refused;

use crate::clock::Clock;
use crate::section::Topics;
use crate::standing::SharedStanding;
use frame::Envelope;
use present::{Present, Right};
use state::State;

/// The longest topic of a message that leaves, in bytes.
pub const TOPIC_BYTES_MAX: usize = 1024;

/// Speaks and listens under the node's pseudonyms. One for the node, shared by whoever sends and receives.
pub struct Speech {
    standing: SharedStanding,
    topics: Topics,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Speech {
    pub(crate) fn new(
        standing: SharedStanding,
        topics: Topics,
        clock: Arc<dyn Clock>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Arc<Self> {
        Arc::new(Self { standing, topics, clock, state: Mutex::new(State::new(rng)) })
    }

    /// Signs a broadcast.
    ///
    /// # Errors
    /// [`Unsent`].
    pub fn sign(&self, topic: &str, data: &[u8]) -> Result<Frame, Unsent> {
        let standing = self.standing.read();
        let present = Present::speaking(&standing, &*self.clock)?;
        let right = self.own_right(topic, &present)?;
        self.state(&present).sign(topic, right, data, &present)
    }

    /// Sends a message through associations. The frames are those to send now: where an association has to be made first, its
    /// opening, and the message follows by [`receive`](Self::receive) once the peer has answered.
    ///
    /// A peer that does not answer loses the message; [`undelivered`](Self::undelivered) counts that.
    ///
    /// # Errors
    /// [`Unsent`]. With [`Recipient::Listeners`], only when nobody got it.
    pub fn confide(&self, to: Recipient, topic: &str, data: &[u8]) -> Result<Vec<Frame>, Unsent> {
        let standing = self.standing.read();
        let present = Present::speaking(&standing, &*self.clock)?;
        let right = self.own_right(topic, &present)?;
        self.state(&present).confide(to, topic, right, data, &present)
    }

    /// Takes a frame from a link, at most [`FRAME_BYTES_MAX`].
    pub fn receive(&self, frame: &[u8]) -> Received {
        let standing = self.standing.read();
        let received = Present::new(&standing, &*self.clock).map_err(Refused::from).and_then(|present| {
            let mut state = self.state(&present);
            match Envelope::decode(frame)? {
                Envelope::Broadcast { topic, message } => state.hear(topic, &message, &self.topics, &present),
                Envelope::Association { packet } => state.take_packet(&packet, &self.topics, &present),
            }
        });
        received.unwrap_or_else(|refused| {
            self.lock().count(&refused);
            Received { refused: Some(refused), ..Received::default() }
        })
    }

    /// Which operations, such as `metering/command`, the AEs of this node listen to: peers are told, so that they can confide
    /// messages to it.
    pub fn accepts(&self, operations: &[String]) {
        self.lock().accepts = operations.to_vec();
    }

    /// To be called about once a second, at random intervals: a fixed beat would be heard before and after a change of pseudonym.
    /// Gives discovery, certificates that were asked for, openings that got no answer, and before a change the farewells.
    pub fn tick(&self) -> Vec<Frame> {
        let standing = self.standing.read();
        match Present::new(&standing, &*self.clock) {
            Ok(present) => self.state(&present).tick(&present),
            Err(_) => Vec::new(),
        }
    }

    /// An encoded [`Report`](m2m_trust::revocation::Report): the last verified broadcasts of a topic, as far as they came under the
    /// same certificate as the very last one. `None` when none came.
    #[must_use]
    pub fn recent(&self, topic: &str) -> Option<Vec<u8>> {
        self.lock().recent.report(topic)
    }

    /// Refused messages since the start, by cause.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.lock().refused.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect()
    }

    /// Confidential messages that were taken and then lost, because no association came about.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.lock().associations.undelivered()
    }

    /// Whether a pseudonym can be given up without loss: no message waits for an association, and every peer was told.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.lock().associations.is_drained()
    }

    fn own_right(&self, topic: &str, present: &Present<'_>) -> Result<Right, Unsent> {
        if topic.len() > TOPIC_BYTES_MAX {
            return Err(Unsent::TooLarge { size: topic.len(), limit: TOPIC_BYTES_MAX });
        }
        let operation = self.topics.operation(topic).ok_or_else(|| Unsent::NoRight(format!("topic `{topic}`")))?;
        let no_right = || Unsent::NoRight(format!("`{operation}`"));
        let right = Right::named(operation, present.bundle).ok_or_else(no_right)?;
        let active = present.standing.active.get(&right.service).ok_or(Unsent::NotAuthorized)?;
        if right.covered_by(&active.certificate.certificate) { Ok(right) } else { Err(no_right()) }
    }

    /// The state, after it followed the standing.
    fn state(&self, present: &Present<'_>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.follow(present);
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic left behind is bounded tables without invariants across them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
