//! A node that misbehaves is reported and revoked, and then nobody listens to it.

use m2m_tests::Domain;

use crate::scene::{control_node, heard, meter_node, wait_for_heard};

const REPORT: &str = "trust/1/report";

#[test]
fn who_is_revoked_is_not_heard_any_more() {
    let domain = Domain::start(&["--revocation-period", "2 s"]);
    let control_folder = control_node(&domain, []);
    let meter_folder = meter_node(&domain, &control_folder, []);
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

    domain.authority(&["revoke", "domain", file, "--reason", "misbehaviour"]);
    let refused = |cause: &str| control.status().life_cycle().refused.get(cause).copied().unwrap_or_default();
    std::thread::sleep(std::time::Duration::from_secs(8));
    println!("{:?}\n{:?} {}", meter.status().trust, control.status().trust, refused("revoked"));
    let so_far = heard(&control, "control", REPORT).len();
    std::thread::sleep(std::time::Duration::from_secs(6));
    println!("{:?}\n{:?}", meter.status().trust, control.status().trust);
    assert_eq!(heard(&control, "control", REPORT).len(), so_far, "still heard");
    meter.stop();
    control.stop();
    let counted = control_folder.audit().into_iter().filter(|line| line.event == "messages-refused");
    assert!(counted.map(|line| line.count).sum::<u64>() > 8, "the refused messages in the audit");
    control_folder.assert_audit_holds();
}
