//! [`MefStore`] in one file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use m2m_trust::authorization::{ProofOutcome, Standing};
use m2m_trust::credential::{CredentialId, SubscriptionCredential};
use m2m_trust::enrolment::{CHALLENGE_SECONDS, EnrolmentOutcome};
use m2m_trust::identity::{CanonicalId, Digest, Epoch, Seconds};
use redb::{ReadableTable, TableError, WriteTransaction};

use super::mef_tables::{ANSWERS, DEVICES, ENROLMENTS, NONCES, NUMBERS, SHARED, SUBSCRIPTIONS, USED, forget, kind};
use super::redb_file::{File, failed};
use super::{ChallengeRecord, Keep, MefStore, NotCommitted, StoreError, due};

/// How many challenges may be open at once.
const CHALLENGES_MAX: usize = 65_536;
/// How many records one transaction forgets, so that requests wait only shortly for it.
const PRUNED_AT_ONCE: usize = 4096;

/// An MEF's store in one redb file; open challenges are in memory.
pub struct RedbMefStore {
    file: File,
    challenges: Mutex<HashMap<[u8; 16], ChallengeRecord>>,
}

impl RedbMefStore {
    /// Opens or makes the file. One process at a time can have it open for writing.
    ///
    /// # Errors
    /// [`StoreError`] with the path.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self { file: File::open(path)?, challenges: Mutex::default() };
        store.file.write(|transaction| {
            transaction.open_table(SUBSCRIPTIONS).map_err(failed)?;
            transaction.open_table(DEVICES).map_err(failed)?;
            transaction.open_table(ENROLMENTS).map_err(failed)?;
            transaction.open_table(ANSWERS).map_err(failed)?;
            transaction.open_table(NONCES).map_err(failed)?;
            transaction.open_table(USED).map_err(failed)?;
            transaction.open_table(SHARED).map_err(failed)?;
            Ok::<_, StoreError>(())
        })?;
        Ok(store)
    }

    /// Opens the file for reading, also while a server is writing it.
    ///
    /// # Errors
    /// [`StoreError`] with the path.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { file: File::open_read_only(path)?, challenges: Mutex::default() })
    }

    fn challenges(&self) -> MutexGuard<'_, HashMap<[u8; 16], ChallengeRecord>> {
        self.challenges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscription(&self, id: &CredentialId) -> Result<Option<([u8; 17], u64)>, StoreError> {
        let table = self.file.read()?.open_table(SUBSCRIPTIONS).map_err(failed)?;
        let found = table.get(&id.0).map_err(failed)?;
        Ok(found.map(|found| {
            let (device, number, ..) = found.value();
            (*device, number)
        }))
    }
}

impl MefStore for RedbMefStore {
    fn remember_challenge(&self, challenge: [u8; 16], now: Seconds) -> Result<(), StoreError> {
        let mut challenges = self.challenges();
        if challenges.len() >= CHALLENGES_MAX {
            challenges.retain(|_, record| !is_over(record, now));
        }
        if challenges.len() >= CHALLENGES_MAX {
            return Err(StoreError(format!("{CHALLENGES_MAX} challenges are open, and no more are given")));
        }
        challenges.insert(challenge, ChallengeRecord { issued: now, spent: false });
        Ok(())
    }

    fn challenge(&self, challenge: &[u8; 16]) -> Result<Option<ChallengeRecord>, StoreError> {
        Ok(self.challenges().get(challenge).copied())
    }

    fn enrolment_reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.file.read()?.open_table(ENROLMENTS).map_err(failed)?;
        Ok(table.get(&request.0).map_err(failed)?.map(|reply| reply.value().to_vec()))
    }

    fn is_blocked(&self, device: &CanonicalId) -> Result<bool, StoreError> {
        let table = self.file.read()?.open_table(DEVICES).map_err(failed)?;
        Ok(table.get(&device.0).map_err(failed)?.is_some_and(|found| found.value().0))
    }

    fn commit_enrolment(
        &self,
        outcome: &EnrolmentOutcome,
        device: &CanonicalId,
        keep: Keep,
    ) -> Result<Vec<u8>, NotCommitted> {
        // Held over the transaction: of two requests under one challenge the second one finds it spent.
        let mut challenges = self.challenges();
        if let Some(reply) = self.enrolment_reply(&outcome.request)? {
            return Ok(reply);
        }
        let challenge = challenges.get_mut(&outcome.challenge).ok_or(NotCommitted::ChallengeUnknown)?;
        if challenge.spent {
            return Err(NotCommitted::ChallengeSpent);
        }
        self.file.write(|transaction| {
            due::check_open(transaction, keep.replies_until)?;
            if let Some(issued) = &outcome.issued {
                subscribe(transaction, issued, device, keep)?;
            }
            let mut replies = transaction.open_table(ENROLMENTS).map_err(failed)?;
            replies.insert(&outcome.request.0, outcome.reply.as_slice()).map_err(failed)?;
            due::note(transaction, keep.replies_until, kind::ENROLMENT, &outcome.request.0)?;
            Ok::<_, NotCommitted>(())
        })?;
        challenge.spent = true;
        Ok(outcome.reply.clone())
    }

    fn answer(&self, query: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.file.read()?.open_table(ANSWERS).map_err(failed)?;
        Ok(table.get(&query.0).map_err(failed)?.map(|answer| answer.value().to_vec()))
    }

    fn standing(&self, subscription: &CredentialId) -> Result<Standing, StoreError> {
        let Some((device, number)) = self.subscription(subscription)? else { return Ok(Standing::Unknown) };
        let table = self.file.read()?.open_table(DEVICES).map_err(failed)?;
        let account = table.get(&device).map_err(failed)?.map_or((false, 0), |found| found.value());
        Ok(standing(account, number))
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError> {
        let table = self.file.read()?.open_table(NONCES).map_err(failed)?;
        Ok(table.get((epoch.0, nonce)).map_err(failed)?.is_some())
    }

    fn used(&self, subscription: &CredentialId, epoch: Epoch) -> Result<u32, StoreError> {
        let Some((device, _)) = self.subscription(subscription)? else { return Ok(0) };
        let table = self.file.read()?.open_table(USED).map_err(failed)?;
        Ok(table.get((&device, epoch.0)).map_err(failed)?.map_or(0, |used| used.value()))
    }

    fn commit_proof(&self, outcome: &ProofOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted> {
        self.file.write(|transaction| {
            let mut answers = transaction.open_table(ANSWERS).map_err(failed)?;
            if let Some(answer) = answers.get(&outcome.query.0).map_err(failed)? {
                return Ok(answer.value().to_vec());
            }
            due::check_open(transaction, keep.replies_until)?;
            let mut nonces = transaction.open_table(NONCES).map_err(failed)?;
            let nonce = (outcome.epoch.0, &outcome.nonce);
            if nonces.insert(nonce, ()).map_err(failed)?.is_some() {
                return Err(NotCommitted::NonceUsed);
            }
            let device = charge(transaction, outcome, keep)?;
            answers.insert(&outcome.query.0, outcome.answer.as_slice()).map_err(failed)?;
            let mut shared = transaction.open_table(SHARED).map_err(failed)?;
            shared.insert(&outcome.shared.0, &device).map_err(failed)?;
            due::note(transaction, keep.replies_until, kind::ANSWER, &outcome.query.0)?;
            due::note(transaction, keep.replies_until, kind::NONCE, &epoch_key(outcome.epoch, &outcome.nonce))?;
            due::note(transaction, keep.records_until, kind::SHARED, &outcome.shared.0)?;
            Ok(outcome.answer.clone())
        })
    }

    fn block(&self, shared: &Digest) -> Result<bool, StoreError> {
        self.file.write(|transaction| {
            let table = transaction.open_table(SHARED).map_err(failed)?;
            let Some(device) = table.get(&shared.0).map_err(failed)?.map(|device| *device.value()) else {
                return Ok(false);
            };
            let mut devices = transaction.open_table(DEVICES).map_err(failed)?;
            let lowest = devices.get(&device).map_err(failed)?.map_or(0, |found| found.value().1);
            devices.insert(&device, (true, lowest)).map_err(failed)?;
            Ok(true)
        })
    }

    fn device_of(&self, shared: &Digest) -> Result<Option<CanonicalId>, StoreError> {
        let table = match self.file.read()?.open_table(SHARED) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.map_err(failed)?,
        };
        Ok(table.get(&shared.0).map_err(failed)?.map(|device| CanonicalId(*device.value())))
    }

    fn prune(&self, now: Seconds) -> Result<u64, StoreError> {
        self.challenges().retain(|_, record| !is_over(record, now));
        let mut pruned = 0;
        loop {
            let count = self.file.write(|transaction| {
                let due = due::take(transaction, now, PRUNED_AT_ONCE)?;
                due.iter().try_for_each(|(kind, key)| forget(transaction, *kind, key))?;
                Ok::<_, StoreError>(due.len())
            })?;
            pruned += count as u64;
            if count < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }
}

/// Until a second after the last one in which it may be answered.
fn is_over(record: &ChallengeRecord, now: Seconds) -> bool {
    now > record.issued.plus(CHALLENGE_SECONDS)
}

fn standing((blocked, lowest): (bool, u64), number: u64) -> Standing {
    match (blocked, number >= lowest) {
        (true, _) => Standing::Blocked,
        (false, true) => Standing::Good,
        (false, false) => Standing::Unknown,
    }
}

fn subscribe(
    transaction: &WriteTransaction,
    issued: &SubscriptionCredential,
    device: &CanonicalId,
    keep: Keep,
) -> Result<(), NotCommitted> {
    let mut devices = transaction.open_table(DEVICES).map_err(failed)?;
    let account = devices.get(&device.0).map_err(failed)?.map(|found| found.value());
    match account {
        Some((true, _)) => return Err(NotCommitted::Blocked),
        Some(_) => {}
        None => drop(devices.insert(&device.0, (false, 0)).map_err(failed)?),
    }
    let mut numbers = transaction.open_table(NUMBERS).map_err(failed)?;
    let number = numbers.get(()).map_err(failed)?.map_or(0, |last| last.value()) + 1;
    numbers.insert((), number).map_err(failed)?;
    let mut subscriptions = transaction.open_table(SUBSCRIPTIONS).map_err(failed)?;
    let record = (&device.0, number, issued.quota, issued.expires.0);
    subscriptions.insert(&issued.id.0, record).map_err(failed)?;
    let until = issued.expires.max(keep.records_until);
    Ok(due::note(transaction, until, kind::SUBSCRIPTION, &issued.id.0)?)
}

/// Takes the count out of the device's quota, and ends the subscriptions before the one that is used now.
fn charge(transaction: &WriteTransaction, outcome: &ProofOutcome, keep: Keep) -> Result<[u8; 17], NotCommitted> {
    let subscriptions = transaction.open_table(SUBSCRIPTIONS).map_err(failed)?;
    let record = subscriptions.get(&outcome.subscription.0).map_err(failed)?.ok_or(NotCommitted::NotSubscribed)?;
    let (device, number, quota, _) = record.value();
    let mut devices = transaction.open_table(DEVICES).map_err(failed)?;
    let account = devices.get(device).map_err(failed)?.map_or((false, 0), |found| found.value());
    if standing(account, number) != Standing::Good {
        return Err(NotCommitted::NotSubscribed);
    }
    if number > account.1 {
        devices.insert(device, (false, number)).map_err(failed)?;
    }
    let mut used = transaction.open_table(USED).map_err(failed)?;
    let before = used.get((device, outcome.epoch.0)).map_err(failed)?.map_or(0, |used| used.value());
    let after = before.checked_add(outcome.count).filter(|after| *after <= quota);
    used.insert((device, outcome.epoch.0), after.ok_or(NotCommitted::QuotaExhausted)?).map_err(failed)?;
    due::note(transaction, keep.replies_until, kind::USED, &epoch_key(outcome.epoch, device))?;
    Ok(*device)
}

fn epoch_key(epoch: Epoch, rest: &[u8]) -> Vec<u8> {
    [&epoch.0.to_be_bytes(), rest].concat()
}
