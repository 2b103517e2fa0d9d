//! A report, an order, a list, a block, and a name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::Command;
use std::time::Duration;

use m2m_authority::http::COSE;
use m2m_authority::misbehaviour::{OrderingError, identify, order_identification, order_revocation, parse_digest};
use m2m_trust::authorization::{AuthorizationError, AuthorizationStatus, PseudonymCertificate};
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::cose::SignedError;
use m2m_trust::enrolment::{EnrolmentError, EnrolmentStatus};
use m2m_trust::revocation::{IdentificationError, Reason, Revocations};
use support::{BIG, Domain, Node, client, id};

/// A node with certificates, and a report of what it said under the first of them.
async fn misbehaving(domain: &Domain) -> (Node, Vec<PseudonymCertificate>, Vec<u8>) {
    let mut node = domain.node("node");
    node.enrol(domain).await.unwrap();
    let (request, awaiting, pseudonyms) = node.request_for(4);
    let url = domain.relay_url("/aa/aa/authorization");
    let reply = client().post(&url, m2m_authority::http::CBOR, request, BIG).await.unwrap();
    let (signers, recipients): (Vec<_>, Vec<_>) = pseudonyms.into_iter().map(|own| (own.signer, own.recipient)).unzip();
    let certificates = awaiting.finish(&reply.body, &node.bundle, &recipients).unwrap();
    let report = node.report(&certificates[0], &signers[0]);
    (node, certificates, report)
}

/// What the AA's list says now.
async fn list(domain: &Domain, node: &Node) -> Revocations {
    let list = client().get(&domain.aa_url("/revocations"), BIG).await.unwrap();
    let mut floor = ClockFloor { time: node.now(), ..ClockFloor::default() };
    let mut revocations = Revocations::default();
    revocations.accept(&list.body, &node.bundle, node.admitted(), &mut floor).unwrap();
    revocations
}

fn revoked(revocations: &Revocations, own: &PseudonymCertificate) -> bool {
    let certificate = &own.certificate;
    revocations.is_revoked(certificate.issuer(), &certificate.claims().linkage, &certificate.digest())
}

/// The hash of the request that the last line of this event names.
fn logged(domain: &Domain, role: &str, event: &str) -> Option<serde_json::Value> {
    let log = std::fs::read_to_string(domain.path(role).join("decisions.jsonl")).unwrap_or_default();
    let mut lines = log.lines().rev().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.find(|line| line["event"] == event)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain for {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reported_batch_is_revoked_and_its_device_blocked() {
    let domain = Domain::start().await;
    let (mut node, certificates, report) = misbehaving(&domain).await;
    let mut neighbour = domain.node("neighbour");
    neighbour.enrol(&domain).await.unwrap();
    let others = neighbour.authorize(&domain, 2).await.unwrap();
    assert!(!certificates.iter().any(|own| revoked(&Revocations::default(), own)));

    let order = order_revocation(&domain.folder(), &report, Reason::Misbehaviour).unwrap();
    for _ in 0..2 {
        let taken = client().post(&domain.aa_url("/order"), COSE, order.signed.clone(), BIG).await.unwrap();
        assert_eq!(taken.status, 204);
    }
    let revocations = list(&domain, &node).await;
    assert!(certificates.iter().all(|own| revoked(&revocations, own)));
    assert!(!others.iter().any(|own| revoked(&revocations, own)));

    until("the block", || logged(&domain, "aa", "block").is_some()).await;
    assert_eq!(logged(&domain, "aa", "block").unwrap()["acknowledged"], true);
    let refused = AuthorizationError::Refused(AuthorizationStatus::NotSubscribed);
    assert_eq!(node.authorize(&domain, 1).await, Err(refused));
    assert_eq!(node.enrol(&domain).await, Err(EnrolmentError::Refused(EnrolmentStatus::Blocked)));
    assert_eq!(neighbour.authorize(&domain, 1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_waits_for_its_function_over_a_restart() {
    let mut domain = Domain::start().await;
    let (mut node, _, report) = misbehaving(&domain).await;
    domain.stop("mef").await;
    let order = order_revocation(&domain.folder(), &report, Reason::Compromise).unwrap();
    let taken = client().post(&domain.aa_url("/order"), COSE, order.signed, BIG).await.unwrap();
    assert_eq!(taken.status, 204);
    domain.stop("aa").await;
    domain.serve("aa").await;
    domain.serve("mef").await;
    until("the block", || logged(&domain, "mef", "block").is_some()).await;
    assert_eq!(node.enrol(&domain).await, Err(EnrolmentError::Refused(EnrolmentStatus::Blocked)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_takes_the_order_of_a_root_about_this_request() {
    let domain = Domain::start().await;
    let (node, _, report) = misbehaving(&domain).await;
    let order = order_revocation(&domain.folder(), &report, Reason::Misbehaviour).unwrap();
    client().post(&domain.aa_url("/order"), COSE, order.signed.clone(), BIG).await.unwrap();
    until("the block", || logged(&domain, "mef", "block").is_some()).await;
    let request = logged(&domain, "aa", "revocation").unwrap()["request"].as_str().unwrap().to_owned();
    assert_eq!(logged(&domain, "mef", "block").unwrap()["request"], request.as_str());
    let shared = parse_digest(&request).unwrap();

    // The order that blocked does not name.
    let refused = identify(&domain.folder(), shared, &order.signed).unwrap_err();
    let type_differs =
        |error| matches!(error, OrderingError::Identification(IdentificationError::Root(SignedError::Type { .. })));
    assert!(type_differs(refused));
    let about_another =
        order_identification(&domain.folder(), id("mef"), m2m_trust::identity::Digest([1; 32])).unwrap();
    let refused = identify(&domain.folder(), shared, &about_another).unwrap_err();
    assert!(matches!(refused, OrderingError::Identification(IdentificationError::OtherRequest(_))));
    assert!(logged(&domain, "mef", "identification").is_none());

    let order = order_identification(&domain.folder(), id("mef"), shared).unwrap();
    assert_eq!(identify(&domain.folder(), shared, &order).unwrap(), node.canonical_id);
    assert_eq!(logged(&domain, "mef", "identification").unwrap()["request"], request.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_by_hand() {
    let domain = Domain::start().await;
    let (node, certificates, report) = misbehaving(&domain).await;
    let (folder, report_file) = (domain.folder(), domain.path("report.cbor"));
    std::fs::write(&report_file, report).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_m2m-authority"));
        let output = command.args(arguments).arg("--json").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let json = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), json, text)
    };
    let (dir, report_file) = (folder.to_str().unwrap(), report_file.to_str().unwrap());

    let (code, shown, _) = run(&["report", dir, report_file]);
    assert_eq!((code, shown["permissions"][0].as_str()), (0, Some("metering/report")));
    assert_eq!(shown["messages"][0]["data"], hex(b"-1 l/min"));
    let (code, revoked_now, _) = run(&["revoke", dir, report_file, "--reason", "misbehaviour"]);
    assert_eq!((code, revoked_now["certificate"].as_str()), (0, shown["certificate"].as_str()));
    assert!(revoked(&list(&domain, &node).await, &certificates[3]));

    until("the block", || logged(&domain, "mef", "block").is_some()).await;
    let request = logged(&domain, "aa", "revocation").unwrap()["request"].as_str().unwrap().to_owned();
    let order = domain.path("order.cose");
    let order = order.to_str().unwrap();
    assert_eq!(run(&["order-identification", dir, &request, "--out", order]).0, 0);
    let (code, named, _) = run(&["identify", dir, &request, "--order", order]);
    assert_eq!((code, named["canonical-id"].as_str()), (0, Some(node.canonical_id.to_string().as_str())));

    // Refused or failed: 1 and why; wrong usage: 2.
    let (code, _, text) = run(&["report", dir, order]);
    assert!(code == 1 && text.contains("malformed report"), "{text}");
    let (code, _, text) = run(&["identify", dir, "12", "--order", order]);
    assert!(code == 1 && text.contains("expected 64 hexadecimal digits"), "{text}");
    let (code, _, text) = run(&["init", dir]);
    assert!(code == 1 && text.contains("exists already"), "{text}");
    assert_eq!(run(&["revoke", dir, report_file]).0, 2);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
