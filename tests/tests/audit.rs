//! The audit after somebody had it in hands: whatever was changed is found, and the node does not start on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;

use m2m_tests::{Ae, Folder, TestNode};

const KEYS: &str = "[keys.identity]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nreason = \"test\"\n\n\
                    [stateless]\nallow = [\"verify\"]\nreason = \"test\"\n";
const AUDIT: &str = "state/audit.jsonl";

/// A node with an audit that has a line of every kind but `break`.
fn folder() -> Folder {
    let folder = TestNode::new().bystander().ae(Ae::guest("keeper").grants(KEYS)).ae(Ae::guest("fails-init")).stage();
    let node = folder.start();
    node.wait_for_line("keeper", "made ");
    node.wait_for_life("fails-init", "failed");
    node.wait_for("counted calls", |_| folder.audit().iter().any(|line| line.kind == "calls").then_some(()));
    node.stop();
    folder.assert_audit_holds();
    folder
}

fn lines(folder: &Folder) -> Vec<Vec<u8>> {
    folder.read(AUDIT).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Verification finds this defect at this line (from 1) of the changed file; the node says so and does not start.
fn assert_broken(folder: &Folder, changed: &[u8], line: usize, what: &[&str]) {
    folder.write(AUDIT, changed);
    let answer = folder.audit_verify();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let report = answer.json();
    assert_eq!(report["result"], "broken", "{report}");
    assert_eq!(report["line"], line, "{report}");
    assert!(what.contains(&report["what"].as_str().unwrap()), "{what:?}: {report}");
}

fn assert_does_not_start(folder: &Folder, says: &str) {
    let answer = folder.start_refused();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains(says), "`{says}`: {answer:?}");
    assert!(answer.stderr.contains("m2m-host audit restart --reason"), "what to do is missing: {answer:?}");
}

#[test]
fn a_changed_byte_in_a_line_of_each_kind() {
    let folder = folder();
    let whole = lines(&folder);
    let kinds = folder.audit();
    for kind in ["call", "calls", "ae", "node", "checkpoint"] {
        let index = kinds.iter().position(|line| line.kind == kind).unwrap_or_else(|| panic!("no line of kind {kind}"));
        let length = whole[index].len() - 1;
        for place in [0, 8, length / 3, length / 2, length * 2 / 3, length - 3] {
            let mut changed = whole.clone();
            changed[index][place] ^= 1;
            assert_broken(&folder, &changed.concat(), index + 1, &["changed", "not-a-line"]);
        }
        let mut changed = whole.clone();
        changed[index][length / 2] ^= 1;
        folder.write(AUDIT, changed.concat());
        assert_does_not_start(&folder, &format!("line {}", index + 1));
    }
    folder.write(AUDIT, whole.concat());
    folder.assert_audit_holds();
    folder.start().stop();
}

#[test]
fn lines_dropped_swapped_repeated_and_cut() {
    let folder = folder();
    let whole = lines(&folder);
    let count = whole.len();
    let middle = count / 2;

    let mut dropped = whole.clone();
    dropped.remove(middle);
    assert_broken(&folder, &dropped.concat(), middle + 1, &["dropped"]);
    assert_does_not_start(&folder, "lines before this one are missing");

    let mut first = whole.clone();
    first.remove(0);
    assert_broken(&folder, &first.concat(), 1, &["dropped"]);

    let mut swapped = whole.clone();
    swapped.swap(middle, middle + 1);
    assert_broken(&folder, &swapped.concat(), middle + 1, &["reordered"]);
    assert_does_not_start(&folder, "out of order");

    let mut repeated = whole.clone();
    repeated.insert(middle, whole[middle].clone());
    assert_broken(&folder, &repeated.concat(), middle + 2, &["reordered"]);

    assert_broken(&folder, &whole[..count - 1].concat(), count, &["cut-off"]);
    assert_does_not_start(&folder, "the file ends before seq");
    assert_broken(&folder, &whole[..1].concat(), 2, &["cut-off"]);
    assert_broken(&folder, b"", 1, &["cut-off"]);

    let torn = whole.concat();
    assert_broken(&folder, &torn[..torn.len() - 5], count, &["torn", "cut-off"]);

    fs::remove_file(folder.path().join(AUDIT)).unwrap();
    assert_does_not_start(&folder, "the file ends before seq");

    folder.write(AUDIT, whole.concat());
    folder.assert_audit_holds();
}

/// An old copy of audit and all: the lines hold in themselves, and the Secure Environment knows of newer ones.
#[test]
fn an_older_audit_put_back() {
    let folder = folder();
    let old = folder.read(AUDIT);
    folder.start().stop();
    assert_ne!(folder.read(AUDIT), old);
    folder.write(AUDIT, &old);
    let answer = folder.audit_verify();
    assert_eq!((answer.code, &answer.json()["what"]), (Some(1), &"cut-off".into()));
    assert_does_not_start(&folder, "which the Secure Environment recorded");
}

/// A broken audit is set aside with a reason, and the new one begins with a line of kind `break`, which is guarded too.
#[test]
fn a_restart_names_what_was_broken() {
    let folder = folder();
    let mut whole = lines(&folder);
    whole[2][20] ^= 1;
    folder.write(AUDIT, whole.concat());
    let answer = folder.host(&["audit", "restart"]);
    assert_eq!(answer.code, Some(2), "a reason is missing: {answer:?}");
    let answer = folder.host(&["audit", "restart", "--reason", "a disk died", "--json"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let kept = answer.json()["kept-as"].as_str().expect("the broken file is kept").to_owned();
    assert_eq!(fs::read(folder.state(&kept)).unwrap(), whole.concat());
    folder.assert_audit_holds();
    folder.start().stop();
    folder.assert_audit_holds();

    let (whole, kinds) = (lines(&folder), folder.audit());
    assert_eq!(kinds[0].kind, "break");
    assert!(String::from_utf8_lossy(&whole[0]).contains("a disk died"));
    let mut changed = whole.clone();
    changed[0][60] ^= 1;
    assert_broken(&folder, &changed.concat(), 1, &["changed", "not-a-line"]);
    assert_broken(&folder, &whole[1..].concat(), 1, &["dropped", "rewritten"]);
}

/// Somebody with nothing but a copy and the public key finds the same, up to the last checkpoint.
#[test]
fn a_copy_is_checked_by_the_public_key_alone() {
    let folder = folder();
    let node = folder.start();
    let key = node.status().audit_public_key;
    node.stop();
    let verify = |key: &str| folder.host(&["audit", "verify", "copy.jsonl", "--public-key", key, "--json"]);
    let whole = lines(&folder);
    folder.write("copy.jsonl", whole.concat());
    let answer = verify(&key);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.json()["head-checked"], false);

    let mut changed = whole.clone();
    changed[3][30] ^= 1;
    folder.write("copy.jsonl", changed.concat());
    assert_eq!(verify(&key).code, Some(1));

    folder.write("copy.jsonl", whole.concat());
    let other = verify(&"ab".repeat(32));
    assert_eq!((other.code, &other.json()["what"]), (Some(1), &"bad-signature".into()));
    assert_eq!(verify("abc").code, Some(2));
}
