//! Bytes that nobody signed.

use proptest::prelude::*;

use super::*;
use crate::speech::Recipient;

/// Frames of every kind, and the node that they are for.
fn recorded() -> (World, Node, Vec<Frame>) {
    let mut world = world();
    let (meter, controller) = (world.meter(), world.controller());
    let mut frames = controller.speech.tick();
    meter.ignored(&frames[0]);
    controller.speech.receive(&meter.speech.tick()[0].0);
    let opening = controller.speech.confide(Recipient::Listeners, COMMAND, b"close").unwrap();
    frames.extend(opening.clone());
    frames.extend(talk(&controller, &meter, opening).frames);
    frames.extend([controller.speech.sign(COMMAND, b"open").unwrap()]);
    frames.extend(controller.speech.confide(Recipient::Listeners, COMMAND, b"open").unwrap());
    (world, meter, frames)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_never_delivered(frames in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..300), 1..20)
    ) {
        let (_world, meter, _) = recorded();
        for frame in frames {
            let Received { deliver, send, .. } = meter.speech.receive(&frame);
            prop_assert_eq!((deliver, send), (None, vec![]));
        }
    }

    /// Framed as they should be, so that the bytes get further.
    #[test]
    fn arbitrary_messages_and_packets_are_never_delivered(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 1_u8..5, id in any::<[u8; 8]>()
    ) {
        let (_world, meter, _) = recorded();
        let head: &[u8] = &[[0x86, 0x83, 0x83, 0x84][usize::from(kind) - 1], kind, 0x48];
        let packet = [head, &id, &bytes].concat();
        for frame in [Frame::broadcast(FLOW, bytes.clone()), Frame::association(bytes), Frame::association(packet)] {
            let Received { deliver, send, .. } = meter.speech.receive(&frame.0);
            prop_assert_eq!((deliver, send), (None, vec![]));
        }
    }

    /// What was recorded, changed at one place: refused or nothing, and the intact one still counts.
    #[test]
    fn a_changed_frame_is_never_delivered(index in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        bit in 0_u8..8)
    {
        let (_world, meter, frames) = recorded();
        let mut changed = index.get(&frames).clone();
        let at = at.index(changed.0.len());
        changed.0[at] ^= 1 << bit;
        let Received { deliver, .. } = meter.speech.receive(&changed.0);
        prop_assert_eq!(deliver, None);
        let [.., signed, confided] = &frames[..] else { panic!("{} frames", frames.len()) };
        prop_assert!(meter.speech.receive(&signed.0).deliver.is_some());
        prop_assert!(meter.speech.receive(&confided.0).deliver.is_some());
    }
}
