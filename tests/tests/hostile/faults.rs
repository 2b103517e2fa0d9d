//! A broken contract ends the instance, and that alone: the kind of fault, three instances, then the AE has failed.

use m2m_tests::{Ae, beside_bystander};

const SPARE_KEY: &str =
    "[keys.spare]\nalgorithm = \"ed25519\"\nallow = [\"generate\", \"public-key\", \"sign\"]\nreason = \"to hold\"\n";

/// Every instance of `ae` logs `within` and then ends by a fault of this kind; returns the texts of the faults.
fn faults(ae: Ae, name: &'static str, within: &str, kind: &str) -> Vec<String> {
    let mut texts = Vec::new();
    beside_bystander([ae.go("20 ms")], |node| {
        let report = node.wait_for_life(name, "failed");
        let kinds: Vec<&str> = report.faults.iter().map(|fault| &*fault.kind).collect();
        assert_eq!(kinds, [kind; 3], "{report:?}");
        assert_eq!((report.fault_count, report.restarts, report.memory_bytes), (3, 2, 0));
        let log = node.log_of(name);
        assert_eq!(log.iter().filter(|line| *line == within).count(), 3, "{log:?}");
        assert!(!log.iter().any(|line| line.starts_with("SURVIVED")), "{log:?}");
        texts = report.faults.into_iter().map(|fault| fault.text).collect();
    });
    texts
}

#[test]
fn spin() {
    let texts = faults(Ae::guest("spin"), "spin", "within the limit: ok", "cpu-per-message");
    assert!(texts[0].contains("100 ms") && texts[0].contains("`limits.cpu-per-message`"), "{texts:?}");
}

#[test]
fn hog_memory() {
    let texts = faults(Ae::guest("hog-memory"), "hog-memory", "within the limit: ok", "memory");
    assert!(texts[0].contains("4194304 bytes"), "{texts:?}");
}

#[test]
fn forged_handle() {
    let grants = format!(
        "{SPARE_KEY}\n[[publish]]\ntopic = \"forged/+\"\nreason = \"to itself\"\n\n[[subscribe]]\ntopic = \"forged/+\"\nfrom = [\"ae:forged-handle\"]\nreason = \"from itself\"\n"
    );
    let ae = Ae::guest("forged-handle").grants(&grants);
    let texts = faults(ae, "forged-handle", "own handle: ok", "forged-handle");
    assert!(texts[0].contains("7777") && texts[1].contains("7777"), "{texts:?}");
    assert!(texts.iter().all(|text| text.starts_with("used a handle that it does not hold")), "{texts:?}");
}

#[test]
fn used_after_drop() {
    let ae = Ae::guest("used-after-drop").grants(SPARE_KEY);
    faults(ae, "used-after-drop", "before the drop: ok", "forged-handle");
}

#[test]
fn handle_hoarder() {
    let limits = "handles = 16\ncpu-per-message = \"500 ms\"\nmax-attempts = 1\nrestarts = { max = 2, within = \"10 min\" }\ncpu-share = \"100 %\"";
    let ae = Ae::guest("handle-hoarder").grants(SPARE_KEY).limits(limits);
    let texts = faults(ae, "handle-hoarder", "a thousand, one after the other: ok", "handles");
    assert!(texts[0].contains("more than 16 handles"), "{texts:?}");
}

#[test]
fn fails_init() {
    beside_bystander([Ae::guest("fails-init")], |node| {
        let report = node.wait_for_life("fails-init", "failed");
        let kinds: Vec<&str> = report.faults.iter().map(|fault| &*fault.kind).collect();
        assert_eq!(kinds, ["init"; 3]);
        assert_eq!(report.faults[0].text, "`init` failed: no sensor found");
    });
}

/// What stands in the audit of a fault, and how a budget of restarts ends.
#[test]
fn the_audit_tells_of_faults_restarts_and_failure() {
    let folder = m2m_tests::TestNode::new().ae(Ae::guest("fails-init")).stage();
    let node = folder.start();
    node.wait_for_life("fails-init", "failed");
    node.stop();
    folder.assert_audit_holds();
    let lines: Vec<_> = folder.audit().into_iter().filter(|line| line.ae == "fails-init").collect();
    let events: Vec<&str> = lines.iter().map(|line| &*line.event).collect();
    assert_eq!(events, ["started", "fault", "restarted", "fault", "restarted", "fault", "failed"]);
    assert!(lines.iter().filter(|line| line.event == "fault").all(|line| line.fault == "init"));
    assert!(lines[6].text.starts_with("more than 2 restarts within 600 s"), "{}", lines[6].text);
}
