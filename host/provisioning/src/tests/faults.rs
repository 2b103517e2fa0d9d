//! Each fault at each step: the node recovers by itself, and nothing is counted twice.

use std::time::Duration;

use super::authorities::{AA_BUNDLE, AUTHORIZATION, CHALLENGE, ENROLMENT, FAULTS, Fault, REVOCATIONS};
use super::world::Machine;
use crate::Stage;

async fn recovers(path: &str, fault: Fault) {
    let machine = Machine::new(&format!("{path} {fault:?}"), "[\"metering/report\"]").await;
    machine.authorities.fail(path, &[fault, fault]);
    let running = machine.start();
    let life = running.authorized().await;
    assert_eq!((life.certificates, machine.authorities.counted()), (8, 8), "{path} {fault:?}");
    let mut requests = machine.authorities.requests.lock().unwrap().remove(AUTHORIZATION).unwrap();
    requests.dedup();
    // A rejection is final for no request: the same bytes are tried again.
    assert_eq!(requests.len(), 1, "{path} {fault:?}: the request that is repeated is the same");
    running.until("the revocation list", |life| life.revocations_until.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_step_is_survived() {
    let mut cases = tokio::task::JoinSet::new();
    for path in [CHALLENGE, ENROLMENT, AUTHORIZATION, REVOCATIONS] {
        for fault in FAULTS {
            cases.spawn(recovers(path, fault));
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_is_waited_for() {
    for (path, stage, expected) in [
        (CHALLENGE, Stage::Enrolling, "enrolment function `mef`: `mef` answers 503: mef-down"),
        (AUTHORIZATION, Stage::Enrolled, "authorization authority `aa`: `aa` answers 503: mef-down"),
        (REVOCATIONS, Stage::Authorized, "revocation list of `aa`: `aa` answers 503: mef-down"),
    ] {
        let machine = Machine::new(expected, "[\"metering/report\"]").await;
        machine.authorities.fail(path, &[Fault::Busy; 3]);
        let running = machine.start();
        let told = |waits: &Option<String>| waits.as_deref().is_some_and(|text| text.starts_with(expected));
        running.until(expected, |life| life.stage == stage && told(&life.waits_for)).await;
        running.authorized().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let machine = Machine::new("retry-after", "[\"metering/report\"]").await;
    machine.authorities.fail(CHALLENGE, &[Fault::Busy]);
    let running = machine.start();
    running.until("the first answer", |_| machine.authorities.count(CHALLENGE) == 1).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(machine.authorities.count(CHALLENGE), 1);
    running.authorized().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_bundle_is_fetched_when_the_enrolment_function_names_one() {
    let machine = Machine::new("newer", "[\"metering/report\"]").await;
    machine.authorities.fail(AA_BUNDLE, &[Fault::Garbage]);
    let provisioning = machine.initialized();
    machine.authorities.domain.lock().unwrap().bundle.version = 5;
    let running = machine.run(provisioning);
    running.until("the newer bundle", |life| life.bundle_version == 5).await;
    drop(running);
    assert_eq!(machine.open().unwrap().life_cycle().bundle_version, 5);
}
