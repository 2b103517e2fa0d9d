//! SIGTERM and SIGKILL at any moment.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use m2m_tests::{Ae, Folder, LogLine, TestNode};
use rustix::process::Signal;

const KEYS: &str = "[keys.\"*\"]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nmax-keys = 250\nreason = \"test\"\n";

/// Makes a key with every beat.
pub(crate) fn key_maker() -> Ae {
    Ae::guest("key-maker").grants(KEYS).go("10 ms")
}

fn stage() -> Folder {
    TestNode::new().bystander().ae(key_maker()).stage()
}

/// The numbered keys that `key-maker` was told it has.
fn made(log: &[LogLine]) -> BTreeSet<String> {
    let lines = log.iter().filter(|line| line.ae == "key-maker");
    lines.filter_map(|line| Some(line.message.strip_prefix("make ")?.strip_suffix(": ok")?.to_owned())).collect()
}

/// Those it found when it began.
fn found(line: &str) -> BTreeSet<String> {
    line.split(' ').filter(|word| word.starts_with("k-")).map(str::to_owned).collect()
}

/// Those that the audit listed before they were made.
fn listed(folder: &Folder) -> BTreeSet<String> {
    let lines = folder.audit().into_iter().filter(|line| line.operation == "keys.generate" && line.effect == "allow");
    lines.map(|line| line.subject).collect()
}

#[test]
fn sigterm_while_aes_are_at_work() {
    let folder = stage();
    let mut told = BTreeSet::new();
    for round in 0..4 {
        let node = folder.start();
        let known = found(&node.wait_for_line("key-maker", "found"));
        assert_eq!(known, told, "round {round}");
        assert!(known.is_subset(&listed(&folder)), "round {round}: a key that the audit does not know");
        node.wait_for("keys", |node| (made(&node.log()).len() >= 5).then_some(()));
        told.extend(made(&node.stop()));
        folder.assert_audit_holds();
        let lines = folder.audit();
        let stops = lines.iter().filter(|line| line.kind == "node" && line.event == "stopped");
        assert_eq!(stops.count(), round + 1);
        assert_eq!(lines.last().unwrap().kind, "checkpoint", "the end is signed");
    }
    assert!(told.len() >= 20, "{told:?}");
}

#[test]
fn sigterm_while_it_starts() {
    let folder = stage();
    folder.start().stop();
    for wait_ms in [5, 40, 90, 150] {
        let mut node = folder.launch();
        thread::sleep(Duration::from_millis(wait_ms));
        node.signal(Signal::TERM);
        let code = node.wait_until_ended();
        // Before its handlers are set the signal itself ends it.
        assert!(matches!(code, Some(0) | None), "after {wait_ms} ms: {code:?}\n{}", node.log_text());
    }
    folder.start().stop();
    folder.assert_audit_holds();
}

#[test]
fn sigkill_at_any_moment() {
    let folder = stage();
    let mut told = BTreeSet::new();
    for round in 0..8_u64 {
        let node = folder.start();
        let known = found(&node.wait_for_line("key-maker", "found"));
        assert!(told.is_subset(&known), "round {round}: lost {:?}", told.difference(&known));
        // Not a multiple of anything that the node does in beats.
        thread::sleep(Duration::from_millis(37 * round));
        told = known;
        told.extend(made(&node.kill()));
        let answer = folder.audit_verify();
        let (result, what) = (&answer.json()["result"], &answer.json()["what"]);
        assert!(result == "holds" || what == "torn", "round {round}: {answer:?}");
    }
    assert!(told.len() > 2, "{told:?}");
    let node = folder.start();
    let known = found(&node.wait_for_line("key-maker", "found"));
    assert!(told.is_subset(&known), "lost {:?}", told.difference(&known));
    node.wait_for_line("key-maker", "sign: ok");
    node.stop();
    folder.assert_audit_holds();
    let halves = |name: &str| {
        fs::read_dir(folder.state(name)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
    };
    assert_eq!(halves("keys").filter(|name| name.ends_with(".tmp")).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn sigkill_while_it_starts() {
    let folder = stage();
    for wait_ms in [5, 30, 60, 100, 160, 250] {
        let node = folder.launch();
        thread::sleep(Duration::from_millis(wait_ms));
        node.kill();
    }
    let node = folder.start();
    node.wait_for_line("key-maker", "sign: ok");
    node.wait_for_line("echo", "got 1");
    node.stop();
    folder.assert_audit_holds();
}
