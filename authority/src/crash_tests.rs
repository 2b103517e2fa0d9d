//! A process can end between any two steps: nothing that was issued is forgotten, and nothing can be used twice.

use m2m_trust::authorization::{AuthorizationError, AuthorizationStatus, Standing};
use m2m_trust::dev::START;
use m2m_trust::enrolment::{EnrolmentError, EnrolmentStatus};
use m2m_trust::identity::{Digest, Seconds};
use m2m_trust::revocation::{Reason, RevocationOrder};

use crate::problem::Problem;
use crate::store::{AaStore, MefStore};
use crate::testing::{Fault, World};

fn cause(problem: Problem) -> (u16, &'static str) {
    (problem.status.as_u16(), problem.title)
}

const BROKEN: (u16, &str) = (503, "store-unavailable");

#[test]
fn an_enrolment_that_broke_before_its_commit_goes_on_with_the_same_bytes() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let key = world.dev.signing_key();
    let (request, awaiting) = world.enrolment(&node, &key);
    world.mef_store.fail(Fault::Before);
    assert_eq!(cause(world.mef.enrol(&request).unwrap_err()), BROKEN);
    let reply = world.mef.enrol(&request).unwrap();
    awaiting.finish(&reply, &world.dev.bundle, &mut node.floor).unwrap();
}

#[test]
fn an_enrolment_that_broke_after_its_commit_has_its_reply_stored() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let key = world.dev.signing_key();
    let (request, awaiting) = world.enrolment(&node, &key);
    world.mef_store.fail(Fault::After);
    assert_eq!(cause(world.mef.enrol(&request).unwrap_err()), BROKEN);
    let world = world.restarted();
    let reply = world.mef.enrol(&request).unwrap();
    assert_eq!(world.mef.enrol(&request).unwrap(), reply);
    let enrolled = awaiting.finish(&reply, &world.dev.bundle, &mut node.floor).unwrap();
    assert_eq!(world.mef_store.standing(&enrolled.claims.id).unwrap(), Standing::Good);
}

#[test]
fn no_challenge_counts_after_a_restart_and_a_spent_one_stays_spent_before() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let challenge = world.mef.challenge().unwrap();
    let [first, second] = [0, 1].map(|_| {
        let key = world.dev.signing_key();
        let rng = &mut m2m_trust::dev::RepeatableRng::new(&format!("{:?}", world.dev.rng.bytes::<16>()));
        let wanted = m2m_trust::aif::Scope::empty();
        world.dev.enrolment_node(&node, &key, wanted).answer(&challenge, &node.floor, rng).unwrap().0
    });
    world.mef.enrol(&first).unwrap();
    assert_eq!(cause(world.mef.enrol(&second).unwrap_err()), (409, "challenge-spent"));
    let mut world = world.restarted();
    assert_eq!(cause(world.mef.enrol(&second).unwrap_err()), (400, "challenge-unknown"));
    world.enrol(&mut node);
}

#[test]
fn certificates_are_charged_once_wherever_an_authorization_breaks() {
    for (at_mef, fault) in [(true, Fault::Before), (true, Fault::After), (false, Fault::Before), (false, Fault::After)]
    {
        let mut world = World::new();
        let mut node = world.dev.node();
        let subscription = world.enrol(&mut node);
        let asked = world.request(&subscription, 4);
        if at_mef {
            world.mef_store.fail(fault);
        } else {
            world.aa_store.fail(fault);
        }
        assert_eq!(cause(world.authorize(&asked.request).unwrap_err()), BROKEN);
        let world = world.restarted();
        let reply = world.authorize(&asked.request).unwrap();
        let certificates = asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients).unwrap();
        assert_eq!(certificates.len(), 4);
        let world = world.restarted();
        assert_eq!(world.authorize(&asked.request).unwrap(), reply);
        let epoch = world.dev.epoch();
        assert_eq!(world.mef_store.used(&subscription.claims.id, epoch).unwrap(), 4, "{at_mef} {fault:?}");
        let certificate = Digest::of(&[&certificates[0].encoded]);
        assert!(world.aa_store.batch_of(&certificate).unwrap().is_some());
    }
}

#[test]
fn the_quota_outlives_a_restart() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let subscription = world.enrol(&mut node);
    let first = world.request(&subscription, 4);
    world.authorize(&first.request).unwrap();
    let mut world = world.restarted();
    let refused = |world: &World, asked: crate::testing::Asked| {
        let reply = world.authorize(&asked.request).unwrap();
        asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients)
    };
    let asked = world.request(&subscription, 3);
    let exhausted = AuthorizationError::Refused(AuthorizationStatus::QuotaExhausted);
    assert_eq!(refused(&world, asked), Err(exhausted));
    let asked = world.request(&subscription, 2);
    assert_eq!(refused(&world, asked).map(|certificates| certificates.len()), Ok(2));
}

#[test]
fn two_requests_at_once_share_one_quota() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let subscription = world.enrol(&mut node);
    let asked: Vec<_> = (0..8).map(|_| world.request(&subscription, 2)).collect();
    let world = &world;
    let granted = std::thread::scope(|scope| {
        let threads: Vec<_> = asked
            .iter()
            .map(|asked| {
                scope.spawn(move || {
                    let reply = world.authorize(&asked.request).unwrap();
                    let reply = asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients);
                    match reply {
                        Ok(certificates) => certificates.len(),
                        Err(AuthorizationError::Refused(AuthorizationStatus::QuotaExhausted)) => 0,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(granted, 6);
    assert_eq!(world.mef_store.used(&subscription.claims.id, world.dev.epoch()).unwrap(), 6);
}

#[test]
fn the_same_request_on_two_threads_gets_one_reply() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let subscription = world.enrol(&mut node);
    let asked = world.request(&subscription, 4);
    let (world, asked) = (&world, &asked);
    let replies: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(move || world.authorize(&asked.request).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(world.mef_store.used(&subscription.claims.id, world.dev.epoch()).unwrap(), 4);
}

#[test]
fn a_past_epoch_is_forgotten_and_stays_closed_when_the_clock_goes_back() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let subscription = world.enrol(&mut node);
    let asked = world.request(&subscription, 4);
    world.authorize(&asked.request).unwrap();
    let schedule = world.dev.bundle.schedule;
    let epoch_seconds = u64::from(schedule.slot_seconds.get()) * u64::from(schedule.slots_per_epoch.get());

    // Reply, answer, nonces, quota; the records of the batch stay an epoch longer.
    world.set_time(Seconds(START.0 + epoch_seconds));
    assert!(world.mef.prune().unwrap() >= 3);
    assert!(world.aa.prune().unwrap() >= 2);
    assert_eq!(world.mef_store.used(&subscription.claims.id, world.dev.epoch()).unwrap(), 0);
    assert_eq!(world.aa_store.reply(&Digest::of(&[&asked.request])).unwrap(), None);

    world.set_time(START);
    let again = world.request(&subscription, 1);
    assert_eq!(cause(world.authorize(&again.request).unwrap_err()), (400, "epoch-closed"));
    assert_eq!(cause(world.authorize(&asked.request).unwrap_err()), (400, "epoch-closed"));
    assert_eq!(world.mef_store.used(&subscription.claims.id, world.dev.epoch()).unwrap(), 0);
}

#[test]
fn records_for_revocation_go_an_epoch_after_replies() {
    let mut world = World::new();
    let mut node = world.dev.node();
    let subscription = world.enrol(&mut node);
    let asked = world.request(&subscription, 1);
    let reply = world.authorize(&asked.request).unwrap();
    let certificates = asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients).unwrap();
    let certificate = Digest::of(&[&certificates[0].encoded]);
    let shared = world.aa_store.batch_of(&certificate).unwrap().unwrap().shared;
    let schedule = world.dev.bundle.schedule;
    let epoch_seconds = u64::from(schedule.slot_seconds.get()) * u64::from(schedule.slots_per_epoch.get());
    for (epochs, kept) in [(1, true), (2, false)] {
        world.set_time(Seconds(START.0 + epochs * epoch_seconds));
        world.mef.prune().unwrap();
        world.aa.prune().unwrap();
        assert_eq!(world.aa_store.batch_of(&certificate).unwrap().is_some(), kept);
        assert_eq!(world.mef_store.device_of(&shared).unwrap(), kept.then_some(node.canonical_id));
    }
}

#[test]
fn an_order_is_carried_out_once_wherever_it_breaks() {
    for fault in [Fault::Before, Fault::After] {
        let mut world = World::new();
        let mut node = world.dev.node();
        let subscription = world.enrol(&mut node);
        let asked = world.request(&subscription, 4);
        let reply = world.authorize(&asked.request).unwrap();
        let certificates = asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients).unwrap();
        let order = RevocationOrder {
            issuer: world.dev.ma.id.clone(),
            id: [3; 16],
            authority: world.dev.aa.id.clone(),
            certificate: Digest::of(&[&certificates[0].encoded]),
            reason: Reason::Misbehaviour,
            time: START,
        };
        let order = order.issue(&world.dev.bundle.domain, &world.dev.ma.signing).unwrap();
        world.aa_store.fail(fault);
        assert_eq!(cause(world.aa.carry_out(&order).unwrap_err()), BROKEN);
        let world = world.restarted();
        world.aa.carry_out(&order).unwrap();
        world.aa.carry_out(&order).unwrap();
        let (revoked, outbox) = (world.aa_store.revoked().unwrap(), world.aa_store.outbox().unwrap());
        assert_eq!((revoked.len(), revoked[0].numbers, outbox.len()), (1, 4, 1), "{fault:?}");
        assert_eq!(revoked[0].seed.slot(), world.dev.slot());
        let list = world.aa_store.list().unwrap().unwrap();
        assert_eq!(list.sequence, 2);

        // The block, any number of times.
        let world = world.restarted();
        let block = world.aa_store.outbox().unwrap().remove(0);
        world.mef.block(&block.signed).unwrap();
        world.mef.block(&block.signed).unwrap();
        let mut world = world.restarted();
        assert_eq!(world.mef_store.standing(&subscription.claims.id).unwrap(), Standing::Blocked);
        let asked = world.request(&subscription, 1);
        let reply = world.authorize(&asked.request).unwrap();
        let refused = asked.awaiting.finish(&reply, &world.dev.bundle, &asked.recipients);
        assert_eq!(refused, Err(AuthorizationError::Refused(AuthorizationStatus::NotSubscribed)));
        let key = world.dev.signing_key();
        let (request, awaiting) = world.enrolment(&node, &key);
        let reply = world.mef.enrol(&request).unwrap();
        let refused = awaiting.finish(&reply, &world.dev.bundle, &mut node.floor);
        assert_eq!(refused, Err(EnrolmentError::Refused(EnrolmentStatus::Blocked)));
    }
}

#[test]
fn orders_for_what_is_unknown_or_not_from_an_ma_change_nothing() {
    let world = World::new();
    let order = |authority: &m2m_trust::identity::AuthorityId| RevocationOrder {
        issuer: world.dev.ma.id.clone(),
        id: [3; 16],
        authority: authority.clone(),
        certificate: Digest([1; 32]),
        reason: Reason::Compromise,
        time: START,
    };
    let domain = &world.dev.bundle.domain;
    let unknown = order(&world.dev.aa.id).issue(domain, &world.dev.ma.signing).unwrap();
    assert_eq!(cause(world.aa.carry_out(&unknown).unwrap_err()), (404, "certificate-unknown"));
    let by_aa = order(&world.dev.aa.id).issue(domain, &world.dev.other_aa.signing).unwrap();
    assert_eq!(cause(world.aa.carry_out(&by_aa).unwrap_err()), (400, "unknown-issuer"));
    let elsewhere = order(&world.dev.other_aa.id).issue(domain, &world.dev.ma.signing).unwrap();
    assert_eq!(cause(world.aa.carry_out(&elsewhere).unwrap_err()), (400, "other-addressee"));
    assert_eq!(world.aa_store.outbox().unwrap(), vec![]);
}
