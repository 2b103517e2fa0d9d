//! Forgetting: every record that ends is noted under the second it ends in, and nothing that should be forgotten already is
//! taken in.

use m2m_trust::identity::Seconds;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::redb_file::failed;
use super::{NotCommitted, StoreError};

/// (second, table, key) of what is to be removed.
const DUE: TableDefinition<(u64, u8, &[u8]), ()> = TableDefinition::new("due");
const CLOSED: TableDefinition<(), u64> = TableDefinition::new("closed");

/// INVARIANT (forgotten is closed): what was pruned could be decided again by a clock that went back, so nothing is committed whose
/// traces were due before.
pub(super) fn check_open(transaction: &WriteTransaction, until: Seconds) -> Result<(), NotCommitted> {
    let closed = transaction.open_table(CLOSED).map_err(failed)?;
    let closed = closed.get(()).map_err(failed)?.map_or(0, |second| second.value());
    if until.0 > closed { Ok(()) } else { Err(NotCommitted::Closed) }
}

/// Notes that `key` of `table` ends at `until`.
pub(super) fn note(transaction: &WriteTransaction, until: Seconds, table: u8, key: &[u8]) -> Result<(), StoreError> {
    let mut due = transaction.open_table(DUE).map_err(failed)?;
    due.insert((until.0, table, key), ()).map_err(failed)?;
    Ok(())
}

/// What is due at `now`, taken out of the notes; at most `limit` of it.
pub(super) fn take(
    transaction: &WriteTransaction,
    now: Seconds,
    limit: usize,
) -> Result<Vec<(u8, Vec<u8>)>, StoreError> {
    let mut due = transaction.open_table(DUE).map_err(failed)?;
    let first_kept = (now.0.saturating_add(1), 0, &[][..]);
    let mut taken = Vec::new();
    for entry in due.range(..first_kept).map_err(failed)?.take(limit) {
        let (key, ()) = entry.map_err(failed).map(|(key, _)| (key, ()))?;
        let (second, table, key) = key.value();
        taken.push((second, table, key.to_vec()));
    }
    for (second, table, key) in &taken {
        due.remove((*second, *table, key.as_slice())).map_err(failed)?;
    }
    let mut closed = transaction.open_table(CLOSED).map_err(failed)?;
    let before = closed.get(()).map_err(failed)?.map_or(0, |second| second.value());
    closed.insert((), before.max(now.0)).map_err(failed)?;
    Ok(taken.into_iter().map(|(_, table, key)| (table, key)).collect())
}
