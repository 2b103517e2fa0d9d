//! WASI is there to link against, for components of other languages, and gives nothing.

use m2m_tests::{Ae, TestNode, beside_bystander};

const WASI: &str = "[wasi]\nstub = true\nreason = \"test\"\n";
const CLOCKS: &str = "[clocks]\nreason = \"test\"\n";

#[test]
fn wasi_prober() {
    beside_bystander([Ae::guest("wasi-prober").grants(WASI).go("20 ms")], |node| {
        node.wait_for_line("wasi-prober", "done");
        let expected = [
            "folders 0",
            "environment 0",
            "arguments 0",
            "working folder None",
            "connect access-denied",
            "look up permanent-resolver-failure",
            "done",
        ];
        assert_eq!(node.log_of("wasi-prober"), expected);
    });
}

#[test]
fn without_a_grant_neither_wasi_nor_clocks_are_there() {
    let folder = TestNode::new().ae(Ae::guest("wasi-prober")).ae(Ae::guest("clock-reader")).stage();
    let node = folder.start();
    let refused = node.ae("wasi-prober");
    assert_eq!(refused.life, "refused");
    assert!(refused.refused.contains("imports `wasi:"), "{refused:?}");
    assert!(refused.refused.contains("add `[wasi]` with `stub = true`"), "{refused:?}");
    let refused = node.ae("clock-reader");
    assert_eq!(refused.life, "refused");
    assert!(refused.refused.contains("imports `wasi:clocks/"), "{refused:?}");
    assert!(refused.refused.contains("add `[clocks]`"), "{refused:?}");
    node.stop();
    let lines = folder.audit();
    let events =
        |ae: &str| lines.iter().filter(|line| line.ae == ae).map(|line| line.event.clone()).collect::<Vec<_>>();
    assert_eq!(events("wasi-prober"), ["refused"]);
    assert_eq!(events("clock-reader"), ["refused"]);
}

/// With `[wasi]` alone the clocks are there to link against, and every reading is denied.
fn check_clock(guest: &str, alone: &str, with_clocks: &str, reads: &str) {
    let denied = Ae::of("denied", m2m_tests::guest(guest)).grants(alone).go("20 ms");
    let granted = Ae::of("granted", m2m_tests::guest(guest)).grants(with_clocks).go("20 ms");
    beside_bystander([denied, granted], |node| {
        let report = node.wait_for_life("denied", "failed");
        let kinds: Vec<&str> = report.faults.iter().map(|fault| &*fault.kind).collect();
        assert_eq!(kinds, ["denied"; 3]);
        assert!(report.faults[0].text.contains("`clocks.now`"), "{report:?}");
        assert_eq!(report.count("clocks.now", "deny"), 3, "{report:?}");
        assert_eq!(node.log_of("denied"), ["reads the clock"; 3]);
        node.wait_for_line("granted", reads);
        let granted = node.ae("granted");
        assert_eq!(granted.fault_count, 0);
        assert!(granted.count("clocks.now", "allow") > 0, "{granted:?}");
    });
}

#[test]
fn clock_reader() {
    check_clock("clock-reader", WASI, CLOCKS, "coarse true, this century true");
}

#[test]
fn wasi_clock() {
    check_clock("wasi-clock", WASI, &format!("{WASI}\n{CLOCKS}"), "coarse true");
}
