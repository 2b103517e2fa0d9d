//! No room for the audit.

use std::io::Write;

use m2m_tests::{TestNode, Tmpfs};

use super::stops::key_maker;

/// Key calls that must be recorded answer `unavailable`, everything else goes on, and with room all is as before.
#[test]
fn a_full_disk() {
    let folder = TestNode::new().bystander().ae(key_maker()).stage();
    let disk = match Tmpfs::mount(&folder.state(""), 4096) {
        Ok(disk) => disk,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "skipped: no file system of its own to fill ({why})");
            return;
        }
    };
    let node = folder.start();
    assert_eq!(node.status().audit, "healthy");
    node.wait_for_line("key-maker", "make k-003: ok");

    disk.fill();
    node.wait_for("a degraded audit", |node| node.status().audit.starts_with("degraded since ").then_some(()));
    let lines_before = node.log_of("key-maker").len();
    node.wait_for("refused keys", |node| {
        let lines = node.log_of("key-maker");
        let refused = lines[lines_before..].iter().filter(|line| line.contains(": unavailable ")).count();
        (refused >= 5).then_some(())
    });
    let while_full = node.log_of("key-maker")[lines_before..].to_vec();
    assert!(while_full.iter().filter(|line| *line == "sign: ok").count() >= 4, "{while_full:?}");
    assert!(!while_full.iter().any(|line| line.starts_with("make ") && line.ends_with(": ok")), "{while_full:?}");
    let numbers = node.log_of("echo").len();
    node.wait_for("the bystander", |node| (node.log_of("echo").len() >= numbers + 20).then_some(()));
    assert_eq!(node.ae("key-maker").fault_count, 0);

    disk.empty();
    node.wait_for("a healthy audit", |node| (node.status().audit == "healthy").then_some(()));
    let lines_before = node.log_of("key-maker").len();
    node.wait_for("a new key", |node| {
        let lines = node.log_of("key-maker");
        lines[lines_before..].iter().any(|line| line.starts_with("make ") && line.ends_with(": ok")).then_some(())
    });
    node.stop();
    folder.assert_audit_holds();
    let lines = folder.audit();
    let place = |event: &str| lines.iter().position(|line| line.kind == "node" && line.event == event);
    assert!(place("degraded").expect("degraded") < place("recovered").expect("recovered"));
    // What was not recorded was not done: the number of keys is that of allowed lines.
    let listed = lines.iter().filter(|line| line.operation == "keys.generate" && line.kind == "call").count();
    let node = folder.start();
    let found = node.wait_for_line("key-maker", "found").split_whitespace().count() - 1;
    assert!(found <= listed, "{found} keys, {listed} lines");
    node.stop();
    drop(disk);
}
