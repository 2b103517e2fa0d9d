//! Confidential messages between two nodes.

use m2m_trust::association::AssociationError;
use m2m_trust::certificate::CertificateError;

use super::*;
use crate::speech::frame::Envelope;
use crate::speech::{DATA_BYTES_MAX, PeerId, Protection, Recipient, Unsent};

fn kind(frame: &Frame) -> u8 {
    match Envelope::decode(&frame.0).unwrap() {
        Envelope::Association { packet } => packet[1],
        Envelope::Broadcast { .. } => 0,
    }
}

fn kinds(frames: &[Frame]) -> Vec<u8> {
    frames.iter().map(kind).collect()
}

#[test]
fn a_message_opens_an_association_and_goes_through_it_both_ways() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let peer = meet(&world, &meter, &controller);
    let frames = controller.speech.confide(Recipient::Peer(peer), COMMAND, b"close").unwrap();
    let heard = talk(&controller, &meter, frames);
    assert_eq!(kinds(&heard.frames), [1, 2, 3, 4]);
    assert_eq!(heard.refused, vec![]);
    let [delivery] = &heard.deliveries[..] else { panic!("{heard:?}") };
    assert_eq!((delivery.topic.as_str(), delivery.payload.as_slice()), (COMMAND, b"close".as_slice()));
    assert_eq!(delivery.protection, Protection::Confidential);
    assert_eq!(delivery.rights, ["metering/command"]);

    // The answer, through the same association.
    let answer = meter.speech.confide(Recipient::Peer(delivery.peer), FLOW, b"0 l/min").unwrap();
    assert_eq!(kinds(&answer), [4]);
    let heard = talk(&meter, &controller, answer);
    assert_eq!(heard.deliveries[0].payload, b"0 l/min");
    assert_eq!(heard.deliveries[0].rights, ["metering/report"]);
    assert_eq!(heard.deliveries[0].peer, peer, "the peer that was written to");
    let next = controller.speech.confide(Recipient::Peer(peer), COMMAND, b"open").unwrap();
    assert_eq!(kinds(&next), [4]);
    assert_eq!(meter.delivered(&next[0]).peer, delivery.peer);
}

#[test]
fn topic_and_content_are_not_in_the_clear_and_lengths_fall_into_buckets() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"secret word").unwrap());
    for needle in [&b"secret word"[..], b"metering/7"] {
        assert!(heard.frames.iter().all(|frame| !frame.0.windows(needle.len()).any(|window| window == needle)));
    }
    let length = |size: usize| controller.speech.confide(to, COMMAND, &vec![0; size]).unwrap()[0].0.len();
    assert_eq!(length(0), length(30));
    assert!(length(64) > length(30));
    let largest = controller.speech.confide(to, COMMAND, &vec![0; DATA_BYTES_MAX]).unwrap();
    assert!(largest[0].0.len() <= crate::speech::FRAME_BYTES_MAX);
    assert_eq!(meter.delivered(&largest[0]).payload.len(), DATA_BYTES_MAX);
    let too_large = controller.speech.confide(to, COMMAND, &vec![0; DATA_BYTES_MAX + 1]);
    assert_eq!(too_large, Err(Unsent::TooLarge { size: DATA_BYTES_MAX + 1, limit: DATA_BYTES_MAX }));
}

#[test]
fn only_who_may_say_it_in_public_may_say_it_in_confidence() {
    let mut world = world();
    let (meter, controller, alarm) = (world.meter(), world.controller(), world.node(&[alarms()]));
    let peer = meet(&world, &meter, &controller);
    let no_right = |text: &str| Err(Unsent::NoRight(text.to_owned()));
    let confide = |topic| controller.speech.confide(Recipient::Peer(peer), topic, b"");
    assert_eq!(confide(FLOW), no_right("`metering/report`"));
    assert_eq!(confide("lighting/1"), no_right("topic `lighting/1`"));
    assert_eq!(confide(ALARM), Err(Unsent::NotAuthorized));
    // A right of one's own is not enough where the peer takes no part in the service.
    let peer = meet(&world, &meter, &alarm);
    assert_eq!(alarm.speech.confide(Recipient::Peer(peer), ALARM, b""), Err(Unsent::NoPeer));
    assert_eq!(controller.speech.confide(Recipient::Peer(PeerId(1)), COMMAND, b""), Err(Unsent::NoPeer));
}

#[test]
fn a_receiver_holds_each_message_against_the_senders_certificate() {
    let mut world = world();
    let both = reports().with(services::METERING, services::command());
    let (meter, sender) = (world.meter(), world.node(&[both]));
    // A node whose own table lets it send anything as a report: its peer does not believe that.
    let lax = lax_node(&mut world);
    let to = Recipient::Peer(meet(&world, &meter, &lax));
    let heard = talk(&lax, &meter, lax.speech.confide(to, FLOW, b"a report").unwrap());
    assert_eq!(heard.deliveries.len(), 1);
    let heard = talk(&lax, &meter, lax.speech.confide(to, COMMAND, b"close").unwrap());
    assert_eq!(heard.refused, [Refused::NotAuthorized("metering/command".to_owned())]);
    let heard = talk(&lax, &meter, lax.speech.confide(to, "lighting/1", b"on").unwrap());
    assert_eq!(heard.refused, [Refused::UnknownTopic("lighting/1".to_owned())]);
    assert_eq!((meter.count("not-authorized"), meter.count("unknown-topic")), (1, 1));
    // Beside it: whoever has both rights may say both through one association.
    let to = Recipient::Peer(meet(&world, &meter, &sender));
    for (topic, frames) in [(COMMAND, vec![1, 2, 3, 4]), (FLOW, vec![4])] {
        let heard = talk(&sender, &meter, sender.speech.confide(to, topic, b"").unwrap());
        assert_eq!((kinds(&heard.frames), heard.deliveries.len()), (frames, 1));
    }
}

/// A node that takes every topic for a report.
fn lax_node(world: &mut World) -> Node {
    let node = world.node(&[reports()]);
    let table = [(OperationName::try_from("metering/report".to_owned()).unwrap(), vec!["#".to_owned()])];
    let topics = Topics::try_from(BTreeMap::from(table)).unwrap();
    let rng = Box::new(RepeatableRng::new("lax"));
    Node { speech: Speech::new(node.standing.clone(), topics, world.clock.clone(), rng), ..node }
}

#[test]
fn messages_wait_in_order_for_the_handshake_and_no_more_than_may_wait() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let opening = controller.speech.confide(to, COMMAND, &[0]).unwrap();
    for number in 1..32 {
        assert_eq!(controller.speech.confide(to, COMMAND, &[number]), Ok(vec![]));
    }
    assert!(matches!(controller.speech.confide(to, COMMAND, &[32]), Err(Unsent::Unavailable(_))));
    let heard = talk(&controller, &meter, opening);
    let numbers: Vec<u8> = heard.deliveries.iter().map(|delivery| delivery.payload[0]).collect();
    assert_eq!(numbers, (0..32).collect::<Vec<_>>());
    // Bytes are counted too, over all peers.
    let (other, silent) = (world.meter(), world.meter());
    let to = Recipient::Peer(meet(&world, &other, &controller));
    let large = vec![0; DATA_BYTES_MAX];
    let opening = controller.speech.confide(to, COMMAND, &large).unwrap();
    let taken = (1..32).take_while(|_| controller.speech.confide(to, COMMAND, &large).is_ok()).count();
    assert_eq!(taken, 16, "and the first, in 1 MiB");
    assert_eq!(talk(&controller, &other, opening).deliveries.len(), 17);
    let third = Recipient::Peer(meet(&world, &silent, &controller));
    let taken = (0..32).take_while(|_| controller.speech.confide(third, COMMAND, &large).is_ok()).count();
    assert_eq!(taken, 17, "what was sent waits no more");
    assert_eq!(controller.speech.undelivered(), 0);
}

#[test]
fn a_peer_that_does_not_answer_is_asked_three_times() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    controller.speech.accepts(&[]);
    let mut openings = controller.speech.confide(to, COMMAND, b"close").unwrap();
    for _ in 0..10 {
        assert_eq!(controller.speech.undelivered(), 0);
        world.clock.pass_ms(1000);
        openings.extend(controller.speech.tick());
        if openings.len() == 3 {
            break;
        }
    }
    assert_eq!(kinds(&openings), [1, 1, 1]);
    assert!(!controller.speech.is_drained());
    world.clock.pass_ms(2000);
    assert_eq!(controller.speech.tick(), vec![]);
    assert_eq!((controller.speech.undelivered(), controller.speech.is_drained()), (1, true));
    // An answer to an opening that was given up comes to nothing.
    let Received { send, .. } = meter.speech.receive(&openings[2].0);
    controller.ignored(&send[0]);
    // Beside it: the next attempt is answered in time.
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"close").unwrap());
    assert_eq!(heard.deliveries.len(), 1);
}

#[test]
fn when_both_open_at_once_every_message_arrives_and_one_association_is_used() {
    let mut world = world();
    let both = reports().with(services::METERING, services::command());
    let (one, two) = (world.node(std::slice::from_ref(&both)), world.node(&[both]));
    let (of_one, of_two) = (meet(&world, &two, &one), meet(&world, &one, &two));
    let from_one = one.speech.confide(Recipient::Peer(of_one), COMMAND, b"1").unwrap();
    let from_two = two.speech.confide(Recipient::Peer(of_two), COMMAND, b"2").unwrap();
    // Both openings cross.
    let answer_of_two = two.speech.receive(&from_one[0].0).send;
    let answer_of_one = one.speech.receive(&from_two[0].0).send;
    let [left, right] = [talk(&two, &one, answer_of_two), talk(&one, &two, answer_of_one)];
    assert_eq!((left.refused, right.refused), (vec![], vec![]));
    let mut payloads: Vec<_> = left.deliveries.into_iter().chain(right.deliveries).map(|it| it.payload).collect();
    payloads.sort();
    assert_eq!(payloads, [b"1", b"2"]);
    let id = |frames: Vec<Frame>| frames[0].0[7..15].to_vec();
    let next_of_one = id(one.speech.confide(Recipient::Peer(of_one), COMMAND, b"3").unwrap());
    assert_eq!(next_of_one, id(two.speech.confide(Recipient::Peer(of_two), COMMAND, b"4").unwrap()));
}

#[test]
fn packets_that_are_repeated_changed_or_swapped_change_nothing() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let opening = controller.speech.confide(to, COMMAND, b"1").unwrap();
    let Received { send, .. } = meter.speech.receive(&opening[0].0);
    assert_eq!(meter.refused(&opening[0]), Refused::OpeningRepeated);
    let heard = talk(&meter, &controller, send);
    assert_eq!(heard.deliveries.len(), 1);
    let [answer, confirmation, data] = &heard.frames[..] else { panic!("{heard:?}") };
    controller.ignored(answer);
    meter.ignored(confirmation);
    assert_eq!(meter.refused(data), Refused::Association(AssociationError::Replay(0)));

    let [first, second] = [b"2", b"3"].map(|data| controller.speech.confide(to, COMMAND, data).unwrap().remove(0));
    let mut changed = first.clone();
    *changed.0.last_mut().unwrap() ^= 1;
    assert_eq!(meter.refused(&changed), Refused::Association(AssociationError::NotAuthentic));
    assert_eq!(meter.delivered(&second).payload, b"3");
    assert_eq!(meter.delivered(&first).payload, b"2");
    assert_eq!((meter.count("replay"), meter.count("not-authentic")), (2, 1));
    // The link brings back what was sent.
    [&opening[0], confirmation, data, &first, &second].into_iter().for_each(|frame| controller.ignored(frame));
    meter.ignored(answer);
    // A third node sees all of it, and it is not for it.
    let other = world.meter();
    [&opening[0], answer, confirmation, data, &first].into_iter().for_each(|frame| other.ignored(frame));
}

#[test]
fn a_spoiled_answer_costs_an_attempt_and_no_message() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let opening = controller.speech.confide(to, COMMAND, b"close").unwrap();
    let mut answer = meter.speech.receive(&opening[0].0).send.remove(0);
    *answer.0.last_mut().unwrap() ^= 1;
    assert_eq!(controller.refused(&answer), Refused::Association(AssociationError::Handshake));
    assert_eq!(controller.count("handshake"), 1);
    controller.speech.accepts(&[]);
    world.clock.pass_ms(2000);
    let heard = talk(&controller, &meter, controller.speech.tick());
    assert_eq!(kinds(&heard.frames), [1, 2, 3, 4]);
    assert_eq!(heard.deliveries.len(), 1);
}

#[test]
fn a_revoked_peer_is_neither_written_to_nor_heard() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let peer = meet(&world, &meter, &controller);
    let heard = talk(&controller, &meter, controller.speech.confide(Recipient::Peer(peer), COMMAND, b"1").unwrap());
    let answer = meter.speech.confide(Recipient::Peer(heard.deliveries[0].peer), FLOW, b"2").unwrap();
    world.revoke(vec![meter.certificate()], &controller);
    let revoked = Refused::Association(AssociationError::Certificate(CertificateError::Revoked));
    assert_eq!(controller.refused(&answer[0]), revoked);
    assert_eq!(controller.count("revoked"), 1);
    controller.ignored(&answer[0]);
    assert_eq!(controller.speech.confide(Recipient::Peer(peer), COMMAND, b"3"), Err(Unsent::NoPeer));
    // Nor is a handshake finished with one.
    let other = world.meter();
    let peer = meet(&world, &other, &controller);
    let opening = controller.speech.confide(Recipient::Peer(peer), COMMAND, b"4").unwrap();
    let answer = other.speech.receive(&opening[0].0).send.remove(0);
    world.revoke(vec![other.certificate()], &controller);
    assert_eq!(controller.refused(&answer), revoked);
}

#[test]
fn an_association_ends_with_a_certificate() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"1").unwrap());
    let peer = heard.deliveries[0].peer;
    assert_eq!(kinds(&controller.speech.confide(to, COMMAND, b"2").unwrap()), [4]);
    // The slot ends 3,590 s after the start of the test.
    world.clock.pass_ms(3_589_000 - 1);
    let last = meter.speech.confide(Recipient::Peer(peer), FLOW, b"3").unwrap();
    world.clock.pass_ms(1);
    assert!(matches!(controller.refused(&last[0]), Refused::Association(AssociationError::Certificate(_))));
    assert_eq!(meter.speech.confide(Recipient::Peer(peer), FLOW, b"4"), Err(Unsent::NoPeer));
}

#[test]
fn a_long_association_is_replaced_by_a_new_one() {
    let mut world = world();
    world.domain.bundle.schedule.slot_seconds = m2m_trust::bundle::NonZero::new(36_000).unwrap();
    let (meter, controller) = (world.meter(), world.controller());
    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"1").unwrap());
    let peer = heard.deliveries[0].peer;
    world.clock.pass_ms(3_600_000);
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"2").unwrap());
    assert_eq!(kinds(&heard.frames), [1, 2, 3, 4]);
    assert_eq!(heard.deliveries[0].payload, b"2");
    assert_eq!(kinds(&controller.speech.confide(to, COMMAND, b"3").unwrap()), [4]);
    assert_eq!(kinds(&meter.speech.confide(Recipient::Peer(peer), FLOW, b"4").unwrap()), [4]);
}
