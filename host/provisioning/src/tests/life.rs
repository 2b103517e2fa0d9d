//! What goes well, what is refused for good, and what people have to do.

use std::time::Duration;

use m2m_trust::dev::services;
use m2m_trust::enrolment::EnrolmentStatus;
use m2m_trust::initialization::InitializationError;
use m2m_trust::keys::Signer;

use super::authorities::{AUTHORIZATION, CHALLENGE, ENROLMENT};
use super::world::Machine;
use crate::{NoRight, NotNow, ProvisioningError, Stage, Step};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_gets_from_the_factory_to_its_first_pseudonym() {
    let machine = Machine::new("first", "[\"metering/report\"]").await;
    let provisioning = machine.open().unwrap();
    let before = provisioning.life_cycle();
    assert_eq!(before.stage, Stage::Uninitialized);
    assert!(before.waits_for.unwrap().contains("m2m-host init"));
    let no_right = provisioning.rights().may_send("metering/report").unwrap_err();
    assert!(matches!(no_right, NoRight::NotEnrolled(_)) && no_right.is_temporary());

    let initialization = machine.initialization(&provisioning);
    assert_eq!(provisioning.install(&initialization).unwrap(), 1);
    assert_eq!(provisioning.life_cycle().stage, Stage::Initialized);

    let running = machine.run(provisioning);
    let life = running.authorized().await;
    assert_eq!((life.enrolments, life.certificates), (1, 8));
    running.speaking().await;
    let rights = running.provisioning.rights();
    assert_eq!(rights.may_send("metering/report"), Ok(()));
    assert_eq!(rights.may_send("metering/command"), Err(NoRight::NotSubscribed("metering/command".to_owned())));
    assert_eq!(rights.may_send("nothing/at-all"), Err(NoRight::NotSubscribed("nothing/at-all".to_owned())));
    let rights = rights.services();
    let schedule = machine.authorities.domain.lock().unwrap().bundle.schedule;
    let present = schedule.slot(crate::Clock::now(&*machine.clock).seconds());
    let next = m2m_trust::identity::Slot(present.0 + 1);
    assert_eq!(
        (rights.len(), rights[0].name.as_str(), rights[0].until),
        (1, "metering/report", schedule.window(next).1)
    );
    let steps = machine.steps.steps.lock().unwrap().clone();
    let names: Vec<_> = steps.iter().map(Step::name).filter(|name| *name != "revocations").collect();
    assert_eq!(names, ["device-key", "installed", "enrolling", "enrolled", "authorizing", "authorized"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_has_requests_of_its_own() {
    let machine = Machine::new("services", "[\"metering/report\", \"metering/command\", \"alarm/raise\"]").await;
    let running = machine.start();
    let both = || running.provisioning.rights().services().len() == 3;
    running.until("two services", |_| both()).await;
    assert_eq!(machine.authorities.count(AUTHORIZATION), 2);
    let standing = running.provisioning.inner().standing.read();
    let active = &standing.active;
    for (service, other) in [(services::METERING, services::ALARM), (services::ALARM, services::METERING)] {
        let scope = active[&service].certificate.certificate.scope();
        assert!(scope.names(service) && !scope.names(other));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_an_ae_is_taken_only_where_the_subscription_covers_it() {
    let machine = Machine::new("wish", "[\"metering/report\"]").await;
    let provisioning = machine.initialized();
    assert!(matches!(provisioning.request_service("metering/report"), Err(NotNow::NoRight(NoRight::NotEnrolled(_)))));
    let running = machine.run(provisioning);
    running.authorized().await;
    assert_eq!(running.provisioning.request_service("metering/report"), Ok(()));
    let no = Err(NotNow::NoRight(NoRight::NotSubscribed("alarm/raise".to_owned())));
    assert_eq!(running.provisioning.request_service("alarm/raise"), no);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_node_says_so_and_does_not_hammer_the_authority() {
    let machine = Machine::new("blocked", "[\"metering/report\"]").await;
    *machine.authorities.enrolment.lock().unwrap() = Some(EnrolmentStatus::Blocked);
    let running = machine.start();
    let told = |waits: &Option<String>| waits.as_deref().is_some_and(|text| text.contains("refuses: Blocked"));
    running.until("the refusal", |life| told(&life.waits_for)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(machine.authorities.count(ENROLMENT), 1);
    assert!(machine.steps.steps.lock().unwrap().contains(&Step::Blocked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_blocked_later_is_noticed() {
    let machine = Machine::new("blocked-later", "[\"metering/report\"]").await;
    let running = machine.start();
    running.authorized().await;
    machine.authorities.domain.lock().unwrap().mef_log.subscriptions.values_mut().for_each(|blocked| *blocked = true);
    *machine.authorities.enrolment.lock().unwrap() = Some(EnrolmentStatus::Blocked);
    machine.clock.advance(2 * 3600);
    let told = |waits: &Option<String>| waits.as_deref().is_some_and(|text| text.contains("refuses: Blocked"));
    let life = running.until("the refusal", |life| told(&life.waits_for)).await;
    assert_eq!(life.certificates, 8);
    let lost = || running.provisioning.rights().may_send("metering/report").is_err();
    running.until("the loss of the right", |_| lost()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_lost_is_renewed_at_once() {
    let machine = Machine::new("lost", "[\"metering/report\"]").await;
    let running = machine.start();
    running.authorized().await;
    machine.authorities.domain.lock().unwrap().mef_log.subscriptions.clear();
    machine.clock.advance(2 * 3600);
    running.until("new certificates", |life| life.enrolments == 2 && life.certificates == 16).await;
    running.authorized().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_respected_and_the_next_epoch_waited_for() {
    let machine = Machine::new("quota", "[\"metering/report\"]").await;
    *machine.authorities.quota.lock().unwrap() = 6;
    let running = machine.start();
    let life = running.authorized().await;
    assert_eq!((life.certificates, machine.authorities.counted()), (6, 6));
    // Two slots on all certificates are over, and no request is made.
    machine.clock.advance(2 * 3600);
    let exhausted =
        |waits: &Option<String>| waits.as_deref().is_some_and(|text| text.contains("quota of epoch 0 is used up"));
    running.until("the quota", |life| exhausted(&life.waits_for)).await;
    assert_eq!(machine.authorities.count(AUTHORIZATION), 1);
    // Slot 168, the first of epoch 1.
    machine.clock.advance(156 * 3600);
    running.until("certificates of the next epoch", |life| life.certificates == 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_fetched_ahead_and_the_subscription_is_renewed() {
    let machine = Machine::new("renewal", "[\"metering/report\"]").await;
    let running = machine.start();
    running.authorized().await;
    machine.clock.advance(900_000);
    let life = running.until("renewal", |life| life.enrolments == 2 && life.certificates == 16).await;
    assert!(life.subscribed_until.unwrap() > 1_800_000_000 + 1_800_000);
    let aliases = machine.partition().aliases().unwrap();
    assert_eq!(aliases.iter().filter(|alias| alias.starts_with("subscription")).count(), 1, "{aliases:?}");
    running
        .until("the end of old keys", |_| {
            machine.partition().aliases().unwrap().iter().filter(|alias| alias.starts_with("batch")).count() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_clock_below_the_floor_nothing_is_asked_for_or_allowed() {
    let machine = Machine::new("clock", "[\"metering/report\"]").await;
    let running = machine.start();
    running.authorized().await;
    machine.clock.set_back(7_200);
    let told = |waits: &Option<String>| {
        waits.as_deref().is_some_and(|text| text.contains("before the last authenticated time"))
    };
    running.until("the clock", |life| told(&life.waits_for)).await;
    assert!(matches!(running.provisioning.rights().may_send("metering/report"), Err(NoRight::Clock(_))));
    assert_eq!(running.provisioning.rights().services(), []);
    let (before, enrolments) = (machine.authorities.count(AUTHORIZATION), machine.authorities.count(CHALLENGE));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!((before, enrolments), (machine.authorities.count(AUTHORIZATION), machine.authorities.count(CHALLENGE)));
    machine.clock.advance(7_200);
    running.authorized().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_months_without_an_authority_the_time_comes_from_enrolment() {
    let machine = Machine::new("months", "[\"metering/report\"]").await;
    drop(machine.start());
    let running = machine.run(machine.open().unwrap());
    running.authorized().await;
    drop(running);
    machine.clock.advance(100 * 24 * 3600);
    let running = machine.run(machine.open().unwrap());
    running.until("new certificates", |life| life.enrolments == 2 && life.certificates == 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_nothing_is_done() {
    let machine = Machine::new("audit", "[\"metering/report\"]").await;
    let provisioning = machine.initialized();
    *machine.steps.full.lock().unwrap() = true;
    let running = machine.run(provisioning);
    let told = |waits: &Option<String>| waits.as_deref().is_some_and(|text| text.contains("the audit: no space left"));
    running.until("the audit", |life| told(&life.waits_for)).await;
    assert_eq!(machine.authorities.count(CHALLENGE), 0);
    *machine.steps.full.lock().unwrap() = false;
    running.authorized().await;
}

#[tokio::test]
async fn an_initialization_is_for_one_device_and_one_domain() {
    let machine = Machine::new("install", "[\"metering/report\"]").await;
    let provisioning = machine.open().unwrap();
    let other_key = machine.authorities.domain.lock().unwrap().root.public_key();
    let early = machine.authorities.initialization(&other_key);
    assert!(matches!(provisioning.install(&early), Err(ProvisioningError::NoDeviceKey)));
    let good = machine.initialization(&provisioning);
    let refused = provisioning.install(&early);
    assert!(matches!(refused, Err(ProvisioningError::Initialization(InitializationError::OtherDevice))));
    provisioning.install(&good).unwrap();
    provisioning.install(&good).unwrap();
    let elsewhere = Machine::new("elsewhere", "[]").await;
    let device = provisioning.inner().keys.device().unwrap().unwrap().public_key();
    let other = elsewhere.authorities.initialization(&device);
    assert!(matches!(provisioning.install(&other), Err(ProvisioningError::OtherDomain { .. })));
    assert_eq!(machine.open().unwrap().life_cycle().stage, Stage::Initialized);
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolling_by_hand_says_each_step() {
    let machine = Machine::new("by-hand", "[\"metering/report\", \"nothing/here\"]").await;
    let provisioning = machine.initialized();
    let mut steps = Vec::new();
    let subscribed = provisioning.enrol(&mut |step| steps.push(step.to_owned())).await.unwrap();
    assert_eq!(subscribed.operations, ["metering/report"]);
    assert!(steps.len() >= 4 && steps[0].contains("challenge"), "{steps:?}");
    let nothing = Machine::new("nothing", "[\"nothing/here\"]").await;
    let error = nothing.initialized().enrol(&mut |_| ()).await.unwrap_err();
    assert!(matches!(error, ProvisioningError::NothingToObtain(_)), "{error}");
}
