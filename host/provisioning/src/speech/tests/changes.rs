//! Silence and changes of pseudonym, on either side.

use m2m_trust::identity::Micros;

use super::*;
use crate::speech::frame::Envelope;
use crate::speech::{Recipient, Unsent};

#[test]
fn a_node_that_drains_or_is_silent_signs_nothing_and_still_hears() {
    let mut world = world();
    let (meter, other) = (world.meter(), world.meter());
    let until = Micros(world.clock.now().0 + 3_000_000);
    for (voice, unsent) in [
        (Voice::Draining, Unsent::Silent { until: None }),
        (Voice::Silent { until }, Unsent::Silent { until: Some(until) }),
        (Voice::NotAuthorized, Unsent::NotAuthorized),
    ] {
        meter.voice(voice);
        assert_eq!(meter.speech.sign(FLOW, b""), Err(unsent.clone()));
        assert_eq!(meter.speech.confide(Recipient::Listeners, FLOW, b""), Err(unsent));
        assert_eq!(meter.speech.tick(), vec![]);
        meter.delivered(&other.speech.sign(FLOW, b"17").unwrap());
    }
    meter.voice(Voice::Speaking);
    assert!(meter.speech.sign(FLOW, b"").is_ok());
}

#[test]
fn a_silent_node_answers_no_opening() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let opening = controller.speech.confide(to, COMMAND, b"close").unwrap().remove(0);
    meter.voice(Voice::Silent { until: Micros(u64::MAX) });
    meter.ignored(&opening);
    meter.voice(Voice::Draining);
    meter.ignored(&opening);
    meter.voice(Voice::Speaking);
    assert_eq!(talk(&controller, &meter, vec![opening]).deliveries.len(), 1);
}

#[test]
fn before_a_change_peers_are_told_and_what_waits_is_finished() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.ignored(&meter.speech.tick()[0]);
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let opening = controller.speech.confide(to, COMMAND, b"close").unwrap();
    controller.voice(Voice::Draining);
    assert!(!controller.speech.is_drained());
    assert_eq!(talk(&controller, &meter, opening).deliveries.len(), 1);
    assert!(!controller.speech.is_drained());
    let farewells = controller.speech.tick();
    assert_eq!((farewells.len(), controller.speech.is_drained()), (1, true));
    assert_eq!(controller.speech.tick(), vec![]);
    meter.ignored(&farewells[0]);
    // The peer is gone for the meter, until it is heard again.
    meter.ignored(&farewells[0]);
    assert_eq!(meter.speech.refused(), BTreeMap::new());
}

#[test]
fn a_farewell_ends_the_association_and_forgets_the_peer() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.ignored(&meter.speech.tick()[0]);
    let frames = controller.speech.confide(Recipient::Listeners, COMMAND, b"close").unwrap();
    talk(&controller, &meter, frames);
    meter.voice(Voice::Draining);
    controller.ignored(&meter.speech.tick()[0]);
    assert_eq!(controller.speech.confide(Recipient::Listeners, COMMAND, b""), Err(Unsent::NoPeer));
}

#[test]
fn after_the_own_change_associations_and_ids_of_peers_are_gone() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.ignored(&meter.speech.tick()[0]);
    let peer = meet(&world, &meter, &controller);
    talk(&controller, &meter, controller.speech.confide(Recipient::Peer(peer), COMMAND, b"1").unwrap());
    let late = controller.speech.confide(Recipient::Peer(peer), COMMAND, b"2").unwrap();
    let waiting = world.meter();
    let unanswered = meet(&world, &waiting, &controller);
    controller.speech.confide(Recipient::Peer(unanswered), COMMAND, b"lost").unwrap();

    controller.change(world.pseudonyms(&[commands()]));
    assert_eq!(controller.speech.confide(Recipient::Peer(peer), COMMAND, b"3"), Err(Unsent::NoPeer));
    assert_eq!(controller.speech.undelivered(), 1);
    let again = meet(&world, &meter, &controller);
    assert_ne!(again, peer);
    // Listeners are still known: hearing tells nobody anything.
    let heard = talk(&controller, &meter, controller.speech.confide(Recipient::Listeners, COMMAND, b"4").unwrap());
    assert_eq!((heard.frames.len(), heard.deliveries.len()), (4, 1));
    // What the meter still holds of the old association is open until its end, and is another peer.
    let late = meter.delivered(&late[0]);
    assert_ne!(late.peer, heard.deliveries[0].peer);
}

#[test]
fn after_the_peers_change_its_old_pseudonym_does_not_answer() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let peer = meet(&world, &meter, &controller);
    talk(&controller, &meter, controller.speech.confide(Recipient::Peer(peer), COMMAND, b"1").unwrap());
    meter.change(world.pseudonyms(&[reports()]));
    let lost = controller.speech.confide(Recipient::Peer(peer), COMMAND, b"2").unwrap();
    meter.ignored(&lost[0]);
    let new = meet(&world, &meter, &controller);
    assert_ne!(new, peer);
    let heard = talk(&controller, &meter, controller.speech.confide(Recipient::Peer(new), COMMAND, b"3").unwrap());
    assert_eq!(heard.deliveries.len(), 1);
}

#[test]
fn a_new_trust_bundle_ends_what_was_believed_under_the_old_one() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let peer = meet(&world, &meter, &controller);
    talk(&controller, &meter, controller.speech.confide(Recipient::Peer(peer), COMMAND, b"1").unwrap());
    let mut bundle = world.domain.bundle.clone();
    bundle.authorities.retain(|authority| authority.id != world.domain.aa.id);
    controller.standing.write().bundle = Some(Arc::new(bundle));
    assert_eq!(controller.speech.confide(Recipient::Peer(peer), COMMAND, b"2"), Err(Unsent::NoPeer));
    assert!(matches!(controller.refused(&meter.speech.sign(FLOW, b"2").unwrap()), Refused::Broadcast(_)));
}

#[test]
fn a_certificate_that_comes_between_two_changes_is_used_at_once() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    let before = listener.delivered(&meter.speech.sign(FLOW, b"1").unwrap());
    assert_eq!(meter.speech.sign(ALARM, b""), Err(Unsent::NotAuthorized));
    let added = world.pseudonyms(&[alarms()]);
    meter.standing.write().active.extend(added.into_iter().map(entry));
    let alarm = listener.delivered(&meter.speech.sign(ALARM, b"").unwrap());
    let after = listener.delivered(&meter.speech.sign(FLOW, b"2").unwrap());
    assert_eq!(before.peer, after.peer);
    assert_ne!(alarm.peer, after.peer, "two services, two pseudonyms");
}

/// Whatever stands in a frame of one pseudonym and is longer than chance explains stands in none of the next.
#[test]
fn nothing_in_the_frames_ties_two_pseudonyms_of_a_node_together() {
    let mut world = world();
    let (meter, controller, reference) = (world.meter(), world.controller(), world.meter());
    let [before, after, other] = [&meter, &meter, &reference].map(|node| {
        node.change(world.pseudonyms(&[reports()]));
        // It has heard digests that it does not know, and is asked for its own.
        controller.speech.sign(COMMAND, b"").unwrap();
        node.speech.receive(&controller.speech.sign(COMMAND, b"").unwrap().0);
        let mut frames = node.speech.tick();
        frames.extend((0..3).map(|_| node.speech.sign(FLOW, b"").unwrap()));
        world.clock.pass_ms(20_000);
        frames
    });
    let lengths = |frames: &[Frame]| frames.iter().map(|frame| frame.0.len()).collect::<Vec<_>>();
    assert_eq!(lengths(&before), lengths(&after));
    assert_eq!(lengths(&before), lengths(&other));
    let signed = |frames: &[Frame]| -> Vec<u8> {
        let message = |frame: &Frame| match Envelope::decode(&frame.0).unwrap() {
            Envelope::Broadcast { message, .. } => message,
            Envelope::Association { .. } => panic!("no association here"),
        };
        frames.iter().flat_map(message).collect()
    };
    let common = |one: &[Frame], two: &[Frame]| {
        let (one, two) = (signed(one), signed(two));
        one.windows(5).filter(|window| two.windows(5).any(|other| other == *window)).count()
    };
    // Two pseudonyms of one node share no more than those of two nodes: the certificate's frame, the bundle's numbers.
    let (own, others) = (common(&before, &after), common(&before, &other));
    assert!(own <= others + 2, "{own} common pieces, {others} with another node");
}

#[test]
fn a_question_for_a_certificate_does_not_outlive_the_pseudonym() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.speech.sign(COMMAND, b"").unwrap();
    let id = controller.certificate().key_id();
    let asks = |frame: &Frame| frame.0.windows(8).any(|window| window == id.0);
    let hear = || {
        meter.refused(&controller.speech.sign(COMMAND, b"").unwrap());
    };
    hear();
    meter.change(world.pseudonyms(&[reports()]));
    assert!(!asks(&meter.speech.sign(FLOW, b"").unwrap()));
    hear();
    assert!(asks(&meter.speech.sign(FLOW, b"").unwrap()));
}

#[test]
fn a_new_pseudonym_is_announced_at_once() {
    let mut world = world();
    let meter = world.meter();
    assert_eq!((meter.speech.tick().len(), meter.speech.tick().len()), (1, 0));
    meter.change(world.pseudonyms(&[reports()]));
    assert_eq!((meter.speech.tick().len(), meter.speech.tick().len()), (1, 0));
}

#[test]
fn a_new_pseudonym_answers_to_no_question_for_the_old_one() {
    let mut world = world();
    let (quiet, other) = (world.node(&[reports()]), world.node(&[alarms()]));
    quiet.speech.sign(FLOW, b"the certificate").unwrap();
    let frame = quiet.speech.sign(FLOW, b"the digest").unwrap();
    other.refused(&frame);
    let question = other.speech.sign(ALARM, b"who was that?").unwrap();
    quiet.change(world.pseudonyms(&[reports()]));
    quiet.delivered(&question);
    assert_eq!(quiet.speech.tick(), vec![]);
    // Beside it: the present one answers.
    world.clock.pass_ms(1000);
    quiet.speech.sign(FLOW, b"the certificate").unwrap();
    other.refused(&quiet.speech.sign(FLOW, b"the digest").unwrap());
    quiet.delivered(&other.speech.sign(ALARM, b"who was that?").unwrap());
    assert_eq!(quiet.speech.tick().len(), 1);
}
