//! Texts of guests stay texts.

use super::*;

const FORGERY: &str =
    "a/b\"}\n{\"seq\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"node\"}\r\n\u{0}\u{1b}[2J\u{2028}";

#[test]
fn a_text_cannot_forge_a_line() {
    let node = recorded(|audit| {
        let evil = audit.recorder(FORGERY);
        evil.deny(call("messaging.publish", FORGERY, Effect::Deny));
        let text = Some(FORGERY);
        evil.list(Call { text, rule: text, ..call("keys.generate", FORGERY, Effect::Allow) }).unwrap();
        evil.event(AeEvent::Fault { fault: FORGERY.into(), text: FORGERY.into() });
    });
    assert!(verify(node.bytes().as_slice(), Some(&checkpoint_key()), node.head()).is_ok());
    let lines = node.lines();
    assert_eq!(lines.len(), 4, "three lines and the checkpoint");
    assert!(matches!(&lines[0].event, Event::Call { ae, subject, .. } if ae == FORGERY && subject == FORGERY));
    let printable = |byte: &u8| *byte == b'\n' || *byte >= 0x20;
    assert!(node.bytes().iter().all(printable), "control characters are escaped");
}

#[test]
fn a_long_text_is_cut_and_marked() {
    let long = "x".repeat(100_000);
    let node = recorded(|audit| {
        audit.recorder("meter").deny(call("keys.open", &long, Effect::Deny));
    });
    assert!(matches!(&node.lines()[0].event, Event::Call { subject, .. }
        if subject.len() < 1100 && subject.ends_with("… (cut, 100000 bytes)")));
}
