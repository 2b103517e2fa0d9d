//! Signed broadcasts: who may say what, and everything else that is refused.

use m2m_trust::broadcast::{AHEAD_US, Broadcast, BroadcastError, DATA_BYTES_MAX, PERIODIC_WINDOW_US};
use m2m_trust::certificate::CertificateError;
use m2m_trust::clock_floor::FloorError;
use m2m_trust::codec::Malformed;
use m2m_trust::cose::{self, KeyHint, SignedError};
use m2m_trust::dev::START;
use m2m_trust::identity::{Micros, ServiceId};
use m2m_trust::keys::KeyError;
use m2m_trust::revocation::Report;

use super::*;
use crate::speech::frame::Envelope;
use crate::speech::{Protection, TOPIC_BYTES_MAX, Unsent};

/// A message that no `Speech` would sign: any topic, service and time, under the certificate of the pseudonym.
fn forge(world: &World, pseudonym: &DevPseudonym, topic: &str, service: ServiceId, time: Micros) -> Frame {
    let message = Broadcast {
        // Messages differ in their content, as others do in their sequence numbers.
        data: topic.as_bytes().to_vec().into(),
        service,
        time,
        sequence: 7,
        location: None,
        expiry: None,
        wanted: None,
    };
    let hint = KeyHint::Certificate(pseudonym.certificate.encoded.clone().into());
    let domain = &world.domain.bundle.domain;
    let signed = cose::sign(&message, domain, topic.as_bytes(), &hint, &pseudonym.signer).unwrap();
    Frame::broadcast(topic, signed)
}

fn under_topic(frame: &Frame, topic: &str) -> Frame {
    match Envelope::decode(&frame.0).unwrap() {
        Envelope::Broadcast { message, .. } => Frame::broadcast(topic, message),
        Envelope::Association { .. } => panic!("not a broadcast"),
    }
}

#[test]
fn a_message_arrives_with_the_rights_of_its_sender_and_nothing_else_about_it() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    let frame = meter.speech.sign(FLOW, b"17 l/min").unwrap();
    let Delivery { topic, payload, protection, rights, peer: _ } = listener.delivered(&frame);
    assert_eq!((topic.as_str(), payload.as_slice()), (FLOW, b"17 l/min".as_slice()));
    assert_eq!((protection, rights), (Protection::Signed, vec!["metering/report".to_owned()]));
    // Under the digest alone.
    let second = meter.speech.sign(FLOW, b"18 l/min").unwrap();
    assert!(second.0.len() + 100 < frame.0.len());
    assert_eq!(listener.delivered(&second).payload, b"18 l/min");
}

#[test]
fn rights_side_by_side_are_told_in_the_order_of_the_bundle() {
    let mut world = world();
    let both = reports().with(services::METERING, services::command());
    let (sender, listener) = (world.node(&[both]), world.node(&[]));
    let delivery = listener.delivered(&sender.speech.sign(COMMAND, b"close").unwrap());
    assert_eq!(delivery.rights, ["metering/report", "metering/command"]);
}

#[test]
fn nothing_is_signed_without_the_right_to_its_topic() {
    let mut world = world();
    let meter = world.meter();
    assert!(meter.speech.sign(FLOW, b"").is_ok());
    let no_right = |text: &str| Err(Unsent::NoRight(text.to_owned()));
    assert_eq!(meter.speech.sign(COMMAND, b""), no_right("`metering/command`"));
    assert_eq!(meter.speech.sign("lighting/7", b""), no_right("topic `lighting/7`"));
    assert_eq!(
        meter.speech.sign("$m2m/discovery/metering/report", b""),
        no_right("topic `$m2m/discovery/metering/report`")
    );
    // Of a service that the node has no certificate for at the moment.
    assert_eq!(meter.speech.sign(ALARM, b""), Err(Unsent::NotAuthorized));
    assert_eq!(world.node(&[]).speech.sign(FLOW, b""), Err(Unsent::NotAuthorized));
}

#[test]
fn the_largest_message_goes_through_and_one_byte_more_does_not() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    let topic = format!("metering/{}/flow", "7".repeat(TOPIC_BYTES_MAX - "metering//flow".len()));
    let frame = meter.speech.sign(&topic, &vec![1; DATA_BYTES_MAX]).unwrap();
    assert!(frame.0.len() <= crate::speech::FRAME_BYTES_MAX);
    assert_eq!(listener.delivered(&frame).payload.len(), DATA_BYTES_MAX);
    let size = DATA_BYTES_MAX + 1;
    assert_eq!(meter.speech.sign(FLOW, &vec![1; size]), Err(Unsent::TooLarge { size, limit: DATA_BYTES_MAX }));
    let size = TOPIC_BYTES_MAX + 1;
    let too_long = meter.speech.sign(&format!("{topic}7"), b"");
    assert_eq!(too_long, Err(Unsent::TooLarge { size, limit: TOPIC_BYTES_MAX }));
}

#[test]
fn a_message_counts_once_under_its_own_topic_and_unchanged() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    let frame = meter.speech.sign(FLOW, b"17").unwrap();
    let signature = Refused::Broadcast(BroadcastError::Signed(SignedError::Key(KeyError::Signature)));
    assert_eq!(listener.refused(&under_topic(&frame, "metering/8/flow")), signature);
    let mut changed = frame.clone();
    *changed.0.last_mut().unwrap() ^= 1;
    assert_eq!(listener.refused(&changed), signature);
    listener.delivered(&frame);
    assert_eq!(listener.refused(&frame), Refused::Broadcast(BroadcastError::Replay));
    let other = Refused::UnknownTopic("lighting/7".to_owned());
    assert_eq!(listener.refused(&under_topic(&frame, "lighting/7")), other);
    // The operation that the topic needs is in the sender's certificate or not, whoever moved the message there.
    assert_eq!(listener.refused(&under_topic(&frame, COMMAND)), signature);
    let counts = [("signature", 3), ("replay", 1), ("unknown-topic", 1)];
    counts.into_iter().for_each(|(cause, count)| assert_eq!(listener.count(cause), count, "{cause}"));
}

#[test]
fn what_no_honest_node_signs_is_refused_by_its_cause() {
    let mut world = world();
    let listener = world.node(&[]);
    let pseudonym = world.domain.pseudonym(reports());
    let now = world.clock.now();
    let forged = |topic: &str, service, time| forge(&world, &pseudonym, topic, service, time);
    listener.delivered(&forged(FLOW, services::METERING, now));

    let not_authorized = BroadcastError::NotAuthorized(services::METERING);
    assert_eq!(listener.refused(&forged(COMMAND, services::METERING, now)), Refused::Broadcast(not_authorized));
    let service = BroadcastError::Service { found: services::ALARM, expected: services::METERING };
    assert_eq!(listener.refused(&forged(FLOW, services::ALARM, now)), Refused::Broadcast(service));
    let time = Micros(now.0 - PERIODIC_WINDOW_US - 1);
    let too_old = BroadcastError::TooOld { time, now };
    assert_eq!(listener.refused(&forged(FLOW, services::METERING, time)), Refused::Broadcast(too_old));
    let time = Micros(now.0 + AHEAD_US + 1);
    let from_future = BroadcastError::FromFuture { time, now };
    assert_eq!(listener.refused(&forged(FLOW, services::METERING, time)), Refused::Broadcast(from_future));
    let discovery = forged("$m2m/discovery/metering/report", services::METERING, now);
    let four_bytes = Malformed::Unexpected { field: "discovery", expected: "4 bytes" };
    assert_eq!(listener.refused(&discovery), Refused::Malformed(four_bytes));
    let unknown = Refused::UnknownTopic("$m2m/discovery/lighting/on".to_owned());
    assert_eq!(listener.refused(&forged("$m2m/discovery/lighting/on", services::METERING, now)), unknown);
    for cause in ["not-authorized", "service", "too-old", "from-future", "malformed", "unknown-topic"] {
        assert_eq!(listener.count(cause), 1, "{cause}");
    }
}

#[test]
fn a_message_of_another_trust_domain_is_refused() {
    let mut ours = world();
    let mut theirs = World { domain: DevDomain::new("elsewhere", Suite::X25519), ..world() };
    let (stranger, listener) = (theirs.meter(), ours.node(&[]));
    let refused = listener.refused(&stranger.speech.sign(FLOW, b"17").unwrap());
    assert!(
        matches!(refused, Refused::Broadcast(BroadcastError::Certificate(CertificateError::Issuer(_)))),
        "{refused}"
    );
    listener.delivered(&ours.meter().speech.sign(FLOW, b"17").unwrap());
}

#[test]
fn a_revoked_or_expired_certificate_speaks_no_more() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    listener.delivered(&meter.speech.sign(FLOW, b"17").unwrap());
    world.revoke(vec![meter.certificate()], &listener);
    let revoked = Refused::Broadcast(BroadcastError::Certificate(CertificateError::Revoked));
    assert_eq!(listener.refused(&meter.speech.sign(FLOW, b"18").unwrap()), revoked);
    assert_eq!(listener.count("revoked"), 1);

    let other = world.node(&[]);
    let frame = meter.speech.sign(FLOW, b"19").unwrap();
    world.clock.pass_ms(3_600_000);
    assert_eq!(meter.speech.sign(FLOW, b"20"), Err(Unsent::NotAuthorized));
    assert!(matches!(other.refused(&frame), Refused::Broadcast(BroadcastError::TooOld { .. })));
    let pseudonym = world.domain.pseudonym(reports());
    let forged = forge(&world, &pseudonym, FLOW, services::METERING, world.clock.now());
    let expired = other.refused(&forged);
    assert!(matches!(expired, Refused::Broadcast(BroadcastError::Certificate(CertificateError::Expired { .. }))));
}

#[test]
fn without_a_trustworthy_clock_or_a_bundle_nothing_is_signed_or_believed() {
    let mut world = world();
    let (meter, listener) = (world.meter(), world.node(&[]));
    let frame = meter.speech.sign(FLOW, b"17").unwrap();
    world.clock.back_ms(20_000);
    let behind = FloorError::ClockBehind { now: Seconds(START.0 - 10), floor: START };
    assert_eq!(meter.speech.sign(FLOW, b"17"), Err(Unsent::Clock(behind)));
    assert_eq!(listener.refused(&frame), Refused::Clock(behind));
    assert_eq!(meter.speech.tick(), vec![]);
    world.clock.pass_ms(20_000);
    listener.standing.write().bundle = None;
    assert_eq!(listener.refused(&frame), Refused::NoTrustBundle);
    listener.standing.write().bundle = Some(Arc::new(world.domain.bundle.clone()));
    listener.delivered(&frame);
}

#[test]
fn what_the_link_brings_back_is_not_heard() {
    let mut world = world();
    let meter = world.meter();
    let pseudonym = world.pseudonyms(&[reports()]);
    let [first, second] = [b"1", b"2"].map(|data| meter.speech.sign(FLOW, data).unwrap());
    meter.change(pseudonym);
    let [third, fourth] = [b"3", b"4"].map(|data| meter.speech.sign(FLOW, data).unwrap());
    [&first, &second, &third, &fourth, &first].into_iter().for_each(|frame| meter.ignored(frame));
    world.clock.pass_ms(60_000);
    [&first, &second, &third, &fourth].into_iter().for_each(|frame| meter.ignored(frame));
    assert_eq!(meter.speech.refused(), BTreeMap::new());
}

#[test]
fn an_unknown_certificate_is_asked_for_once_and_comes_with_the_next_message() {
    let mut world = world();
    let (meter, other) = (world.meter(), world.node(&[alarms()]));
    meter.speech.sign(FLOW, b"nobody hears the certificate").unwrap();
    let frame = meter.speech.sign(FLOW, b"17").unwrap();
    let id = meter.certificate().key_id();
    assert_eq!(other.refused(&frame), Refused::Broadcast(BroadcastError::UnknownCertificate(id)));

    let [question, no_question] = [b"1", b"2"].map(|data| other.speech.sign(ALARM, data).unwrap());
    let asks = |frame: &Frame| frame.0.windows(8).any(|window| window == id.0);
    assert!(asks(&question) && !asks(&no_question));
    // Not asked: the digest alone.
    assert!(matches!(other.refused(&meter.speech.sign(FLOW, b"18").unwrap()), Refused::Broadcast(_)));
    meter.delivered(&question);
    // Asked, and nothing to say: an announcement carries it.
    let announcements = meter.speech.tick();
    assert_eq!(announcements.len(), 1);
    other.ignored(&announcements[0]);
    other.delivered(&meter.speech.sign(FLOW, b"19").unwrap());
}

#[test]
fn a_report_has_the_last_messages_of_whoever_spoke_last() {
    let mut world = world();
    let (one, two, listener) = (world.meter(), world.meter(), world.node(&[]));
    assert_eq!(listener.speech.recent(FLOW), None);
    for round in 0..20_u8 {
        listener.delivered(&one.speech.sign(FLOW, &[round; 100]).unwrap());
        listener.delivered(&two.speech.sign(FLOW, &[round; 200]).unwrap());
    }
    let report = listener.speech.recent(FLOW).unwrap();
    let (certificate, messages) = Report::verify(&report, &world.domain.bundle).unwrap();
    assert_eq!(certificate.digest(), two.certificate());
    let rounds: Vec<u8> = messages.iter().map(|message| message.data[0]).collect();
    assert_eq!(rounds, (12..20).collect::<Vec<_>>());
    // The largest ones too.
    listener.delivered(&one.speech.sign(FLOW, &vec![0; DATA_BYTES_MAX]).unwrap());
    listener.delivered(&one.speech.sign(FLOW, &vec![1; DATA_BYTES_MAX]).unwrap());
    let (_, messages) = Report::verify(&listener.speech.recent(FLOW).unwrap(), &world.domain.bundle).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(listener.speech.recent(COMMAND), None);
}
