//! Nodes that hear each other, a clock that tests move, and an observer who has every frame.

mod arbitrary;
mod associations;
mod broadcasts;
mod changes;
mod discovery;
mod floods;
mod secure_environment;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use m2m_trust::aif::Scope;
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::dev::{DevDomain, DevPseudonym, RepeatableRng, START, services};
use m2m_trust::identity::{Digest, Micros, Seconds};
use m2m_trust::revocation::{Crl, Revocations};
use m2m_trust::seal::Suite;

use super::{Delivery, Frame, PeerId, Received, Refused, Speech};
use crate::clock::Clock;
use crate::section::{OperationName, Topics};
use crate::standing::{Active, SharedStanding, Voice};

const FLOW: &str = "metering/7/flow";
const COMMAND: &str = "metering/7/command";
const ALARM: &str = "alarm/7";

/// Microseconds since 1970.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::Relaxed))
    }
}

impl Hands {
    fn pass_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1000, Ordering::Relaxed);
    }

    fn back_ms(&self, ms: u64) {
        self.0.fetch_sub(ms * 1000, Ordering::Relaxed);
    }
}

struct World {
    domain: DevDomain,
    clock: Arc<Hands>,
    nodes: u32,
}

struct Node {
    speech: Arc<Speech>,
    standing: SharedStanding,
}

fn world() -> World {
    World {
        domain: DevDomain::new("speech", Suite::X25519),
        clock: Arc::new(Hands(AtomicU64::new(Micros::from(START).0 + 10_000_000))),
        nodes: 0,
    }
}

fn reports() -> Scope {
    Scope::empty().with(services::METERING, services::report())
}

fn commands() -> Scope {
    Scope::empty().with(services::METERING, services::command())
}

fn alarms() -> Scope {
    Scope::empty().with(services::ALARM, services::report())
}

fn topics() -> Topics {
    let table = [
        ("metering/report", "metering/+/flow"),
        ("metering/command", "metering/+/command"),
        ("alarm/raise", "alarm/#"),
        ("maintenance/reset", "maintenance/#"),
    ];
    let entry = |(operation, filter): (&str, &str)| {
        (OperationName::try_from(operation.to_owned()).unwrap(), vec![filter.to_owned()])
    };
    Topics::try_from(table.into_iter().map(entry).collect::<BTreeMap<_, _>>()).unwrap()
}

impl World {
    /// A node that speaks under one pseudonym for each scope; under none, it listens.
    fn node(&mut self, scopes: &[Scope]) -> Node {
        self.nodes += 1;
        let standing = SharedStanding::default();
        {
            let mut standing = standing.write();
            standing.bundle = Some(Arc::new(self.domain.bundle.clone()));
            standing.floor = ClockFloor { time: START, ..ClockFloor::default() };
        }
        let rng = RepeatableRng::new(&format!("node {}", self.nodes));
        let speech = Speech::new(standing.clone(), topics(), self.clock.clone(), Box::new(rng));
        let node = Node { speech, standing };
        node.change(self.pseudonyms(scopes));
        node
    }

    /// A node that reports and listens to commands.
    fn meter(&mut self) -> Node {
        let meter = self.node(&[reports()]);
        meter.speech.accepts(&["metering/command".to_owned()]);
        meter
    }

    /// A node that commands and listens to reports.
    fn controller(&mut self) -> Node {
        let controller = self.node(&[commands()]);
        controller.speech.accepts(&["metering/report".to_owned()]);
        controller
    }

    fn pseudonyms(&mut self, scopes: &[Scope]) -> Vec<DevPseudonym> {
        scopes.iter().map(|scope| self.domain.pseudonym(scope.clone())).collect()
    }

    /// Puts these certificates on the AA's list, as `node` knows it.
    fn revoke(&self, certificates: Vec<Digest>, node: &Node) {
        let now = Seconds(self.clock.now().0 / 1_000_000);
        let crl = Crl {
            issuer: self.domain.aa.id.clone(),
            sequence: 1,
            this_update: now,
            next_update: now.plus(600),
            batches: vec![],
            certificates,
        };
        let crl = crl.issue(&self.domain.bundle.domain, &self.domain.aa.signing).unwrap();
        let (mut standing, mut revocations) = (node.standing.write(), Revocations::default());
        let now = standing.floor.admit(self.clock.now()).unwrap();
        revocations.accept(&crl, &self.domain.bundle, now, &mut standing.floor).unwrap();
        standing.revocations = revocations;
    }
}

impl Node {
    /// New pseudonyms in place of all old ones; the node speaks if it has any.
    fn change(&self, pseudonyms: Vec<DevPseudonym>) {
        let mut standing = self.standing.write();
        standing.voice = if pseudonyms.is_empty() { Voice::NotAuthorized } else { Voice::Speaking };
        standing.generation += 1;
        standing.active = pseudonyms.into_iter().map(entry).collect();
    }

    fn voice(&self, voice: Voice) {
        self.standing.write().voice = voice;
    }

    fn certificate(&self) -> Digest {
        self.standing.read().active.values().next().unwrap().certificate.certificate.digest()
    }

    /// A frame that must be delivered.
    fn delivered(&self, frame: &Frame) -> Delivery {
        let Received { deliver, send, refused } = self.speech.receive(&frame.0);
        assert_eq!((send, refused), (vec![], None));
        deliver.expect("a delivery")
    }

    /// A frame that must be refused.
    fn refused(&self, frame: &Frame) -> Refused {
        let Received { deliver, send, refused } = self.speech.receive(&frame.0);
        assert_eq!((deliver, send), (None, vec![]));
        refused.expect("a refusal")
    }

    /// A frame that must come to nothing.
    fn ignored(&self, frame: &Frame) {
        assert_eq!(self.speech.receive(&frame.0), Received::default());
    }

    fn count(&self, cause: &str) -> u64 {
        self.speech.refused().get(cause).copied().unwrap_or(0)
    }
}

fn entry(pseudonym: DevPseudonym) -> (m2m_trust::identity::ServiceId, Active) {
    let certificate = &pseudonym.certificate.certificate;
    let service = certificate.scope().services().next().unwrap();
    let slot_end = certificate.claims().expires;
    let (noise, certificate) = (pseudonym.noise.clone(), pseudonym.certificate.clone());
    (service, Active { certificate, signer: Arc::new(pseudonym.signer), noise, slot_end })
}

/// `by` learns of `of` from a broadcast with the whole certificate.
fn meet(world: &World, of: &Node, by: &Node) -> PeerId {
    world.clock.pass_ms(1000);
    by.delivered(&of.speech.sign(FLOW, b"here").unwrap()).peer
}

/// What came of frames that went back and forth until nothing more was said.
#[derive(Debug, Default)]
struct Talk {
    deliveries: Vec<Delivery>,
    refused: Vec<Refused>,
    /// All that an observer saw, in order.
    frames: Vec<Frame>,
}

/// Carries frames from one node to the other, and the answers back, and so on.
fn talk(from: &Node, to: &Node, frames: Vec<Frame>) -> Talk {
    let mut talk = Talk::default();
    let (mut sender, mut receiver, mut going) = (from, to, frames);
    while !going.is_empty() {
        let mut answers = Vec::new();
        for frame in going {
            let Received { deliver, send, refused } = receiver.speech.receive(&frame.0);
            talk.deliveries.extend(deliver);
            talk.refused.extend(refused);
            talk.frames.push(frame);
            answers.extend(send);
        }
        (sender, receiver, going) = (receiver, sender, answers);
    }
    talk
}
