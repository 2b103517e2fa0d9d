//! Open, append, close, be killed, open again.

use super::*;

#[test]
fn a_clean_life_leaves_a_signed_chain_that_opens_again() {
    let node = recorded(|audit| {
        audit.node(NodeEvent::Started { version: "1".into() });
        let meter = audit.recorder("meter");
        meter.event(AeEvent::Started { component: "sha256:00".into(), policy: "sha256:11".into() });
        let ticket = meter.list(call("keys.generate", "meter-id", Effect::Allow)).unwrap();
        assert_eq!(wait(audit.durable(ticket)), Ok(()));
        assert!(node_has(audit, 3));
        meter.deny(call("keys.sign", "other", Effect::Deny));
        meter.count("keys.sign", Some((0, 4)), || "meter.toml:9".into());
        meter.count("keys.sign", Some((0, 4)), || unreachable!());
        audit.node(NodeEvent::Stopped);
    });
    let report = verify(node.bytes().as_slice(), Some(&checkpoint_key()), node.head()).unwrap();
    assert_eq!((report.checkpoints, report.unsigned), (1, 0));
    let lines = node.lines();
    assert!(matches!(&lines[2].event, Event::Call { ae, subject, effect: Effect::Allow, .. }
        if ae == "meter" && subject == "meter-id"));
    assert!(matches!(&lines[3].event, Event::Call { effect: Effect::Deny, rule: None, .. }));
    let counted = lines.iter().filter_map(|line| match &line.event {
        Event::Calls { rule, count, effect: Effect::Allow, .. } => Some((rule.as_deref(), *count)),
        _ => None,
    });
    let counted: Vec<_> = counted.collect();
    assert_eq!(counted.iter().map(|(_, count)| count).sum::<u64>(), 2);
    assert!(counted.iter().all(|(rule, _)| *rule == Some("meter.toml:9")));
    node.open().unwrap().close().unwrap();
}

/// Whether so many lines are durable already.
fn node_has(audit: &Audit, tickets: u64) -> bool {
    audit.handle.shared.progress.borrow().durable >= tickets
}

#[test]
fn totals_hold_what_was_listed_and_what_was_counted() {
    let node = Node::new();
    let audit = node.open().unwrap();
    let meter = audit.recorder("meter");
    meter.list(call("keys.generate", "a", Effect::Allow)).unwrap();
    for _ in 0..DENIALS_LISTED_PER_SECOND * 3 {
        meter.deny(call("keys.sign", "x", Effect::Deny));
    }
    meter.count("keys.sign", None, || unreachable!("no rule, no text"));
    meter.counter("keys.mac", Some((1, 0)), || "ceiling.toml:2".into()).add();
    let total = |operation, effect, rule: Option<&str>, count| Total {
        operation,
        effect,
        rule: rule.map(str::to_owned),
        count,
    };
    assert_eq!(
        meter.totals(),
        [
            total("keys.generate", Effect::Allow, Some("meter.toml:4"), 1),
            total("keys.mac", Effect::Allow, Some("ceiling.toml:2"), 1),
            total("keys.sign", Effect::Allow, None, 1),
            total("keys.sign", Effect::Deny, None, u64::from(DENIALS_LISTED_PER_SECOND * 3)),
        ]
    );
    assert_eq!(audit.recorder("other").totals(), []);
}

#[test]
fn denials_beyond_the_rate_are_counted_not_listed() {
    let node = Node::new();
    let audit = Audit::open_with(&node.dir(), node.keys.clone(), noon(), quick()).unwrap();
    let (meter, other) = (audit.recorder("meter"), audit.recorder("other"));
    for _ in 0..100 {
        meter.deny(call("messaging.publish", "a/b", Effect::Deny));
    }
    other.deny(call("messaging.publish", "a/b", Effect::TooLarge));
    audit.close().unwrap();
    let (mut listed, mut counted, mut of_other) = (0, 0, 0);
    for line in node.lines() {
        match line.event {
            Event::Call { ae, .. } if ae == "other" => of_other += 1,
            Event::Call { .. } => listed += 1,
            Event::Calls { effect: Effect::Deny, count, .. } => counted += count,
            _ => {}
        }
    }
    assert_eq!((listed, counted, of_other), (20, 80, 1));
}

#[test]
fn checkpoints_come_by_the_thousand_lines() {
    let node = recorded(|audit| {
        let meter = audit.recorder("meter");
        for _ in 0..2500 {
            meter.list(call("keys.generate", "a", Effect::Allow)).unwrap();
        }
    });
    let checkpoints: Vec<u64> = node
        .lines()
        .iter()
        .filter(|line| matches!(line.event, Event::Checkpoint { .. }))
        .map(|line| line.seq)
        .collect();
    assert_eq!(checkpoints, [1001, 2002, 2503]);
}

#[test]
fn checkpoints_come_by_time_if_anything_changed() {
    let node = Node::new();
    let pace = Pace { checkpoint: Duration::from_millis(20), ..quick() };
    let audit = Audit::open_with(&node.dir(), node.keys.clone(), system_clock(), pace).unwrap();
    audit.node(NodeEvent::Stopped);
    wait_until("a checkpoint", || node.lines().len() == 2);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(node.lines().len(), 2, "nothing changed, so none follows");
}

#[test]
fn lines_stand_in_the_order_of_their_tickets_under_eight_threads() {
    let node = recorded(|audit| {
        thread::scope(|scope| {
            for thread in 0..8 {
                let recorder = audit.recorder(&format!("ae-{thread}"));
                scope.spawn(move || {
                    let mut last = None;
                    for number in 0..500 {
                        let subject = number.to_string();
                        let ticket = recorder.list(call("keys.rotate", &subject, Effect::Allow)).unwrap();
                        assert!(last < Some(ticket));
                        last = Some(ticket);
                    }
                });
            }
        });
    });
    let report = verify(node.bytes().as_slice(), Some(&checkpoint_key()), node.head()).unwrap();
    assert_eq!(report.lines - report.checkpoints, 4000);
    let mut next = std::collections::HashMap::new();
    for line in node.lines() {
        if let Event::Call { ae, subject, .. } = line.event {
            let expected: &mut u32 = next.entry(ae).or_default();
            assert_eq!(subject, expected.to_string());
            *expected += 1;
        }
    }
}

/// What a kill leaves at some moment: first the recorded head is read, then the file, while lines are being written.
#[test]
fn a_killed_node_opens_again() {
    let node = Node::new();
    let audit = node.open().unwrap();
    let meter = audit.recorder("meter");
    for round in 0..20 {
        let mut ticket = None;
        for _ in 0..50 {
            ticket = Some(meter.list(call("keys.destroy", "a", Effect::Allow)).unwrap());
        }
        if round % 2 == 0 {
            wait(audit.durable(ticket.unwrap())).unwrap();
        }
        let after = Node { folder: tempfile::tempdir().unwrap(), keys: TestKeys::with_head(node.head()) };
        let mut bytes = node.bytes();
        if round % 3 == 0 {
            bytes.extend_from_slice(b"{\"seq\":");
        }
        after.write(&bytes);
        let again = after.open().unwrap();
        again.node(NodeEvent::Started { version: "2".into() });
        again.close().unwrap();
        let report = verify(after.bytes().as_slice(), Some(&checkpoint_key()), after.head()).unwrap();
        assert!(report.lines >= node_lines(&bytes));
        let torn = after.lines().iter().any(|line| matches!(line.event, Event::Node { event: NodeEvent::Torn { .. } }));
        if round % 3 == 0 {
            assert!(torn);
        }
    }
}

fn node_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn an_incomplete_line_before_the_recorded_head_is_no_accident() {
    let node = recorded(|audit| audit.node(NodeEvent::Stopped));
    let bytes = node.bytes();
    node.write(&bytes[..bytes.len() - 1]);
    let Err(AuditError::Broken(broken)) = node.open() else { panic!("opened") };
    assert_eq!((broken.line, broken.what), (2, Defect::CutOff { recorded: 2 }));
    assert_eq!(node.bytes(), &bytes[..bytes.len() - 1], "evidence is left alone");
}

#[test]
fn a_broken_chain_does_not_open_and_says_what_to_do() {
    let node = recorded(|audit| audit.node(NodeEvent::Stopped));
    let whole = node.bytes();
    node.write(String::from_utf8(whole).unwrap().replace("stopped", "STOPPED").as_bytes());
    let error = node.open().err().unwrap();
    let AuditError::Broken(broken) = &error else { panic!("{error}") };
    assert_eq!((broken.line, broken.what), (1, Defect::Changed));
    assert!(error.to_string().contains("audit restart --reason"), "{error}");
    std::fs::remove_file(node.folder.path().join(FILE)).unwrap();
    let Err(AuditError::Broken(broken)) = node.open() else { panic!("opened") };
    assert_eq!(broken.what, Defect::CutOff { recorded: 2 });
}

#[test]
fn two_nodes_cannot_share_a_file() {
    let node = Node::new();
    let audit = node.open().unwrap();
    assert!(matches!(node.open(), Err(AuditError::Locked)));
    audit.close().unwrap();
    assert!(node.open().is_ok());
}

#[test]
fn a_closed_audit_takes_nothing() {
    let node = Node::new();
    let audit = node.open().unwrap();
    let meter = audit.recorder("meter");
    let ticket = meter.list(call("keys.generate", "a", Effect::Allow)).unwrap();
    audit.close().unwrap();
    audit.close().unwrap();
    assert_eq!(wait(audit.durable(ticket)), Ok(()));
    let late = meter.list(call("keys.generate", "b", Effect::Allow));
    assert_eq!(late, Err(AppendError::Closed));
    assert_eq!(wait(audit.durable(Ticket(99))), Err(AppendError::Closed));
}

#[test]
fn dropping_the_last_handle_ends_the_writer_with_a_checkpoint() {
    let node = Node::new();
    let audit = node.open().unwrap();
    let meter = audit.recorder("meter");
    meter.count("keys.sign", None, String::new);
    drop(audit);
    wait_until("the writer's end", || node.open().is_ok());
    let lines = node.lines();
    assert!(matches!(lines[0].event, Event::Calls { count: 1, .. }), "counts are not lost");
    assert!(matches!(lines[1].event, Event::Checkpoint { .. }));
}

#[test]
fn a_restart_keeps_the_broken_file_and_names_it() {
    let node = recorded(|audit| audit.node(NodeEvent::Stopped));
    let keys: Arc<dyn AuditKeys> = node.keys.clone();
    let restart = |reason: &str| restart(&node.dir(), &keys, &noon(), reason);
    assert!(matches!(restart("why not"), Err(AuditError::NotBroken { lines: 2 })));
    let mut broken = node.bytes();
    broken.truncate(40);
    node.write(&broken);
    assert!(matches!(restart(" "), Err(AuditError::NoReason)));
    let done = restart("disk \"replaced\"\n").unwrap();
    assert_eq!(done.kept_as.as_deref(), Some("audit-broken-1.jsonl"));
    assert_eq!(done.head.seq, 3, "numbers never go back");
    let kept = std::fs::read(node.folder.path().join("audit-broken-1.jsonl")).unwrap();
    assert_eq!(kept, broken);
    use sha2::{Digest, Sha256};
    let expected = format!("sha256:{}", hex::encode(Sha256::digest(&broken)));
    assert!(matches!(&node.lines()[0].event, Event::Break { file: Some(file), digest: Some(digest), reason, .. }
        if file == "audit-broken-1.jsonl" && *digest == expected && reason == "disk \"replaced\"\n"));
    node.open().unwrap().close().unwrap();
    // A second time, now with the file gone.
    std::fs::remove_file(node.folder.path().join(FILE)).unwrap();
    let done = restart("gone").unwrap();
    assert_eq!((done.kept_as, done.found.as_str()), (None, "the file was missing"));
    node.open().unwrap().close().unwrap();
}

#[test]
fn a_restart_that_was_cut_off_can_be_finished() {
    let node = recorded(|audit| audit.node(NodeEvent::Stopped));
    node.write(b"nonsense\n");
    node.keys.set_away(false);
    let before = node.head();
    let keys: Arc<dyn AuditKeys> = node.keys.clone();
    restart(&node.dir(), &keys, &noon(), "first").unwrap();
    // As if the power had failed before the new head was recorded.
    *node.keys.head.lock().unwrap() = before;
    assert!(matches!(node.open(), Err(AuditError::Broken(Broken { line: 1, what: Defect::Rewritten, .. }))));
    restart(&node.dir(), &keys, &noon(), "second").unwrap();
    node.open().unwrap().close().unwrap();
}

#[test]
fn a_node_cannot_start_anew_while_it_runs() {
    let node = Node::new();
    let _audit = node.open().unwrap();
    let keys: Arc<dyn AuditKeys> = node.keys.clone();
    assert!(matches!(restart(&node.dir(), &keys, &noon(), "x"), Err(AuditError::Locked)));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let node = recorded(|audit| audit.node(NodeEvent::Stopped));
    let mode = std::fs::metadata(node.folder.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
