//! The clockwork: changes are at once, in silence, with certificates that are never used again.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use m2m_trust::dev::START;
use m2m_trust::identity::Digest;
use m2m_trust::revocation::CrlBatch;

use super::world::{Machine, Running};
use crate::standing::Voice;
use crate::{NotNow, Stage};

const BOTH: &str = "[\"metering/report\", \"alarm/raise\"]";

fn certificates(running: &Running) -> Vec<Digest> {
    let standing = running.provisioning.inner().standing.read();
    let mut digests: Vec<_> = standing.active.values().map(|active| active.certificate.certificate.digest()).collect();
    digests.sort();
    digests
}

async fn both(running: &Running) {
    running.until("both services", |_| certificates(running).len() == 2).await;
    running.speaking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_services_change_at_once_and_in_silence() {
    let machine = Machine::new("at-once", BOTH).await;
    let running = machine.start();
    both(&running).await;
    let before = certificates(&running);
    let generation = running.provisioning.inner().standing.read().generation;
    let renewed = machine.link.renewed.load(Ordering::SeqCst);
    *machine.link.busy.lock().unwrap() = true;
    running.until("the dwell", |_| running.provisioning.request_change().is_ok()).await;
    running.until("draining", |_| running.provisioning.inner().standing.read().voice == Voice::Draining).await;
    assert_eq!(running.provisioning.request_change(), Err(NotNow::Changing));
    assert_eq!(certificates(&running), before);
    *machine.link.busy.lock().unwrap() = false;
    running.until("the change", |life| life.pseudonym_changes == 1).await;
    running.until("silence", |_| certificates(&running).iter().all(|digest| !before.contains(digest))).await;
    assert_eq!(certificates(&running).len(), 2);
    running.speaking().await;
    assert_eq!(running.provisioning.inner().standing.read().generation, generation + 1);
    assert_eq!(machine.link.left.load(Ordering::SeqCst), 1);
    assert_eq!(machine.link.renewed.load(Ordering::SeqCst), renewed + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_has_an_end() {
    let machine = Machine::new("stuck", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    *machine.link.busy.lock().unwrap() = true;
    running.until("the dwell", |_| running.provisioning.request_change().is_ok()).await;
    running.until("the change", |life| life.pseudonym_changes == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ae_can_ask_too_soon_or_for_what_is_not_there() {
    let rest = "dwell = \"1 h\"\nsilence = { min = \"10 ms\", max = \"20 ms\" }\n";
    let machine = Machine::with("too-soon", "[\"metering/report\"]", rest).await;
    let running = machine.start();
    running.speaking().await;
    running.until("the dwell", |_| matches!(running.provisioning.request_change(), Err(NotNow::TooSoon(_)))).await;
    drop(running);

    let machine = Machine::new("no-spare", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let mut seen = HashSet::new();
    for change in 1..=3 {
        seen.extend(certificates(&running));
        running.until("the dwell", |_| running.provisioning.request_change().is_ok()).await;
        running.until("the change", |life| life.pseudonym_changes == change).await;
        running.speaking().await;
    }
    seen.extend(certificates(&running));
    assert_eq!(seen.len(), 4);
    running.until("the last one", |_| matches!(running.provisioning.request_change(), Err(NotNow::NoSpare(_)))).await;
}

fn ends(running: &Running) -> u64 {
    let standing = running.provisioning.inner().standing.read();
    standing.active.values().next().map_or(0, |active| active.slot_end.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_change_at_the_parts_of_a_slot() {
    let machine = Machine::new("common", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let into_slot = crate::Clock::now(&*machine.clock).seconds().0 - START.0;
    machine.clock.advance(900 - into_slot - 2);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(running.provisioning.life_cycle().pseudonym_changes, 0);
    running.until("the change", |life| life.pseudonym_changes == 1).await;
    running.speaking().await;
    let now = crate::Clock::now(&*machine.clock).0;
    assert!(now >= (START.0 + 900) * 1_000_000, "speaks after the common time");
    assert_eq!(ends(&running), START.0 + 3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_a_slot_the_next_ones_certificates_take_over() {
    let machine = Machine::new("slot-end", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let before = certificates(&running);
    let into_slot = crate::Clock::now(&*machine.clock).seconds().0 - START.0;
    machine.clock.advance(3_600 - into_slot - 1);
    let next = || certificates(&running).iter().all(|digest| !before.contains(digest));
    running.until("the change", |life| life.pseudonym_changes > 0 && next() && ends(&running) == START.0 + 7_200).await;
    running.speaking().await;
    let now = crate::Clock::now(&*machine.clock).seconds();
    assert!(now.0 >= START.0 + 3_600, "speaks before its certificate is valid");
    let standing = running.provisioning.inner().standing.read();
    let active = standing.active.values().next().unwrap();
    assert_eq!(active.slot_end.0, START.0 + 7_200);
    assert!(!before.contains(&active.certificate.certificate.digest()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_go_on_under_the_old_pseudonym() {
    let machine = Machine::new("restart-pseudonym", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let before = certificates(&running);
    drop(running);
    let running = machine.run(machine.open().unwrap());
    running.speaking().await;
    assert!(certificates(&running).iter().all(|digest| !before.contains(digest)));
    assert_eq!(running.provisioning.life_cycle().certificates, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_certificates_run_out_the_node_is_mute_until_there_are_new_ones() {
    let machine = Machine::new("run-out", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let down = [super::authorities::Fault::Down; 3];
    machine.authorities.fail(super::authorities::AUTHORIZATION, &down);
    machine.clock.advance(3 * 3_600);
    running.until("muteness", |life| life.stage == Stage::Enrolled && life.waits_for.is_some()).await;
    assert_eq!(running.provisioning.inner().standing.read().voice, Voice::NotAuthorized);
    running.authorized().await;
    running.speaking().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_certificates_on_the_revocation_list_are_given_up() {
    let machine = Machine::new("revoked", "[\"metering/report\"]").await;
    let running = machine.start();
    running.speaking().await;
    let batch = {
        let domain = machine.authorities.domain.lock().unwrap();
        let batch = domain.aa_log.issued[0].batch.clone().unwrap();
        CrlBatch { slot: batch.seed.slot(), seed: *batch.seed.expose(), numbers: batch.numbers }
    };
    let before = certificates(&running);
    *machine.authorities.crl.lock().unwrap() = (2, vec![batch]);
    let inner = running.provisioning.inner();
    let (bundle, now) = (inner.bundle().unwrap(), inner.now().unwrap());
    let list = machine.authorities.crl(now.seconds());
    inner.accept_list(&inner.section.aa.id.0, &list, &bundle, now, true).unwrap();
    running.until("new pseudonyms", |life| life.certificates == 16).await;
    running.until("their use", |_| !certificates(&running).is_empty()).await;
    assert!(certificates(&running).iter().all(|digest| !before.contains(digest)));
    tokio::time::sleep(Duration::from_millis(10)).await;
}
