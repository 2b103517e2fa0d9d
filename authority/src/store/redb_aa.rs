//! [`AaStore`] in one file.

use std::path::Path;

use m2m_trust::authorization::{AuthorizationOutcome, Batch};
use m2m_trust::identity::{AuthorityId, Digest, Epoch, Seconds, Slot};
use m2m_trust::linkage::LinkageSeed;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::redb_file::{File, failed};
use super::{AaStore, BatchRecord, Keep, NotCommitted, PendingBlock, PublishedList, RevokedBatch, StoreError, due};

/// How many records one transaction forgets, so that requests wait only shortly for it.
const PRUNED_AT_ONCE: usize = 4096;

type Id = &'static [u8; 16];
type Hash = &'static [u8; 32];
/// (MEF, first slot, its seed, last slot, numbers).
type BatchRow = (&'static str, u32, Hash, u32, u32);

const REPLIES: TableDefinition<Hash, &[u8]> = TableDefinition::new("authorization-replies");
const NONCES: TableDefinition<(u32, Id), ()> = TableDefinition::new("nonces");
/// Shared part → batch.
const BATCHES: TableDefinition<Hash, BatchRow> = TableDefinition::new("batches");
/// Certificate → shared part.
const CERTIFICATES: TableDefinition<Hash, Hash> = TableDefinition::new("certificates");
/// Shared part → (first revoked slot, its seed, numbers).
const REVOKED: TableDefinition<Hash, (u32, Hash, u32)> = TableDefinition::new("revoked");
/// Orders carried out.
const ORDERS: TableDefinition<Id, ()> = TableDefinition::new("orders");
/// Order → (MEF, block).
const OUTBOX: TableDefinition<Id, (&str, &[u8])> = TableDefinition::new("outbox");
/// The one list: (number, this update, next update, signed).
const LIST: TableDefinition<(), (u64, u64, u64, &[u8])> = TableDefinition::new("list");

/// The tables, as the notes of what is due name them.
mod kind {
    pub(super) const REPLY: u8 = 1;
    pub(super) const NONCE: u8 = 2;
    pub(super) const BATCH: u8 = 3;
    pub(super) const CERTIFICATE: u8 = 4;
    pub(super) const REVOKED: u8 = 5;
    pub(super) const ORDER: u8 = 6;
}

/// An AA's store in one redb file.
pub struct RedbAaStore {
    file: File,
}

impl RedbAaStore {
    /// Opens or makes the file. One process at a time can have it open for writing.
    ///
    /// # Errors
    /// [`StoreError`] with the path.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self { file: File::open(path)? };
        store.file.write(|transaction| {
            transaction.open_table(REPLIES).map_err(failed)?;
            transaction.open_table(NONCES).map_err(failed)?;
            transaction.open_table(BATCHES).map_err(failed)?;
            transaction.open_table(CERTIFICATES).map_err(failed)?;
            transaction.open_table(REVOKED).map_err(failed)?;
            transaction.open_table(OUTBOX).map_err(failed)?;
            transaction.open_table(LIST).map_err(failed)?;
            Ok::<_, StoreError>(())
        })?;
        Ok(store)
    }
}

impl AaStore for RedbAaStore {
    fn reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.file.read()?.open_table(REPLIES).map_err(failed)?;
        Ok(table.get(&request.0).map_err(failed)?.map(|reply| reply.value().to_vec()))
    }

    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError> {
        let table = self.file.read()?.open_table(NONCES).map_err(failed)?;
        Ok(table.get((epoch.0, nonce)).map_err(failed)?.is_some())
    }

    fn commit_authorization(&self, outcome: &AuthorizationOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted> {
        self.file.write(|transaction| {
            let mut replies = transaction.open_table(REPLIES).map_err(failed)?;
            if let Some(reply) = replies.get(&outcome.request.0).map_err(failed)? {
                return Ok(reply.value().to_vec());
            }
            due::check_open(transaction, keep.replies_until)?;
            let mut nonces = transaction.open_table(NONCES).map_err(failed)?;
            if nonces.insert((outcome.epoch.0, &outcome.nonce), ()).map_err(failed)?.is_some() {
                return Err(NotCommitted::NonceUsed);
            }
            replies.insert(&outcome.request.0, outcome.reply.as_slice()).map_err(failed)?;
            due::note(transaction, keep.replies_until, kind::REPLY, &outcome.request.0)?;
            let nonce = [&outcome.epoch.0.to_be_bytes(), &outcome.nonce[..]].concat();
            due::note(transaction, keep.replies_until, kind::NONCE, &nonce)?;
            if let Some(batch) = &outcome.batch {
                remember(transaction, outcome, batch, keep)?;
            }
            Ok(outcome.reply.clone())
        })
    }

    fn batch_of(&self, certificate: &Digest) -> Result<Option<BatchRecord>, StoreError> {
        let transaction = self.file.read()?;
        let certificates = transaction.open_table(CERTIFICATES).map_err(failed)?;
        let Some(shared) = certificates.get(&certificate.0).map_err(failed)?.map(|shared| *shared.value()) else {
            return Ok(None);
        };
        let batches = transaction.open_table(BATCHES).map_err(failed)?;
        let Some(row) = batches.get(&shared).map_err(failed)? else { return Ok(None) };
        let (function, first_slot, seed, last_slot, numbers) = row.value();
        Ok(Some(BatchRecord {
            shared: Digest(shared),
            enrolment_function: AuthorityId::parse(function).map_err(failed)?,
            seed: LinkageSeed::new(Slot(first_slot), *seed),
            last_slot: Slot(last_slot),
            numbers,
        }))
    }

    fn revoke(&self, batch: &BatchRecord, from: Slot, block: &PendingBlock, keep: Keep) -> Result<bool, StoreError> {
        self.file.write(|transaction| {
            let mut orders = transaction.open_table(ORDERS).map_err(failed)?;
            if orders.insert(&block.order, ()).map_err(failed)?.is_some() {
                return Ok(false);
            }
            due::note(transaction, keep.records_until, kind::ORDER, &block.order)?;
            let mut revoked = transaction.open_table(REVOKED).map_err(failed)?;
            let earlier = revoked.get(&batch.shared.0).map_err(failed)?.is_some_and(|row| row.value().0 <= from.0);
            // A batch that is over needs no place on the list; one whose first slot is to come is revoked from there on.
            if let Some(seed) =
                batch.seed.at(from.max(batch.seed.slot())).filter(|_| from <= batch.last_slot && !earlier)
            {
                let row = (seed.slot().0, seed.expose(), batch.numbers);
                revoked.insert(&batch.shared.0, row).map_err(failed)?;
                due::note(transaction, keep.replies_until, kind::REVOKED, &batch.shared.0)?;
            }
            let mut outbox = transaction.open_table(OUTBOX).map_err(failed)?;
            let row = (block.enrolment_function.as_str(), block.signed.as_slice());
            outbox.insert(&block.order, row).map_err(failed)?;
            Ok(true)
        })
    }

    fn revoked(&self) -> Result<Vec<RevokedBatch>, StoreError> {
        let table = self.file.read()?.open_table(REVOKED).map_err(failed)?;
        let rows = table.iter().map_err(failed)?;
        rows.map(|row| {
            let (_, row) = row.map_err(failed)?;
            let (slot, seed, numbers) = row.value();
            Ok(RevokedBatch { seed: LinkageSeed::new(Slot(slot), *seed), numbers })
        })
        .collect()
    }

    fn list(&self) -> Result<Option<PublishedList>, StoreError> {
        let table = self.file.read()?.open_table(LIST).map_err(failed)?;
        Ok(table.get(()).map_err(failed)?.map(|row| {
            let (sequence, this_update, next_update, signed) = row.value();
            let (this_update, next_update) = (Seconds(this_update), Seconds(next_update));
            PublishedList { sequence, this_update, next_update, signed: signed.to_vec() }
        }))
    }

    fn publish(&self, list: &PublishedList) -> Result<bool, StoreError> {
        self.file.write(|transaction| {
            let mut table = transaction.open_table(LIST).map_err(failed)?;
            let newest = table.get(()).map_err(failed)?.map_or(0, |row| row.value().0);
            if newest.checked_add(1) != Some(list.sequence) {
                return Ok(false);
            }
            let row = (list.sequence, list.this_update.0, list.next_update.0, list.signed.as_slice());
            table.insert((), row).map_err(failed)?;
            Ok(true)
        })
    }

    fn outbox(&self) -> Result<Vec<PendingBlock>, StoreError> {
        let table = self.file.read()?.open_table(OUTBOX).map_err(failed)?;
        let rows = table.iter().map_err(failed)?;
        rows.map(|row| {
            let (order, row) = row.map_err(failed)?;
            let (function, signed) = row.value();
            let enrolment_function = AuthorityId::parse(function).map_err(failed)?;
            Ok(PendingBlock { order: *order.value(), enrolment_function, signed: signed.to_vec() })
        })
        .collect()
    }

    fn settled(&self, order: &[u8; 16]) -> Result<(), StoreError> {
        self.file.write(|transaction| {
            transaction.open_table(OUTBOX).map_err(failed)?.remove(order).map_err(failed)?;
            Ok(())
        })
    }

    fn prune(&self, now: Seconds) -> Result<u64, StoreError> {
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

fn remember(
    transaction: &WriteTransaction,
    outcome: &AuthorizationOutcome,
    batch: &Batch,
    keep: Keep,
) -> Result<(), StoreError> {
    let mut batches = transaction.open_table(BATCHES).map_err(failed)?;
    let (first_slot, seed) = (batch.seed.slot().0, batch.seed.expose());
    let row = (outcome.enrolment_function.as_str(), first_slot, seed, batch.last_slot.0, batch.numbers);
    batches.insert(&outcome.shared.0, row).map_err(failed)?;
    due::note(transaction, keep.records_until, kind::BATCH, &outcome.shared.0)?;
    let mut certificates = transaction.open_table(CERTIFICATES).map_err(failed)?;
    for certificate in &batch.certificates {
        certificates.insert(&certificate.0, &outcome.shared.0).map_err(failed)?;
        due::note(transaction, keep.records_until, kind::CERTIFICATE, &certificate.0)?;
    }
    Ok(())
}

fn forget(transaction: &WriteTransaction, kind: u8, key: &[u8]) -> Result<(), StoreError> {
    let strange = || StoreError(format!("a note of kind {kind} with a key of {} bytes", key.len()));
    let hash = || <&[u8; 32]>::try_from(key).map_err(|_| strange());
    match kind {
        kind::REPLY => drop(transaction.open_table(REPLIES).map_err(failed)?.remove(hash()?).map_err(failed)?),
        kind::BATCH => drop(transaction.open_table(BATCHES).map_err(failed)?.remove(hash()?).map_err(failed)?),
        kind::CERTIFICATE => {
            drop(transaction.open_table(CERTIFICATES).map_err(failed)?.remove(hash()?).map_err(failed)?);
        }
        kind::REVOKED => drop(transaction.open_table(REVOKED).map_err(failed)?.remove(hash()?).map_err(failed)?),
        kind::ORDER => {
            let id = <&[u8; 16]>::try_from(key).map_err(|_| strange())?;
            drop(transaction.open_table(ORDERS).map_err(failed)?.remove(id).map_err(failed)?);
        }
        kind::NONCE => {
            let (epoch, nonce) = key.split_first_chunk::<4>().ok_or_else(strange)?;
            let nonce = <&[u8; 16]>::try_from(nonce).map_err(|_| strange())?;
            let mut table = transaction.open_table(NONCES).map_err(failed)?;
            table.remove((u32::from_be_bytes(*epoch), nonce)).map_err(failed)?;
        }
        _ => return Err(strange()),
    }
    Ok(())
}
