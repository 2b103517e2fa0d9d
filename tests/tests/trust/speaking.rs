//! Who hears what, and who may say it.

use m2m_tests::{Ae, Domain};

use crate::scene::{
    PUBLISH_REPORT, control_node, correspondent, hear, heard, meter_node, wait_for_heard, wait_for_stage,
};

const REPORT: &str = "trust/1/report";
const COMMAND: &str = "trust/1/command";
const STATUS: &str = "trust/1/status";

#[test]
fn what_a_node_says_is_heard_by_the_rights_of_its_certificate() {
    let domain = Domain::start(&[]);
    // Beside the one that hears: each listens to the same topics, and to another sender.
    let neighbours = [
        correspondent("from-commanders").grants(&hear("report", "service:metering/command")),
        correspondent("from-aes").grants(&hear("report", "ae:*")),
    ];
    let control = control_node(&domain, neighbours);
    let beside_meter = [
        correspondent("from-meter").grants(&hear("report", "ae:meter")),
        correspondent("from-reporters").grants(&hear("command", "service:metering/report")),
        correspondent("signed-only").grants(
            "[[subscribe]]\ntopic = \"trust/+/command\"\nfrom = [\"service:metering/command\"]\n\
             protection = [\"signed\"]\nreason = \"test\"\n",
        ),
        correspondent("no-way-out").grants("[[publish]]\ntopic = \"trust/+/report\"\nreason = \"test\"\n").go("1 s"),
    ];
    let meter = meter_node(&domain, &control, beside_meter);
    let (control, meter) = (control.start(), meter.start());

    let reports = wait_for_heard(&control, "control", REPORT, 20);
    assert!(reports.iter().all(|(_, how)| how == "node:metering/report signed"), "{reports:?}");
    let numbers: Vec<_> = reports.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (numbers[0]..).take(numbers.len()).collect::<Vec<_>>(), "lost or repeated");
    let commands = wait_for_heard(&meter, "meter", COMMAND, 5);
    assert!(commands.iter().all(|(_, how)| how == "node:metering/command confidential"), "{commands:?}");
    let answers = wait_for_heard(&control, "control", STATUS, 5);
    assert!(answers.iter().all(|(_, how)| how == "node:metering/report confidential"), "{answers:?}");
    meter.wait_for_line("meter", &format!("answer {}: ok", commands[0].0));

    // On its own node a signed report is from an AE, and a command stays between the two nodes.
    let own = wait_for_heard(&meter, "from-meter", REPORT, 5);
    assert!(own.iter().all(|(_, how)| how == "ae:meter local"), "{own:?}");
    for (node, ae, topic) in [
        (&control, "from-commanders", REPORT),
        (&control, "from-aes", REPORT),
        (&meter, "from-reporters", COMMAND),
        (&meter, "signed-only", COMMAND),
    ] {
        assert_eq!(heard(node, ae, topic), [], "{ae}");
        let refused = node.ae(ae).count("messaging.deliver", "deny");
        assert!(refused > 0, "`{ae}` refused nothing: {:?}", node.ae(ae).calls);
    }
    let line = meter.wait_for_line("no-way-out", "trust/1/report 1: ");
    assert!(line.contains("denied messaging.publish `trust/1/report` by policies/no-way-out.toml:"), "{line}");

    let report = meter.ae("meter");
    assert!(report.outbound.sent > 20 && report.outbound.dropped.is_empty(), "{report:?}");
    let life = control.status();
    let life = life.life_cycle();
    assert_eq!((&*life.stage, life.enrolments), ("authorized", 1), "{life:?}");
    assert!(life.certificates > 0 && life.refused.is_empty(), "{life:?}");
    meter.stop();
    control.stop();
}

/// Capability file and ceiling allow it, and the node's own subscription does not.
#[test]
fn what_the_node_has_no_right_to_is_denied_by_the_name_of_the_right() {
    let domain = Domain::start(&[]);
    let would_report = correspondent("would-report").grants(PUBLISH_REPORT).go("100 ms");
    let rule = would_report.rule("[[publish]]", "topic = \"trust/+/report\"");
    let control = control_node(&domain, [would_report]);
    let node = control.start();
    wait_for_stage(&node, "authorized");
    let denied = format!(": denied messaging.publish `metering/report` by {rule}");
    node.wait_for("the denial", |node| node.log_of("would-report").into_iter().find(|line| line.ends_with(&denied)));
    node.stop();
    let lines = control.audit();
    let listed = lines.iter().find(|line| line.ae == "would-report" && line.text.contains("`metering/report`"));
    let listed = listed.expect("the denial in the audit");
    assert_eq!((&*listed.operation, &*listed.subject, &*listed.effect), ("messaging.publish", REPORT, "deny"));
    control.assert_audit_holds();
}

/// Nothing is lost or repeated over changes of pseudonym, and each leaves a line without names.
#[test]
fn numbers_come_through_changes_of_pseudonym() {
    let domain = Domain::start(&["--slot", "8 s", "--per-slot", "4"]);
    let control = control_node(&domain, []);
    let meter_folder = meter_node(&domain, &control, []);
    let (control, meter) = (control.start(), meter_folder.start());
    wait_for_heard(&control, "control", REPORT, 1);
    let changes = |node: &m2m_tests::Running<'_>| node.status().life_cycle().pseudonym_changes;
    let before = changes(&meter);
    meter.wait_for("three changes", |node| (changes(node) >= before + 3).then_some(()));
    let so_far = heard(&control, "control", REPORT).len();
    let reports = wait_for_heard(&control, "control", REPORT, so_far + 10);
    let numbers: Vec<_> = reports.iter().map(|(number, _)| *number).collect();
    let expected: Vec<_> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "lost or repeated: {:?}", control.status().trust);
    wait_for_heard(&control, "control", STATUS, 3);
    meter.stop();
    control.stop();
    let changed = meter_folder.audit().into_iter().filter(|line| line.event == "provisioning");
    let changed: Vec<_> = changed.filter(|line| line.text.contains("changes")).map(|line| line.text).collect();
    assert!(changed.len() >= 3 && changed.iter().all(|text| text == "changes all pseudonyms"), "{changed:?}");
    meter_folder.assert_audit_holds();
}

#[test]
fn an_ae_asks_for_rights_within_its_file() {
    let domain = Domain::start(&[]);
    let asks = "[authorization]\nservices = [\"metering/report\"]\nchange-pseudonym = true\nreason = \"test\"\n";
    let only_asks = "[authorization]\nservices = [\"metering/command\"]\nreason = \"test\"\n";
    let guest = m2m_tests::guest("right-asker");
    let asker = Ae::of("asker", guest).grants(asks).go("200 ms");
    let other = Ae::of("other", guest).grants(only_asks).go("200 ms");
    let control = control_node(&domain, []);
    let folder = meter_node(&domain, &control, [asker, other]);
    let (_control, node) = (control.start(), folder.start());
    node.wait_for_line("asker", "services: [metering/report true]");
    node.wait_for_line("asker", "request metering/report: ok");
    for service in ["metering/command", "heating/report"] {
        let line = node.wait_for_line("asker", &format!("request {service}: denied"));
        assert!(line.contains(&format!("denied authorization.request `{service}` by policies/asker.toml:")), "{line}");
    }
    // Now, or too soon after the last one.
    node.wait_for("an answer to the hint", |node| {
        node.log_of("asker").into_iter().find(|line| line == "change: ok" || line == "change: exhausted")
    });
    // The node does not have what the other may ask for, and the other does not see what the node has.
    node.wait_for_line("other", "services: ");
    let services: Vec<_> = node.log_of("other").into_iter().filter(|line| line.starts_with("services: ")).collect();
    assert!(services.iter().all(|line| !line.contains("metering")), "{services:?}");
    node.wait_for("the subscription to decide", |node| {
        let denied = "request metering/command: denied authorization.request `metering/command` by no rule";
        node.log_of("other").into_iter().find(|line| line == denied)
    });
    let line = node.wait_for_line("other", "change: denied");
    assert!(line.contains("authorization.change-pseudonym"), "{line}");
    node.stop();
}
