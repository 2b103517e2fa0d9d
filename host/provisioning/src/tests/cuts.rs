//! The power is cut at each write, before it is done and after: nothing is lost, and nothing is counted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::authorities::{AUTHORIZATION, Fault};
use super::world::{CutFiles, Machine};
use crate::Stage;

/// More writes than a life up to the first pseudonym has.
const WRITES: i64 = 9;

async fn survives(cut: i64, done: bool) -> bool {
    let machine = Machine::new(&format!("cut {cut} {done}"), "[\"metering/report\"]").await;
    let left = Arc::new(AtomicI64::new(cut));
    let files = CutFiles { dir: machine.dir(), left: Arc::clone(&left), done };
    let mut was_cut = true;
    if let Ok(provisioning) = machine.open_on(Box::new(files)) {
        let initialization = machine.initialization(&provisioning);
        if provisioning.install(&initialization).is_ok() {
            let running = machine.run(provisioning);
            let speaks = || running.provisioning.life_cycle().stage == Stage::Authorized;
            running.until("the cut", |_| left.load(Ordering::SeqCst) <= 0 || speaks()).await;
            was_cut = left.load(Ordering::SeqCst) <= 0;
            // What was begun before the cut may still reach an authority.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let provisioning = machine.open().unwrap();
    if provisioning.life_cycle().stage == Stage::Uninitialized {
        provisioning.install(&machine.initialization(&provisioning)).unwrap();
    }
    let running = machine.run(provisioning);
    let life = running.authorized().await;
    assert_eq!(machine.authorities.counted(), 8, "cut {cut}, done {done}: {life:?}");
    let aliases = machine.partition().aliases().unwrap();
    let count = |kind: &str| aliases.iter().filter(|alias| alias.starts_with(kind)).count();
    assert_eq!((count("subscription"), count("batch"), count("device")), (1, 1, 1), "{aliases:?}");
    was_cut
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_is_survived() {
    let mut cases = tokio::task::JoinSet::new();
    for cut in 1..=WRITES {
        for done in [false, true] {
            cases.spawn(async move { (cut, survives(cut, done).await) });
        }
    }
    let mut reached = 0;
    while let Some(case) = cases.join_next().await {
        let (cut, was_cut) = case.unwrap();
        reached = if was_cut { reached.max(cut) } else { reached };
    }
    assert!(reached >= 6, "the writes of a life: {reached}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_was_lost_before_a_restart_is_taken_after_it() {
    let machine = Machine::new("restart", "[\"metering/report\"]").await;
    machine.authorities.fail(AUTHORIZATION, &[Fault::Lost]);
    let running = machine.start();
    running.until("the lost reply", |_| machine.authorities.count(AUTHORIZATION) == 1).await;
    drop(running);
    assert_eq!(machine.authorities.counted(), 8);
    let running = machine.run(machine.open().unwrap());
    let life = running.authorized().await;
    assert_eq!((life.enrolments, life.certificates, machine.authorities.counted()), (1, 8, 8));
    let requests = machine.authorities.requests.lock().unwrap()[AUTHORIZATION].clone();
    assert!(requests.len() >= 2 && requests.iter().all(|request| *request == requests[0]));
}
