//! Nodes and authorities over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use m2m_authority::http::{CBOR, COSE};
use m2m_authority::init::Options;
use m2m_trust::authorization::{AuthorizationError, AuthorizationStatus};
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::seal::Suite;
use support::{BIG, Domain, client, title};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_enrols_and_gets_its_certificates_through_the_relay() {
    let domain = Domain::start().await;
    let mut node = domain.node("node");
    node.enrol(&domain).await.unwrap();
    let certificates = node.authorize(&domain, 4).await.unwrap();
    assert_eq!(certificates.len(), 4);
    let slot = node.slot();
    assert!(certificates.iter().all(|own| own.certificate.claims().linkage.slot == slot));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_as_init_makes_it_seals_with_x_wing() {
    let mut domain = Domain::make(|options| options.suite = Options::default().suite).await;
    for role in ["mef", "aa", "relay"] {
        domain.serve(role).await;
    }
    let mut node = domain.node("node");
    assert_eq!(node.bundle.suite, Suite::XWing);
    node.enrol(&domain).await.unwrap();
    assert_eq!(node.authorize(&domain, 4).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_says_what_it_is_and_nothing_under_other_paths() {
    let domain = Domain::start().await;
    for (url, role) in [(domain.mef_url(""), "mef"), (domain.aa_url(""), "aa"), (domain.relay_url(""), "relay")] {
        let health = client().get(&format!("{url}/health"), BIG).await.unwrap();
        let health: serde_json::Value = serde_json::from_slice(&health.body).unwrap();
        assert_eq!((health["role"].as_str(), health["id"].as_str()), (Some(role), Some(role)));
        let other = client().get(&format!("{url}/other"), BIG).await.unwrap();
        assert_eq!((other.status.as_u16(), title(&other).as_str()), (404, "no-such-path"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_and_a_current_list_are_there_from_the_start() {
    let domain = Domain::start().await;
    let node = domain.node("node");
    for url in [domain.mef_url("/bundle"), domain.aa_url("/bundle"), domain.relay_url("/aa/aa/bundle")] {
        let bundle = client().get(&url, BIG).await.unwrap();
        assert_eq!(bundle.headers["content-type"], COSE);
        assert_eq!(bundle.body.as_ref(), std::fs::read(domain.path("bundle.cose")).unwrap());
    }
    for url in [domain.aa_url("/revocations"), domain.relay_url("/aa/aa/revocations")] {
        let list = client().get(&url, BIG).await.unwrap();
        assert_eq!(list.status, 200);
        let mut floor = ClockFloor { time: node.now(), ..ClockFloor::default() };
        let now = floor.admit(node.now().into()).unwrap();
        let mut revocations = m2m_trust::revocation::Revocations::default();
        let crl = revocations.accept(&list.body, &node.bundle, now, &mut floor).unwrap();
        assert_eq!(crl.batches, vec![]);
        assert!(crl.sequence >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_gets_the_same_reply_and_costs_nothing() {
    let domain = Domain::start().await;
    let mut node = domain.node("node");
    let challenge = node.challenge(&domain).await;
    let wanted = node.scope("metering/report");
    let (request, awaiting) = node.answer(&challenge, wanted);
    let url = domain.mef_url("/enrolment");
    let first = client().post(&url, CBOR, request.clone(), BIG).await.unwrap();
    let again = client().post(&url, CBOR, request, BIG).await.unwrap();
    assert_eq!((first.status.as_u16(), &first.body), (200, &again.body));
    node.enrolled = Some(awaiting.finish(&first.body, &node.bundle, &mut node.floor).unwrap());

    let (request, ..) = node.request(4);
    let url = domain.relay_url("/aa/aa/authorization");
    let first = client().post(&url, CBOR, request.clone(), BIG).await.unwrap();
    let again = client().post(&url, CBOR, request, BIG).await.unwrap();
    assert_eq!((first.status.as_u16(), &first.body), (200, &again.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_once() {
    let domain = Domain::start().await;
    let mut node = domain.node("node");
    let challenge = node.challenge(&domain).await;
    let wanted = node.scope("metering/report");
    let (first, _) = node.answer(&challenge, wanted.clone());
    let (second, _) = node.answer(&challenge, wanted);
    let url = domain.mef_url("/enrolment");
    assert_eq!(client().post(&url, CBOR, first, BIG).await.unwrap().status, 200);
    let refused = client().post(&url, CBOR, second, BIG).await.unwrap();
    assert_eq!((refused.status.as_u16(), title(&refused).as_str()), (409, "challenge-spent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_the_devices_whatever_it_enrols() {
    let mut domain = Domain::make(|options| {
        options.quota = Some(6);
        options.per_slot = 4;
    })
    .await;
    for role in ["mef", "aa", "relay"] {
        domain.serve(role).await;
    }
    let mut node = domain.node("node");
    node.enrol(&domain).await.unwrap();
    assert_eq!(node.authorize(&domain, 4).await.unwrap().len(), 4);
    node.enrol(&domain).await.unwrap();
    let refused = AuthorizationError::Refused(AuthorizationStatus::QuotaExhausted);
    assert_eq!(node.authorize(&domain, 3).await, Err(refused));
    assert_eq!(node.authorize(&domain, 2).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_subscription_counts_until_the_new_one_is_used() {
    let domain = Domain::start().await;
    let mut node = domain.node("node");
    node.enrol(&domain).await.unwrap();
    // The reply to its second enrolment gets lost.
    let challenge = node.challenge(&domain).await;
    let wanted = node.scope("metering/report");
    let (subscription, enrolled) = (node.subscription, node.enrolled.clone());
    node.subscription = m2m_trust::dev::SigningKey::from_seed([9; 32]).unwrap();
    let (request, awaiting) = node.answer(&challenge, wanted);
    let reply = client().post(&domain.mef_url("/enrolment"), CBOR, request, BIG).await.unwrap();
    let new = (std::mem::replace(&mut node.subscription, subscription), reply.body);
    assert_eq!(node.authorize(&domain, 1).await.unwrap().len(), 1);
    // The reply comes after all.
    let newer = awaiting.finish(&new.1, &node.bundle, &mut node.floor).unwrap();
    let old = std::mem::replace(&mut node.subscription, new.0);
    node.enrolled = Some(newer);
    assert_eq!(node.authorize(&domain, 1).await.unwrap().len(), 1);
    (node.subscription, node.enrolled) = (old, enrolled);
    let refused = AuthorizationError::Refused(AuthorizationStatus::NotSubscribed);
    assert_eq!(node.authorize(&domain, 1).await, Err(refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_enrolment_function_costs_the_request_nothing() {
    let mut domain = Domain::start().await;
    let mut node = domain.node("node");
    node.enrol(&domain).await.unwrap();
    domain.stop("mef").await;
    let (request, awaiting, recipients) = node.request(4);
    let url = domain.relay_url("/aa/aa/authorization");
    let refused = client().post(&url, CBOR, request.clone(), BIG).await.unwrap();
    assert_eq!((refused.status.as_u16(), title(&refused).as_str()), (503, "enrolment-function-down"));
    assert_eq!(refused.headers["retry-after"], "5");
    domain.serve("mef").await;
    let answer = client().post(&url, CBOR, request, BIG).await.unwrap();
    assert_eq!(awaiting.finish(&answer.body, &node.bundle, &recipients).unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_of_another_type_or_garbage_is_refused_as_such() {
    let domain = Domain::start().await;
    let cases = [
        (domain.mef_url("/enrolment"), CBOR, vec![0; 67_073], 413, "too-large"),
        (domain.mef_url("/enrolment"), COSE, vec![0; 10], 400, "content-type"),
        (domain.mef_url("/enrolment"), CBOR, vec![0; 10], 400, "not-openable"),
        (domain.mef_url("/enrolment/challenge"), CBOR, vec![0], 413, "too-large"),
        (domain.mef_url("/proof"), COSE, vec![0; 8193], 413, "too-large"),
        (domain.mef_url("/proof"), COSE, vec![0; 10], 400, "unknown-issuer"),
        (domain.mef_url("/block"), COSE, vec![0; 10], 400, "unknown-issuer"),
        (domain.aa_url("/authorization"), CBOR, vec![0; 10], 400, "not-openable"),
        (domain.aa_url("/order"), COSE, vec![0; 513], 413, "too-large"),
        (domain.aa_url("/order"), COSE, vec![0; 10], 400, "unknown-issuer"),
        (domain.relay_url("/aa/other/authorization"), CBOR, vec![0; 10], 404, "authority-unknown"),
        (domain.relay_url("/aa/aa/authorization"), CBOR, vec![0; 10], 400, "not-openable"),
    ];
    for (url, media_type, body, status, cause) in cases {
        let answer = client().post(&url, media_type, body, BIG).await.unwrap();
        assert_eq!((answer.status.as_u16(), title(&answer).as_str()), (status, cause), "{url}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}
