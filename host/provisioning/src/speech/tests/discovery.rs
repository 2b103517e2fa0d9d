//! Who can be confided in, as they say themselves.

use super::*;
use crate::speech::{Recipient, Unsent};

fn listeners(node: &Node, topic: &str) -> Result<usize, Unsent> {
    node.speech.confide(Recipient::Listeners, topic, b"").map(|frames| frames.len())
}

#[test]
fn who_listens_to_an_operation_is_found_and_others_are_not() {
    let mut world = world();
    let (meter, deaf, controller) = (world.meter(), world.node(&[reports()]), world.controller());
    assert_eq!(listeners(&controller, COMMAND), Err(Unsent::NoPeer));
    // A broadcast makes a peer, and no listener.
    controller.delivered(&meter.speech.sign(FLOW, b"17").unwrap());
    assert_eq!(listeners(&controller, COMMAND), Err(Unsent::NoPeer));
    let announcements = meter.speech.tick();
    assert_eq!((announcements.len(), deaf.speech.tick().len()), (1, 0));
    controller.ignored(&announcements[0]);
    let heard = talk(&controller, &meter, controller.speech.confide(Recipient::Listeners, COMMAND, b"close").unwrap());
    assert_eq!(heard.deliveries[0].payload, b"close");
}

#[test]
fn every_listener_gets_the_message_and_at_most_16() {
    let mut world = world();
    let controller = world.controller();
    let meters: Vec<Node> = (0..20).map(|_| world.meter()).collect();
    for meter in &meters {
        controller.ignored(&meter.speech.tick()[0]);
    }
    assert_eq!(listeners(&controller, COMMAND), Ok(16));
    let controller = world.controller();
    let meters = &meters[..3];
    for meter in meters {
        world.clock.pass_ms(6000);
        controller.ignored(&meter.speech.tick()[0]);
    }
    let frames = controller.speech.confide(Recipient::Listeners, COMMAND, b"close").unwrap();
    assert_eq!(frames.len(), 3);
    for meter in meters {
        assert_eq!(talk(&controller, meter, frames.clone()).deliveries.len(), 1);
    }
}

#[test]
fn an_announcement_comes_at_once_and_then_every_5_to_6_seconds() {
    let mut world = world();
    let meter = world.meter();
    let mut last = None;
    for step in 0..3000_u64 {
        if !meter.speech.tick().is_empty() {
            let passed = last.map(|last| (step - last) * 10);
            assert!(passed.is_none_or(|ms| (5000..=6010).contains(&ms)), "{passed:?} ms");
            last = Some(step);
        }
        assert!(last.is_some(), "at once");
        world.clock.pass_ms(10);
    }
}

#[test]
fn who_misses_three_announcements_listens_no_more() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.ignored(&meter.speech.tick()[0]);
    world.clock.pass_ms(17_999);
    assert_eq!(listeners(&controller, COMMAND), Ok(1));
    world.clock.pass_ms(1);
    assert_eq!(listeners(&controller, COMMAND), Err(Unsent::NoPeer));
    controller.ignored(&meter.speech.tick()[0]);
    assert!(listeners(&controller, COMMAND).is_ok());
}

#[test]
fn what_is_announced_is_what_aes_listen_to_in_the_service_of_the_certificate() {
    let mut world = world();
    let (node, controller) = (world.node(&[reports(), alarms()]), world.controller());
    node.speech.accepts(&["metering/command".to_owned(), "lighting/on".to_owned()]);
    let announcements = node.speech.tick();
    // Nothing of alarms is listened to, so its pseudonym says nothing.
    assert_eq!(announcements.len(), 1);
    assert!(announcements[0].0.windows(24).any(|window| window == b"$m2m/discovery/metering/"));
    controller.ignored(&announcements[0]);
    assert_eq!(listeners(&controller, COMMAND), Ok(1));
    // No longer.
    node.speech.accepts(&[]);
    world.clock.pass_ms(6000);
    assert_eq!(node.speech.tick(), vec![]);
}

#[test]
fn a_revoked_listener_is_not_written_to() {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    controller.ignored(&meter.speech.tick()[0]);
    world.revoke(vec![meter.certificate()], &controller);
    assert_eq!(listeners(&controller, COMMAND), Err(Unsent::NoPeer));
}
