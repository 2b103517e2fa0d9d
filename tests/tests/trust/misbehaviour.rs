//! A node that misbehaves is reported and revoked, and then nobody listens to it.

use std::time::Duration;

use m2m_tests::{Domain, Role};

use crate::scene::{control_node, heard, meter_node, wait_for_heard};

const REPORT: &str = "trust/1/report";

#[test]
fn who_is_revoked_is_not_heard_any_more() {
    let mut domain = Domain::start(&["--revocation-period", "2 s"]);
    let control_folder = control_node(&domain, []);
    let meter_folder = meter_node(&domain, &control_folder, []);
    domain.leave_relay_out(&control_folder);
    let (control, meter) = (control_folder.start(), meter_folder.start());
    wait_for_heard(&control, "control", REPORT, 5);

    let nothing = control_folder.host(&["report", "--topic", "trust/2/report", "--out", "report.cbor"]);
    assert!(nothing.code == Some(1) && nothing.stderr.contains("no signed message"), "{nothing:?}");
    let report = control_folder.host(&["report", "--topic", REPORT, "--out", "report.cbor", "--json"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let file = control_folder.path().join("report.cbor");
    let file = file.to_str().unwrap();
    let shown = domain.authority(&["report", "domain", file]);
    assert!(shown.stdout.contains(REPORT) && shown.stdout.contains("metering/report"), "{shown:?}");

    // The meter is not to hear of it: it would stop by itself.
    domain.stop(Role::Relay);
    domain.authority(&["revoke", "domain", file, "--reason", "misbehaviour"]);
    let refused = || control.status().life_cycle().refused.get("revoked").copied().unwrap_or_default();
    control.wait_for("the first refusal", |_| (refused() > 0).then_some(()));
    let so_far = heard(&control, "control", REPORT).len();
    control.wait_for("more of them", |_| (refused() > 20).then_some(()));
    assert_eq!(heard(&control, "control", REPORT).len(), so_far, "still heard");
    meter.stop();
    control.stop();
    let counted = control_folder.audit().into_iter().filter(|line| line.event == "messages-refused");
    assert!(counted.map(|line| line.count).sum::<u64>() > 20, "the refused messages in the audit");
    control_folder.assert_audit_holds();
}

#[test]
fn who_hears_of_its_own_revocation_falls_silent() {
    let domain = Domain::start(&["--revocation-period", "2 s"]);
    let control_folder = control_node(&domain, []);
    let meter_folder = meter_node(&domain, &control_folder, []);
    let (control, meter) = (control_folder.start(), meter_folder.start());
    wait_for_heard(&control, "control", REPORT, 5);
    let report = control_folder.host(&["report", "--topic", REPORT, "--out", "report.cbor"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let file = control_folder.path().join("report.cbor");
    domain.authority(&["revoke", "domain", file.to_str().unwrap(), "--reason", "misbehaviour"]);
    let blocked = meter.wait_for("the block of its subscription", |meter| {
        meter.status().life_cycle().waits_for.clone().filter(|why| why.contains("blocked"))
    });
    let so_far = heard(&control, "control", REPORT).len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(heard(&control, "control", REPORT).len(), so_far, "{blocked}");
    meter.stop();
    control.stop();
}
