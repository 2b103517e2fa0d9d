//! A node's way into a trust domain, with authorities that are there, late, or gone.

use m2m_tests::{Domain, LinkEnd, Role, TestNode};

use crate::scene::{control_node, meter, meter_node, wait_for_heard, wait_for_stage};

#[test]
fn a_node_that_is_not_initialized_runs_and_says_what_is_missing() {
    let domain = Domain::new(&[]);
    let sections = domain.sections(&["metering/report"], LinkEnd::Listen);
    let ceiling = include_str!("../../trust-ceiling.toml");
    let folder = TestNode::new().ceiling(ceiling).section(&sections).ae(meter()).stage();
    let node = folder.start();
    let report = wait_for_stage(&node, "uninitialized");
    let waits_for = report.life_cycle().waits_for.clone().unwrap();
    assert!(waits_for.contains("m2m-host init"), "{waits_for}");
    let line = node.wait_for_line("meter", "trust/1/report 1: ");
    assert!(line.contains("unavailable not enrolled"), "{line}");
    let people = folder.host(&["status"]);
    assert!(people.stdout.contains("uninitialized") && people.stdout.contains("waits for"), "{people:?}");
    // Its keys are the running node's.
    let init = folder.host(&["init", "--device", "device.json"]);
    assert!(init.code == Some(1) && init.stderr.contains("another node runs on the state folder"), "{init:?}");
    node.stop();
    let enrol = folder.host(&["enrol"]);
    assert!(enrol.code == Some(1) && enrol.stderr.contains("not initialized"), "{enrol:?}");
    folder.assert_audit_holds();
}

#[test]
fn authorities_that_come_late_are_waited_for() {
    let mut domain = Domain::new(&[]);
    let control = control_node(&domain, []);
    let folder = meter_node(&domain, &control, []);
    let refused = folder.host(&["enrol"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("`mef`"), "{refused:?}");
    let (control, node) = (control.start(), folder.start());
    let waits = |name: &str| {
        node.wait_for(&format!("status to name `{name}`"), |node| {
            node.status().life_cycle().waits_for.clone().filter(|why| why.contains(&format!("`{name}`")))
        })
    };
    waits("mef");
    let line = node.wait_for_line("meter", "trust/1/report 1: ");
    assert!(line.contains("unavailable not enrolled"), "{line}");

    domain.serve(&[Role::Mef]);
    wait_for_stage(&node, "enrolled");
    waits("aa");
    // The enrolment function is up, and with the relay alone there are still no certificates.
    domain.serve(&[Role::Relay]);
    domain.serve(&[Role::Aa]);
    wait_for_stage(&node, "authorized");
    wait_for_heard(&control, "control", "trust/1/report", 3);
    let life = node.status();
    assert_eq!(life.life_cycle().enrolments, 1);
    assert_eq!(life.life_cycle().waits_for, None);

    // While it runs there is nothing to do for a person but to look.
    let asked = folder.host(&["enrol", "--json"]);
    assert_eq!((asked.code, &asked.json()["stage"]), (Some(0), &"authorized".into()), "{asked:?}");
    node.stop();
    control.stop();
}

#[test]
fn a_node_that_was_stopped_or_killed_goes_on_where_it_was() {
    let domain = Domain::start(&[]);
    let control = control_node(&domain, []);
    let folder = meter_node(&domain, &control, []);
    let control = control.start();
    let enrolled = folder.host(&["enrol", "--json"]);
    assert_eq!((enrolled.code, &enrolled.json()["operations"][0]), (Some(0), &"metering/report".into()));
    let node = folder.start();
    let certificates = wait_for_stage(&node, "authorized").life_cycle().certificates;
    node.stop();
    for is_killed in [true, false] {
        let node = folder.start();
        let life = wait_for_stage(&node, "authorized");
        let life = life.life_cycle();
        assert_eq!((life.enrolments, life.certificates), (1, certificates), "nothing is asked for twice");
        let so_far = crate::scene::heard(&control, "control", "trust/1/report").len();
        wait_for_heard(&control, "control", "trust/1/report", so_far + 3);
        if is_killed {
            node.kill();
        } else {
            node.stop();
        }
    }
    folder.assert_audit_holds();
    let steps: Vec<_> =
        folder.audit().into_iter().filter(|line| line.event == "provisioning").map(|line| line.text).collect();
    for step in ["device key made", "initialization installed", "asks for a subscription", "subscribed until"] {
        assert_eq!(steps.iter().filter(|text| text.starts_with(step)).count(), 1, "{step}: {steps:?}");
    }
}

#[test]
fn commands_that_need_an_m2m_system_say_what_is_missing() {
    let folder = TestNode::new().stage();
    for command in ["init", "enrol"] {
        let answer = folder.host(&[command]);
        assert!(answer.code == Some(1) && answer.stderr.contains("`node.toml` has no `[trust]`"), "{answer:?}");
    }
    let node = folder.start();
    assert!(node.status().trust.is_none());
    let report = folder.host(&["report", "--topic", "a/b", "--out", "report.cbor"]);
    assert!(report.code == Some(1) && report.stderr.contains("no `[trust]`"), "{report:?}");
    node.stop();
    let report = folder.host(&["report", "--topic", "a/b", "--out", "report.cbor"]);
    assert!(report.code == Some(1) && report.stderr.contains("has to be running"), "{report:?}");

    let domain = Domain::new(&[]);
    let sections = domain.sections(&["metering/report"], LinkEnd::Listen);
    let folder = TestNode::new().section(&sections).stage();
    folder.write("garbage.cbor", [7; 100]);
    let early = folder.host(&["init", "--initialization", "garbage.cbor"]);
    assert!(early.code == Some(1) && early.stderr.contains("`garbage.cbor` is not installed"), "{early:?}");
    let missing = folder.host(&["init", "--initialization", "nothing.cbor"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("`nothing.cbor`"), "{missing:?}");
    // One made for another device.
    domain.initialize(&folder);
    let other = TestNode::new().section(&sections).stage();
    other.write("initialization.cbor", folder.read("initialization.cbor"));
    let refused = other.host(&["init", "--initialization", "initialization.cbor"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("is not installed"), "{refused:?}");
}
