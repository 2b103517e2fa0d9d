//! What the bus promises.

use std::sync::Arc;
use std::time::Duration;

use m2m_policy::WhenFull;
use m2m_policy::topic::{Topic, TopicFilter};

use super::bus::{Accepts, Arrived, Question, Route, SUBSCRIPTIONS_MAX};
use super::mailbox::Mailbox;
use super::message::{AeName, Outcome, Payload, Protection, Sender, SharedTopic};
use super::{Bus, TooManySubscriptions, Undelivered};

fn route(receiver: &str, mailbox: &Arc<Mailbox>) -> Route {
    Route {
        receiver: receiver.into(),
        instance: 1,
        mailbox: Arc::clone(mailbox),
        accepts: Accepts::new(|_, _, _| true),
        may_reply: false,
        when_full: WhenFull::BackPressure,
    }
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn publish(bus: &Bus, from: &str, topic: &str) -> Result<(), Undelivered> {
    bus.publish(&AeName::from(from), Topic::new(topic).unwrap(), &Payload::empty())
}

fn question<'a>(asker: &str, topic: &str, answer_to: &'a Arc<Mailbox>) -> Question<'a> {
    Question {
        id: 7,
        topic: SharedTopic::new(topic).unwrap(),
        payload: Payload::empty(),
        asker: asker.into(),
        answer_to,
        timeout: Duration::from_millis(20),
    }
}

#[test]
fn a_message_reaches_every_receiver_or_none() {
    let (bus, roomy, tight) = (Bus::default(), Mailbox::new(8), Mailbox::new(1));
    bus.subscribe(&filter("a/#"), route("roomy", &roomy)).unwrap();
    bus.subscribe(&filter("a/+"), route("tight", &tight)).unwrap();
    publish(&bus, "sender", "a/b").unwrap();
    assert_eq!(publish(&bus, "sender", "a/b"), Err(Undelivered::MailboxFull));
    assert_eq!((roomy.waiting(), tight.waiting()), (1, 1));
}

#[test]
fn one_that_drops_its_oldest_slows_nobody() {
    let (bus, mailbox) = (Bus::default(), Mailbox::new(1));
    let dropping = Route { when_full: WhenFull::DropOldest, ..route("dropping", &mailbox) };
    bus.subscribe(&filter("#"), dropping).unwrap();
    publish(&bus, "sender", "a").unwrap();
    publish(&bus, "sender", "b").unwrap();
    assert_eq!((mailbox.waiting(), mailbox.dropped()), (1, 1));
}

#[test]
fn two_matching_filters_are_one_message() {
    let (bus, mailbox) = (Bus::default(), Mailbox::new(8));
    bus.subscribe(&filter("a/#"), route("ae", &mailbox)).unwrap();
    bus.subscribe(&filter("a/b"), route("ae", &mailbox)).unwrap();
    publish(&bus, "sender", "a/b").unwrap();
    assert_eq!(mailbox.waiting(), 1);
}

#[test]
fn whom_a_receiver_does_not_listen_to_takes_up_no_room_and_leaves_no_value() {
    let (bus, mailbox) = (Bus::default(), Mailbox::new(1));
    let from_friend = Accepts::new(|_, sender, _| *sender == Sender::Ae("friend".into()));
    let retained = Payload::try_from(vec![1]).unwrap();
    bus.publish_retained(&"stranger".into(), Topic::new("a/kept").unwrap(), &retained).unwrap();
    bus.subscribe(&filter("a/#"), Route { accepts: from_friend, ..route("ae", &mailbox) }).unwrap();
    for _ in 0..3 {
        publish(&bus, "stranger", "a/b").unwrap();
    }
    assert_eq!(mailbox.waiting(), 0);
    publish(&bus, "friend", "a/b").unwrap();
    assert_eq!(mailbox.waiting(), 1);
}

#[test]
fn subscriptions_belong_to_an_instance() {
    let (bus, mailbox) = (Bus::default(), Mailbox::new(8));
    let of_instance = |instance| Route { instance, ..route("ae", &mailbox) };
    for number in 0..SUBSCRIPTIONS_MAX {
        bus.subscribe(&filter(&format!("old/{number}")), of_instance(1)).unwrap();
    }
    assert_eq!(bus.subscribe(&filter("old/more"), of_instance(1)), Err(TooManySubscriptions));
    bus.subscribe(&filter("old/0"), of_instance(1)).unwrap();
    bus.subscribe(&filter("new"), of_instance(2)).unwrap();
    publish(&bus, "sender", "old/1").unwrap();
    bus.forget_where(&"ae".into(), |asked_by| asked_by < 2);
    publish(&bus, "sender", "old/1").unwrap();
    publish(&bus, "sender", "new").unwrap();
    assert_eq!(mailbox.waiting(), 2);
}

#[tokio::test]
async fn a_request_ends_by_reply_decline_or_time_out_and_only_once() {
    let (bus, server, asker) = (Bus::default(), Mailbox::new(8), Mailbox::new(3));
    assert_eq!(bus.ask(question("asker", "s", &asker)), Err(Undelivered::NobodyServes));
    bus.subscribe(&filter("s"), route("listener", &server)).unwrap();
    assert_eq!(bus.ask(question("asker", "s", &asker)), Err(Undelivered::NobodyServes), "listening is not serving");
    bus.subscribe(&filter("s"), Route { may_reply: true, ..route("server", &server) }).unwrap();
    let answer = async || asker.next().await.answers.unwrap();

    bus.ask(question("asker", "s", &asker)).unwrap();
    let ticket = server.next().await.reply.unwrap();
    assert!(ticket.answer(Payload::empty(), Sender::Ae("server".into())));
    assert!(!ticket.answer(Payload::empty(), Sender::Ae("server".into())), "a second answer");
    drop(ticket);
    assert_eq!((answer().await.request, asker.waiting()), (7, 0));

    bus.ask(question("asker", "s", &asker)).unwrap();
    drop(server.next().await);
    assert_eq!(answer().await.outcome, Outcome::Declined);

    bus.ask(question("asker", "s", &asker)).unwrap();
    let kept = server.next().await;
    assert_eq!(answer().await.outcome, Outcome::TimedOut);
    assert!(!kept.reply.unwrap().answer(Payload::empty(), Sender::Ae("server".into())), "too late");
}

#[tokio::test]
async fn room_for_the_answer_is_kept_from_the_start() {
    let (bus, server, asker) = (Bus::default(), Mailbox::new(8), Mailbox::new(1));
    bus.subscribe(&filter("s"), Route { may_reply: true, ..route("server", &server) }).unwrap();
    bus.subscribe(&filter("other"), route("asker", &asker)).unwrap();
    bus.ask(question("asker", "s", &asker)).unwrap();
    assert_eq!(publish(&bus, "sender", "other"), Err(Undelivered::MailboxFull), "the one place is promised");
    assert_eq!(bus.ask(question("asker", "s", &asker)), Err(Undelivered::NoRoomForAnswer));
    assert!(server.next().await.reply.unwrap().answer(Payload::empty(), Sender::System));
    assert_eq!(asker.next().await.answers.unwrap().outcome, Outcome::Replied);
}

#[test]
fn a_beat_waits_once() {
    let (bus, mailbox) = (Bus::default(), Mailbox::new(8));
    let topic = SharedTopic::new("$timer/t").unwrap();
    bus.tick(&"ae".into(), &topic);
    assert_eq!(mailbox.waiting(), 0, "not subscribed");
    bus.subscribe(&filter("$timer/t"), route("ae", &mailbox)).unwrap();
    bus.tick(&"ae".into(), &topic);
    bus.tick(&"ae".into(), &topic);
    assert_eq!(mailbox.waiting(), 1);
}

fn arrived(topic: &str, right: &str, protection: Protection) -> Arrived {
    let sender = Sender::Node(Arc::from([right.to_owned()]));
    let topic = SharedTopic::new(topic).unwrap();
    Arrived { topic, payload: Payload::empty(), sender, protection, peer: None }
}

#[tokio::test]
async fn a_message_of_another_node_is_for_those_who_take_it_and_is_never_kept() {
    let (bus, commanded, local) = (Bus::default(), Mailbox::new(1), Mailbox::new(1));
    let from_commanders = Accepts::new(|_, sender, protection| match sender {
        Sender::Node(rights) => protection == Protection::Confidential && **rights == ["metering/command".to_owned()],
        _ => false,
    });
    let from_aes = Accepts::new(|_, sender, _| matches!(sender, Sender::Ae(_)));
    bus.subscribe(&filter("a/#"), Route { accepts: from_commanders, ..route("commanded", &commanded) }).unwrap();
    bus.subscribe(&filter("a/#"), Route { accepts: from_aes, ..route("local", &local) }).unwrap();

    assert!(!bus.deliver(&arrived("a/b", "metering/command", Protection::Signed)));
    assert!(!bus.deliver(&arrived("a/b", "metering/report", Protection::Confidential)));
    assert!(!bus.deliver(&arrived("b", "metering/command", Protection::Confidential)), "nobody subscribed");
    assert_eq!((commanded.waiting(), local.waiting(), commanded.missed()), (0, 0, 0));

    assert!(bus.deliver(&arrived("a/b", "metering/command", Protection::Confidential)));
    assert!(!bus.deliver(&arrived("a/b", "metering/command", Protection::Confidential)), "no room");
    assert_eq!((commanded.waiting(), local.waiting(), commanded.missed()), (1, 0, 1));
    let envelope = commanded.next().await;
    assert_eq!((envelope.protection, envelope.retained), (Protection::Confidential, false));

    let late = Mailbox::new(1);
    bus.subscribe(&filter("a/#"), route("late", &late)).unwrap();
    assert_eq!(late.waiting(), 0, "nothing stayed");
}
