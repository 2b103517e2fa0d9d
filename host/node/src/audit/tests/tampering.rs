//! Whatever is done to a file is found, at its line and by its name.

use proptest::prelude::*;

use super::*;
use crate::audit::line::render;

/// Ten calls, a checkpoint by hand in the middle, and the one at the end: seq 1 to 12.
fn sample() -> Vec<Vec<u8>> {
    chain(Head::default(), 12, |seq| seq == 6 || seq == 12)
}

/// Lines `before.seq + 1` to `last`, checkpoints where asked for.
fn chain(before: Head, last: u64, is_checkpoint: impl Fn(u64) -> bool) -> Vec<Vec<u8>> {
    let mut head = before;
    let mut lines = Vec::new();
    for seq in before.seq + 1..=last {
        let event = match is_checkpoint(seq) {
            true => Event::Checkpoint {
                signature: hex::encode(signing_key().sign(&framed(&head.signing_bytes())).to_bytes()),
            },
            false => Event::Node { event: NodeEvent::Started { version: format!("{seq}") } },
        };
        let mut line = Vec::new();
        head = render(&mut line, head, UNIX_EPOCH, &event).unwrap();
        lines.push(line);
    }
    lines
}

fn head_of(lines: &[Vec<u8>]) -> Head {
    let last = lines.last().unwrap();
    line::parse(last.strip_suffix(b"\n").unwrap()).unwrap().head
}

/// Checks `lines` with the key and with `head`.
fn check_lines(lines: &[Vec<u8>], head: Option<Head>) -> Result<Report, (u64, Defect)> {
    match verify(lines.concat().as_slice(), Some(&checkpoint_key()), head) {
        Ok(report) => Ok(report),
        Err(CheckError::Broken(broken)) => Err((broken.line, broken.what)),
        Err(CheckError::Io(error)) => panic!("{error}"),
    }
}

#[test]
fn an_untouched_file_holds() {
    let lines = sample();
    let report = check_lines(&lines, Some(head_of(&lines))).unwrap();
    assert_eq!((report.lines, report.checkpoints, report.unsigned), (12, 2, 0));
    assert_eq!(report.end, head_of(&lines));
    assert!(report.signatures_checked && report.head_checked);
    assert_eq!(check_lines(&[], None).unwrap().lines, 0);
}

#[test]
fn lines_behind_the_recorded_one_are_accepted() {
    let lines = sample();
    assert!(check_lines(&lines, Some(head_of(&lines[..9]))).is_ok());
}

#[test]
fn a_changed_line_is_found_at_that_line() {
    for place in 0..12 {
        let mut lines = sample();
        let text = String::from_utf8(lines[place].clone()).unwrap();
        lines[place] = text.replace("1970", "1971").into_bytes();
        let line = place as u64 + 1;
        assert_eq!(check_lines(&lines, None), Err((line, Defect::Changed)));
    }
}

#[test]
fn a_dropped_line_is_found_where_it_is_missing() {
    for place in 0..11 {
        let mut lines = sample();
        lines.remove(place);
        let expected = place as u64 + 1;
        assert_eq!(check_lines(&lines, None), Err((expected, Defect::Dropped { expected })));
    }
    let mut lines = sample();
    lines.drain(3..7);
    assert_eq!(check_lines(&lines, None), Err((4, Defect::Dropped { expected: 4 })));
}

#[test]
fn a_moved_line_is_told_from_a_dropped_one() {
    let mut swapped = sample();
    swapped.swap(2, 3);
    assert_eq!(check_lines(&swapped, None), Err((3, Defect::Reordered { expected: 3 })));
    let mut moved = sample();
    let line = moved.remove(1);
    moved.push(line);
    assert_eq!(check_lines(&moved, None), Err((2, Defect::Reordered { expected: 2 })));
    let mut repeated = sample();
    repeated.insert(4, repeated[3].clone());
    assert_eq!(check_lines(&repeated, None), Err((5, Defect::Reordered { expected: 5 })));
}

#[test]
fn a_cut_end_is_found_by_the_recorded_head() {
    let lines = sample();
    let recorded = head_of(&lines);
    let cut = check_lines(&lines[..9], Some(recorded));
    assert_eq!(cut, Err((10, Defect::CutOff { recorded: 12 })));
    assert_eq!(check_lines(&[], Some(recorded)), Err((1, Defect::CutOff { recorded: 12 })));
    let report = check_lines(&lines[..9], None).unwrap();
    assert!(!report.head_checked, "without the head it cannot be found, and the report says so");
}

#[test]
fn a_line_written_anew_with_its_hash_does_not_fit_the_next() {
    let mut lines = sample();
    let before = head_of(&lines[..3]);
    let event = Event::Node { event: NodeEvent::Stopped };
    lines[3].clear();
    render(&mut lines[3], before, UNIX_EPOCH, &event).unwrap();
    assert_eq!(check_lines(&lines, None), Err((5, Defect::Unchained)));
}

#[test]
fn a_chain_written_anew_from_some_line_on_is_found_by_signature_and_by_head() {
    let lines = sample();
    let mut forged = lines[..7].to_vec();
    let event = Event::Node { event: NodeEvent::Stopped };
    let mut line = Vec::new();
    let head = render(&mut line, head_of(&forged), UNIX_EPOCH, &event).unwrap();
    forged.push(line);
    forged.extend(chain(head, 11, |_| false));
    // The old checkpoint cannot follow; a new one cannot be signed. A signature over another line is none.
    let mut with_old = forged.clone();
    with_old.push(lines[11].clone());
    assert_eq!(check_lines(&with_old, None), Err((12, Defect::Unchained)));
    let mut line = Vec::new();
    let signature = signing_key().sign(&framed(&head_of(&lines[..5]).signing_bytes()));
    let event = Event::Checkpoint { signature: hex::encode(signature.to_bytes()) };
    render(&mut line, head_of(&forged), UNIX_EPOCH, &event).unwrap();
    forged.push(line);
    assert_eq!(check_lines(&forged, None), Err((12, Defect::BadSignature)));
    assert_eq!(check_lines(&forged, Some(head_of(&lines[..10]))), Err((10, Defect::Rewritten)));
}

#[test]
fn another_key_does_not_pass() {
    let key = CheckpointKey {
        public_key: SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes(),
        signing_input: framed,
    };
    let unframed = CheckpointKey { signing_input: <[u8]>::to_vec, ..checkpoint_key() };
    let bytes = sample().concat();
    for key in [key, unframed] {
        let Err(CheckError::Broken(broken)) = verify(bytes.as_slice(), Some(&key), None) else {
            panic!("accepted");
        };
        assert_eq!((broken.line, broken.what), (6, Defect::BadSignature));
    }
    let report = verify(bytes.as_slice(), None, None).unwrap();
    assert!(!report.signatures_checked, "without a key it is not checked, and the report says so");
}

#[test]
fn what_is_no_line_is_named_so() {
    for text in [&b"\n"[..], b"{}\n", b"hello\n", &[b'x'; line::LINE_BYTES_MAX * 2]] {
        let mut lines = sample();
        lines.insert(2, text.to_vec());
        assert_eq!(check_lines(&lines, None), Err((3, Defect::NotALine)));
    }
    let mut torn = sample();
    torn.push(b"{\"seq\":13".to_vec());
    assert_eq!(check_lines(&torn, None), Err((13, Defect::Torn)));
}

#[test]
fn a_chain_may_begin_anew_only_with_a_break_and_only_if_it_is_recorded() {
    let broken = |event: &Event| {
        let mut line = Vec::new();
        let before = Head { seq: 40, hash: [0; 32] };
        render(&mut line, before, UNIX_EPOCH, event).unwrap();
        vec![line]
    };
    let begin = broken(&Event::Break { file: None, digest: None, found: String::new(), reason: String::new() });
    assert!(check_lines(&begin, Some(head_of(&begin))).is_ok());
    let before = Head { seq: 40, hash: [1; 32] };
    assert_eq!(check_lines(&begin, Some(before)), Err((1, Defect::Rewritten)));
    let other = broken(&Event::Node { event: NodeEvent::Stopped });
    assert_eq!(check_lines(&other, None), Err((1, Defect::Dropped { expected: 1 })));
    let mut middle = sample();
    middle.truncate(4);
    middle.extend(begin);
    assert_eq!(check_lines(&middle, None), Err((5, Defect::Dropped { expected: 5 })));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z/]{1,12}", Just("\n\"}{\\\u{0}\u{2028}".to_owned())]
}

/// Lines of every kind with random texts.
fn random_file() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((0..5_u8, text(), text(), any::<u64>()), 1..8).prop_map(|records| {
        let mut out = Vec::new();
        let mut head = Head::default();
        for (kind, ae, subject, count) in records {
            let event = match kind {
                0 => Event::Call {
                    ae,
                    operation: "keys.generate".into(),
                    subject,
                    effect: Effect::Allow,
                    rule: Some("meter.toml:1".into()),
                    text: None,
                },
                1 => Event::Calls { ae, operation: "keys.sign".into(), effect: Effect::Deny, rule: None, count },
                2 => Event::Ae { ae, event: AeEvent::Failed { text: subject } },
                3 => Event::Node { event: NodeEvent::Lost { lines: count } },
                _ => Event::Checkpoint {
                    signature: hex::encode(signing_key().sign(&framed(&head.signing_bytes())).to_bytes()),
                },
            };
            head = render(&mut out, head, UNIX_EPOCH, &event).unwrap();
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Every byte of the file, each changed in one random way: nothing may pass, with the key or without.
    #[test]
    fn any_single_changed_byte_is_found(bytes in random_file(), flips in prop::collection::vec(1..=255_u8, 64)) {
        prop_assert!(verify(bytes.as_slice(), Some(&checkpoint_key()), None).is_ok());
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= flips[place % flips.len()];
            let line = 1 + bytes[..place].iter().filter(|byte| **byte == b'\n').count() as u64;
            match verify(changed.as_slice(), None, None) {
                Err(CheckError::Broken(broken)) => prop_assert_eq!(broken.line, line, "byte {}", place),
                other => prop_assert!(false, "byte {} passed: {:?}", place, other),
            }
        }
    }

    /// A file that is cut anywhere is found by the recorded head.
    #[test]
    fn any_cut_is_found(bytes in random_file(), at in any::<prop::sample::Index>()) {
        let head = verify(bytes.as_slice(), None, None).unwrap().end;
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(verify(cut, None, Some(head)).is_err());
    }
}
