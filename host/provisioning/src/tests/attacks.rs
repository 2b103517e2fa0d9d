//! What an attacker on the way, or with the node's disk, tries.

use m2m_trust::authorization::AuthorizationError;
use m2m_trust::bundle::BundleError;
use m2m_trust::clock_floor::FloorError;
use m2m_trust::identity::AuthorityId;
use m2m_trust::revocation::CrlError;
use m2m_trust::seal::SealError;

use super::authorities::{AUTHORIZATION, Fault, REVOCATIONS};
use super::world::Machine;
use crate::{ProvisioningError, Stage, StateError};

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_another_request_is_refused() {
    let machine = Machine::new("other-reply", "[\"metering/report\", \"alarm/raise\"]").await;
    let provisioning = machine.initialized();
    provisioning.enrol(&mut |_| ()).await.unwrap();
    let inner = provisioning.inner();
    let bundle = inner.bundle().unwrap();
    let now = inner.now().unwrap();
    let slot = bundle.schedule.slot(now.seconds());
    for (name, ..) in [("metering/report", ()), ("alarm/raise", ())] {
        let service = bundle.operation(name).unwrap().0;
        let missing = m2m_trust::pseudonym::Missing { service, epoch: bundle.schedule.epoch(slot), slots: vec![slot] };
        inner.prepare(&missing, &bundle).unwrap();
    }
    let requests = inner.memory().state().requests.clone();
    machine.authorities.fail(AUTHORIZATION, &[]);
    inner.deliver(&requests[0], &bundle, now).await.unwrap();
    machine.authorities.fail(AUTHORIZATION, &[Fault::Other]);
    let refused = inner.deliver(&requests[1], &bundle, now).await.err().unwrap();
    let not_authentic = AuthorizationError::Seal(SealError::NotAuthentic);
    assert!(matches!(&refused, ProvisioningError::Authorization(error) if *error == not_authentic), "{refused}");
    inner.deliver(&requests[1], &bundle, now).await.unwrap();
    assert_eq!(inner.memory().state().held.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_bundle_is_refused_from_an_authority_and_from_the_disk() {
    let machine = Machine::new("stale-bundle", "[\"metering/report\"]").await;
    let provisioning = machine.initialized();
    let inner = provisioning.inner();
    let (old, old_file) = {
        let mut domain = machine.authorities.domain.lock().unwrap();
        let old = domain.signed_bundle();
        domain.bundle.version = 2;
        (old, machine.dir().read("initialization.cbor").unwrap())
    };
    let newer = machine.authorities.domain.lock().unwrap().signed_bundle();
    assert!(inner.accept_bundle(&newer).unwrap());
    let rollback = FloorError::BundleRollback { offered: 1, floor: 2 };
    let refused = inner.accept_bundle(&old).unwrap_err();
    assert!(matches!(refused, ProvisioningError::Bundle(BundleError::Floor(error)) if error == rollback));
    let twin = {
        let mut domain = machine.authorities.domain.lock().unwrap();
        domain.bundle.services.clear();
        domain.signed_bundle()
    };
    assert!(matches!(inner.accept_bundle(&twin), Err(ProvisioningError::BundleEquivocation(2))));
    drop(provisioning);
    machine.dir().write("initialization.cbor", old_file).unwrap();
    let life = machine.open().unwrap().life_cycle();
    assert_eq!(life.stage, Stage::Uninitialized);
    assert!(life.waits_for.unwrap().contains("trust bundle 1 is older than 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_or_foreign_revocation_list_is_refused() {
    let machine = Machine::new("old-list", "[\"metering/report\"]").await;
    machine.authorities.crl.lock().unwrap().0 = 7;
    let running = machine.start();
    running.until("the list", |life| life.revocations_until.is_some()).await;
    let inner = running.provisioning.inner();
    let (bundle, now) = (inner.bundle().unwrap(), inner.now().unwrap());
    let aa = AuthorityId::parse("aa").unwrap();
    machine.authorities.crl.lock().unwrap().0 = 6;
    let old = machine.authorities.crl(now.seconds());
    let rollback = FloorError::CrlRollback { offered: 6, floor: 7 };
    let refused = inner.accept_list(&aa, &old, &bundle, now, true).unwrap_err();
    assert!(matches!(refused, ProvisioningError::Revocation(CrlError::Floor(error)) if error == rollback));
    machine.authorities.crl.lock().unwrap().0 = 8;
    let newer = machine.authorities.crl(now.seconds());
    let other = AuthorityId::parse("other-aa").unwrap();
    let refused = inner.accept_list(&other, &newer, &bundle, now, true).unwrap_err();
    assert!(matches!(refused, ProvisioningError::Revocation(CrlError::IssuerName { .. })));
    assert_eq!(inner.accept_list(&aa, &newer, &bundle, now, true).unwrap().sequence, 8);
    // Over a restart, with the old list on the wire and the authority's clock as before.
    drop(running);
    machine.authorities.crl.lock().unwrap().0 = 6;
    let again = machine.open().unwrap();
    assert_eq!(again.inner().standing.read().floor.crls[0].sequence, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_kept_over_a_restart_without_the_authority() {
    let machine = Machine::new("kept-list", "[\"metering/report\"]").await;
    let running = machine.start();
    running.until("the list", |life| life.revocations_until.is_some()).await;
    drop(running);
    machine.authorities.fail(REVOCATIONS, &[Fault::Down; 100]);
    let running = machine.run(machine.open().unwrap());
    running.until("the kept list", |life| life.revocations_until.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_put_back_edited_or_swapped_is_refused() {
    let machine = Machine::new("put-back", "[\"metering/report\"]").await;
    let running = machine.start();
    running.authorized().await;
    let old = machine.dir().read("state.sealed").unwrap();
    drop(running);
    drop(machine.open().unwrap());
    let newest = machine.dir().read("state.sealed").unwrap();

    machine.dir().write("state.sealed", &old).unwrap();
    assert!(matches!(machine.open().err(), Some(ProvisioningError::State(StateError::PutBack { .. }))));
    let mut edited = newest.clone();
    *edited.last_mut().unwrap() ^= 1;
    machine.dir().write("state.sealed", &edited).unwrap();
    assert!(matches!(machine.open().err(), Some(ProvisioningError::State(StateError::NotAuthentic))));
    machine.dir().write("state.sealed", &newest[..newest.len() / 2]).unwrap();
    assert!(matches!(machine.open().err(), Some(ProvisioningError::State(StateError::NotAuthentic))));
    machine.dir().write("state.sealed", &newest).unwrap();
    assert_eq!(machine.open().unwrap().life_cycle().certificates, 8);
    // Without the file the node begins anew, under new keys.
    machine.dir().remove_file("state.sealed").unwrap();
    let running = machine.run(machine.open().unwrap());
    let life = running.authorized().await;
    assert_eq!(life.enrolments, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_shows_neither_credentials_nor_reply_keys() {
    let machine = Machine::new("sealed", "[\"metering/report\"]").await;
    machine.authorities.fail(AUTHORIZATION, &[Fault::Lost; 50]);
    let running = machine.start();
    running.until("a request", |_| machine.authorities.count(AUTHORIZATION) > 0).await;
    let state = running.provisioning.inner().memory().state().clone();
    let kept = machine.dir().read("state.sealed").unwrap();
    let subscription = state.subscription.unwrap();
    let secrets = [&subscription.credential[..], &state.requests[0].awaiting[..], subscription.key.as_bytes()];
    for secret in secrets {
        assert!(!kept.windows(16.min(secret.len())).any(|window| window == &secret[..16.min(secret.len())]));
    }
}
