//! More than a node wants to hear.

use m2m_trust::association::{Opening, OwnPseudonym, Target, initiate};
use m2m_trust::certificate::Receiver;
use m2m_trust::clock_floor::Now;

use super::*;
use crate::speech::Recipient;
use crate::speech::association::limits::{ASSOCIATIONS_MAX, HALF_OPEN_MAX, OPENINGS_PER_SECOND};

/// An attacker with a certificate, who opens associations and finishes none.
struct Flood {
    own: OwnPseudonym,
    rng: RepeatableRng,
}

impl Flood {
    fn opening(&mut self, world: &World, target: &Node) -> Frame {
        let revocations = Revocations::default();
        let receiver = Receiver { bundle: &world.domain.bundle, revocations: &revocations, region: None };
        let standing = target.standing.read();
        let certificate = &standing.active[&services::METERING].certificate.certificate;
        let target = Target { certificate, service: services::METERING, operation: services::command() };
        let now: Now = standing.floor.admit(world.clock.now()).unwrap();
        let (packet, _) = initiate(&self.own, &target, &receiver, now, &mut self.rng).unwrap();
        assert!(Opening::decode(&packet).is_ok());
        Frame::association(packet)
    }
}

fn flood(world: &mut World) -> Flood {
    Flood { own: world.domain.pseudonym(commands()).own(), rng: RepeatableRng::new("flood") }
}

#[test]
fn openings_are_answered_at_a_bounded_rate_and_push_out_no_association() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"1").unwrap());
    world.clock.pass_ms(2000);

    let mut flood = flood(&mut world);
    let mut answers = 0;
    for _ in 0..2 * OPENINGS_PER_SECOND {
        let Received { send, refused, .. } = meter.speech.receive(&flood.opening(&world, &meter).0);
        answers += send.len() as u64;
        assert_eq!(send.is_empty(), refused == Some(Refused::TooManyOpenings));
    }
    assert_eq!(answers, OPENINGS_PER_SECOND);
    assert_eq!(meter.count("too-many-openings"), OPENINGS_PER_SECOND);
    let next = controller.speech.confide(to, COMMAND, b"2").unwrap();
    assert_eq!(meter.delivered(&next[0]).payload, b"2");
    // After a second there is room for others again, unfinished handshakes notwithstanding.
    world.clock.pass_ms(1000);
    let other = world.controller();
    let to = Recipient::Peer(meet(&world, &meter, &other));
    assert_eq!(talk(&other, &meter, other.speech.confide(to, COMMAND, b"3").unwrap()).deliveries.len(), 1);
}

#[test]
fn the_oldest_unfinished_handshake_makes_room() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let open = |controller: &Node| {
        let opening = controller.speech.confide(to, COMMAND, b"1").unwrap().remove(0);
        let answer = meter.speech.receive(&opening.0).send.remove(0);
        controller.speech.receive(&answer.0).send
    };
    let first = open(&controller);
    let mut flood = flood(&mut world);
    for number in 0..HALF_OPEN_MAX {
        world.clock.pass_ms(if number % 8 == 0 { 200 } else { 0 });
        assert_eq!(meter.speech.receive(&flood.opening(&world, &meter).0).send.len(), 1, "{number}");
    }
    // The confirmation comes too late, as it would after five seconds of nothing.
    meter.ignored(&first[0]);
    world.clock.pass_ms(1000);
    let other = world.controller();
    let to = Recipient::Peer(meet(&world, &meter, &other));
    assert_eq!(talk(&other, &meter, other.speech.confide(to, COMMAND, b"2").unwrap()).deliveries.len(), 1);
}

#[test]
fn unfinished_handshakes_end_after_5_seconds() {
    let mut world = world();
    let meter = world.meter();
    for (wait_ms, delivered) in [(4999, 2), (5000, 0)] {
        let controller = world.controller();
        let to = Recipient::Peer(meet(&world, &meter, &controller));
        let opening = controller.speech.confide(to, COMMAND, b"1").unwrap().remove(0);
        controller.speech.confide(to, COMMAND, b"2").unwrap();
        let answer = meter.speech.receive(&opening.0).send.remove(0);
        world.clock.pass_ms(wait_ms);
        meter.speech.tick();
        let frames = controller.speech.receive(&answer.0).send;
        assert_eq!(talk(&controller, &meter, frames).deliveries.len(), delivered);
    }
}

#[test]
fn one_peer_has_two_associations_at_most() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    // The same pseudonym, by nodes that know nothing of each other's associations.
    let controllers: Vec<_> = (0..3).map(|number| fresh(&controller, &world, number)).collect();
    let late: Vec<Frame> = controllers
        .iter()
        .map(|controller| {
            let to = Recipient::Peer(meet(&world, &meter, controller));
            world.clock.pass_ms(1000);
            let heard = talk(controller, &meter, controller.speech.confide(to, COMMAND, b"1").unwrap());
            assert_eq!(heard.deliveries.len(), 1);
            controller.speech.confide(to, COMMAND, b"2").unwrap().remove(0)
        })
        .collect();
    meter.ignored(&late[0]);
    meter.delivered(&late[1]);
    meter.delivered(&late[2]);
}

/// The same pseudonym, by a node that has said nothing yet: its next message has the whole certificate.
fn fresh(node: &Node, world: &World, number: u32) -> Node {
    let rng = Box::new(RepeatableRng::new(&format!("fresh {number}")));
    let speech = Speech::new(node.standing.clone(), topics(), world.clock.clone(), rng);
    Node { speech, standing: node.standing.clone() }
}

#[test]
fn a_full_table_takes_new_associations_only_in_place_of_idle_or_revoked_ones() {
    let mut world = world();
    let meter = world.meter();
    // The others must not become idle meanwhile: a fresh node shows the whole certificate at once.
    let open = |world: &mut World| {
        world.clock.pass_ms(20);
        let controller = world.node(&[commands()]);
        let announced = fresh(&meter, world, 0).speech.sign(FLOW, b"").unwrap();
        let to = Recipient::Peer(controller.delivered(&announced).peer);
        let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"1").unwrap());
        (heard, controller.certificate())
    };
    let mut peers = Vec::new();
    for number in 0..ASSOCIATIONS_MAX {
        let (heard, certificate) = open(&mut world);
        assert_eq!(heard.deliveries.len(), 1, "{number}");
        peers.push(certificate);
    }
    // Nothing is answered, so that the other side knows.
    let refused = |talk: &Talk| (talk.frames.len(), talk.refused.clone()) == (1, vec![Refused::TooManyAssociations]);
    assert!(refused(&open(&mut world).0));
    world.revoke(vec![peers[7]], &meter);
    assert!(refused(&open(&mut world).0));
    meter.speech.tick();
    assert_eq!(open(&mut world).0.deliveries.len(), 1);
    assert!(refused(&open(&mut world).0));
    world.clock.pass_ms(60_000);
    assert_eq!(open(&mut world).0.deliveries.len(), 1);
}
