//! What every store must do, whatever it is built on: each commit checks again what must not have happened meanwhile.

use m2m_trust::authorization::{AuthorizationOutcome, Batch, ProofOutcome, Standing};
use m2m_trust::credential::{Confirmation, CredentialId, SubscriptionCredential};
use m2m_trust::dev::SigningKey;
use m2m_trust::enrolment::EnrolmentOutcome;
use m2m_trust::identity::{AuthorityId, CanonicalId, Digest, Epoch, Seconds, Slot};
use m2m_trust::keys::Signer;
use m2m_trust::linkage::LinkageSeed;

use super::{AaStore, Keep, MefStore, NotCommitted, PendingBlock, PublishedList, RedbAaStore, RedbMefStore};

const NOW: Seconds = Seconds(1_000);
const KEEP: Keep = Keep { replies_until: Seconds(2_000), records_until: Seconds(3_000) };
const EPOCH: Epoch = Epoch(7);
const DEVICE: CanonicalId = CanonicalId([1; 17]);

fn on_mef(check: impl FnOnce(&dyn MefStore)) {
    let place = tempfile::tempdir().unwrap();
    check(&RedbMefStore::open(&place.path().join("store")).unwrap());
}

fn on_aa(check: impl FnOnce(&dyn AaStore)) {
    let place = tempfile::tempdir().unwrap();
    check(&RedbAaStore::open(&place.path().join("store")).unwrap());
}

fn enrolment(number: u8, challenge: [u8; 16], granted: bool) -> EnrolmentOutcome {
    let key = SigningKey::from_seed([number; 32]).unwrap().public_key();
    let issued = SubscriptionCredential {
        issuer: AuthorityId::parse("mef").unwrap(),
        expires: Seconds(10_000),
        not_before: NOW,
        id: CredentialId([number; 16]),
        confirmation: Confirmation(key),
        scope: m2m_trust::aif::Scope::empty(),
        quota: 5,
    };
    EnrolmentOutcome {
        reply: vec![number],
        request: Digest([number; 32]),
        challenge,
        issued: granted.then_some(issued),
    }
}

fn proof(number: u8, subscription: u8, count: u32) -> ProofOutcome {
    ProofOutcome {
        answer: vec![number],
        query: Digest([number; 32]),
        shared: Digest([number; 32]),
        subscription: CredentialId([subscription; 16]),
        epoch: EPOCH,
        count,
        nonce: [number; 16],
    }
}

fn enrol(store: &dyn MefStore, number: u8) {
    store.remember_challenge([number; 16], NOW).unwrap();
    store.commit_enrolment(&enrolment(number, [number; 16], true), &DEVICE, KEEP).unwrap();
}

#[test]
fn a_challenge_is_known_unspent_and_spent_once() {
    on_mef(|store| {
        let unknown = store.commit_enrolment(&enrolment(1, [1; 16], true), &DEVICE, KEEP);
        assert_eq!(unknown, Err(NotCommitted::ChallengeUnknown));
        store.remember_challenge([1; 16], NOW).unwrap();
        let first = enrolment(1, [1; 16], true);
        assert_eq!(store.commit_enrolment(&first, &DEVICE, KEEP), Ok(vec![1]));
        let changed = EnrolmentOutcome { reply: vec![9], ..first };
        assert_eq!(store.commit_enrolment(&changed, &DEVICE, KEEP), Ok(vec![1]), "the stored reply");
        let second = enrolment(2, [1; 16], true);
        assert_eq!(store.commit_enrolment(&second, &DEVICE, KEEP), Err(NotCommitted::ChallengeSpent));
        assert_eq!(store.standing(&CredentialId([2; 16])), Ok(Standing::Unknown));
    });
}

#[test]
fn an_open_challenge_is_forgotten_after_its_minute() {
    on_mef(|store| {
        store.remember_challenge([1; 16], NOW).unwrap();
        store.prune(NOW.plus(60)).unwrap();
        assert!(store.challenge(&[1; 16]).unwrap().is_some());
        store.prune(NOW.plus(61)).unwrap();
        assert_eq!(store.challenge(&[1; 16]).unwrap(), None);
    });
}

#[test]
fn a_nonce_counts_once_in_an_epoch() {
    on_mef(|store| {
        enrol(store, 1);
        assert_eq!(store.commit_proof(&proof(1, 1, 1), KEEP), Ok(vec![1]));
        assert_eq!(store.commit_proof(&ProofOutcome { answer: vec![9], ..proof(1, 1, 1) }, KEEP), Ok(vec![1]));
        let replayed = ProofOutcome { nonce: [1; 16], ..proof(2, 1, 1) };
        assert_eq!(store.commit_proof(&replayed, KEEP), Err(NotCommitted::NonceUsed));
        let next_epoch = ProofOutcome { epoch: Epoch(8), ..replayed };
        assert_eq!(store.commit_proof(&next_epoch, KEEP), Ok(vec![2]));
        assert_eq!(store.used(&CredentialId([1; 16]), EPOCH), Ok(1));
    });
    on_aa(|store| {
        assert_eq!(store.commit_authorization(&authorization(1, None), KEEP), Ok(vec![1]));
        let replayed = AuthorizationOutcome { nonce: [1; 16], ..authorization(2, None) };
        assert_eq!(store.commit_authorization(&replayed, KEEP), Err(NotCommitted::NonceUsed));
        let next_epoch = AuthorizationOutcome { epoch: Epoch(8), ..replayed };
        assert_eq!(store.commit_authorization(&next_epoch, KEEP), Ok(vec![2]));
    });
}

#[test]
fn a_refused_commit_leaves_nothing() {
    on_mef(|store| {
        enrol(store, 1);
        assert_eq!(store.commit_proof(&proof(1, 1, 6), KEEP), Err(NotCommitted::QuotaExhausted));
        assert_eq!(store.commit_proof(&proof(2, 9, 1), KEEP), Err(NotCommitted::NotSubscribed));
        assert_eq!(store.nonce_seen(EPOCH, &[1; 16]), Ok(false));
        assert_eq!(store.answer(&Digest([1; 32])), Ok(None));
        assert_eq!(store.device_of(&Digest([2; 32])), Ok(None));
        assert_eq!(store.commit_proof(&proof(1, 1, 5), KEEP), Ok(vec![1]));
        assert_eq!(store.commit_proof(&proof(3, 1, u32::MAX), KEEP), Err(NotCommitted::QuotaExhausted));
    });
}

#[test]
fn all_subscriptions_of_a_device_share_its_quota_and_its_block() {
    on_mef(|store| {
        enrol(store, 1);
        assert_eq!(store.commit_proof(&proof(1, 1, 3), KEEP), Ok(vec![1]));
        enrol(store, 2);
        assert_eq!(store.standing(&CredentialId([1; 16])), Ok(Standing::Good), "until the new one is used");
        assert_eq!(store.commit_proof(&proof(2, 2, 3), KEEP), Err(NotCommitted::QuotaExhausted));
        assert_eq!(store.commit_proof(&proof(2, 2, 2), KEEP), Ok(vec![2]));
        assert_eq!(store.standing(&CredentialId([1; 16])), Ok(Standing::Unknown));
        assert_eq!(store.commit_proof(&proof(3, 1, 0), KEEP), Err(NotCommitted::NotSubscribed));

        assert_eq!(store.block(&Digest([9; 32])), Ok(false));
        assert_eq!(store.block(&Digest([1; 32])), Ok(true));
        assert_eq!(store.standing(&CredentialId([2; 16])), Ok(Standing::Blocked));
        assert_eq!(store.commit_proof(&proof(4, 2, 0), KEEP), Err(NotCommitted::NotSubscribed));
        store.remember_challenge([3; 16], NOW).unwrap();
        let granted = store.commit_enrolment(&enrolment(3, [3; 16], true), &DEVICE, KEEP);
        assert_eq!(granted, Err(NotCommitted::Blocked));
        let refused = store.commit_enrolment(&enrolment(4, [3; 16], false), &DEVICE, KEEP);
        assert_eq!(refused, Ok(vec![4]), "that it is refused is committed");
    });
}

#[test]
fn what_would_be_forgotten_already_is_not_committed() {
    on_mef(|store| {
        enrol(store, 1);
        store.prune(KEEP.replies_until).unwrap();
        assert_eq!(store.commit_proof(&proof(1, 1, 1), KEEP), Err(NotCommitted::Closed));
        let later = Keep { replies_until: Seconds(2_001), ..KEEP };
        assert_eq!(store.commit_proof(&proof(1, 1, 1), later), Ok(vec![1]));
    });
    on_aa(|store| {
        store.prune(KEEP.replies_until).unwrap();
        assert_eq!(store.commit_authorization(&authorization(1, None), KEEP), Err(NotCommitted::Closed));
        store.prune(NOW).unwrap();
        let refused = store.commit_authorization(&authorization(1, None), KEEP);
        assert_eq!(refused, Err(NotCommitted::Closed), "a clock that went back opens nothing");
    });
}

fn authorization(number: u8, batch: Option<Batch>) -> AuthorizationOutcome {
    AuthorizationOutcome {
        reply: vec![number],
        request: Digest([number; 32]),
        epoch: EPOCH,
        nonce: [number; 16],
        enrolment_function: AuthorityId::parse("mef").unwrap(),
        shared: Digest([number; 32]),
        batch,
    }
}

fn batch() -> Batch {
    let seed = LinkageSeed::new(Slot(10), [7; 32]);
    Batch { seed, last_slot: Slot(12), numbers: 2, certificates: vec![Digest([8; 32]), Digest([9; 32])] }
}

fn block(order: u8) -> PendingBlock {
    PendingBlock { order: [order; 16], enrolment_function: AuthorityId::parse("mef").unwrap(), signed: vec![order] }
}

#[test]
fn a_batch_is_revoked_from_the_slot_on_and_its_earlier_seeds_stay() {
    // From which slot, and the first slot on the list.
    for (from, listed) in [(9, Some(10)), (11, Some(11)), (12, Some(12)), (13, None)] {
        on_aa(|store| {
            store.commit_authorization(&authorization(1, Some(batch())), KEEP).unwrap();
            let found = store.batch_of(&Digest([9; 32])).unwrap().unwrap();
            assert_eq!(store.batch_of(&Digest([1; 32])), Ok(None));
            assert_eq!(store.revoke(&found, Slot(from), &block(1), KEEP), Ok(true));
            assert_eq!(store.revoke(&found, Slot(10), &block(1), KEEP), Ok(false), "an order counts once");
            let revoked = store.revoked().unwrap();
            let seed = listed.map(|slot| batch().seed.at(Slot(slot)).unwrap());
            assert_eq!(revoked.first().map(|batch| batch.seed.clone()), seed, "from {from}");
            assert_eq!(store.outbox(), Ok(vec![block(1)]));
        });
    }
}

#[test]
fn of_two_orders_the_earlier_slot_stays_and_both_blocks_go_out() {
    on_aa(|store| {
        store.commit_authorization(&authorization(1, Some(batch())), KEEP).unwrap();
        let found = store.batch_of(&Digest([9; 32])).unwrap().unwrap();
        for (order, from) in [(1, 11), (2, 12)] {
            assert_eq!(store.revoke(&found, Slot(from), &block(order), KEEP), Ok(true));
        }
        let revoked = store.revoked().unwrap();
        assert_eq!((revoked.len(), revoked[0].seed.slot()), (1, Slot(11)));
        store.settled(&[1; 16]).unwrap();
        assert_eq!(store.outbox(), Ok(vec![block(2)]));
        // Its certificates are over: off the list. The order is remembered longer, so that it counts once.
        store.prune(KEEP.replies_until).unwrap();
        assert_eq!(store.revoked(), Ok(vec![]));
        assert_eq!(store.revoke(&found, Slot(11), &block(2), KEEP), Ok(false));
    });
}

#[test]
fn lists_are_numbered_without_gap_or_return() {
    on_aa(|store| {
        let list = |sequence| PublishedList { sequence, this_update: NOW, next_update: NOW.plus(600), signed: vec![1] };
        assert_eq!(store.publish(&list(2)), Ok(false));
        assert_eq!(store.publish(&list(1)), Ok(true));
        assert_eq!(store.publish(&list(1)), Ok(false));
        assert_eq!(store.publish(&list(2)), Ok(true));
        assert_eq!(store.list(), Ok(Some(list(2))));
    });
}
