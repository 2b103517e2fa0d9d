//! The tables of an MEF in a redb file.

use redb::{TableDefinition, WriteTransaction};

use super::StoreError;
use super::redb_file::failed;

pub(super) type Id = &'static [u8; 16];
pub(super) type Hash = &'static [u8; 32];
pub(super) type Device = &'static [u8; 17];
/// (device, number, quota, expires): the number grows with each subscription.
pub(super) type Subscription = (Device, u64, u32, u64);

pub(super) const SUBSCRIPTIONS: TableDefinition<Id, Subscription> = TableDefinition::new("subscriptions");
/// Device → (blocked, lowest number of a subscription that still counts).
pub(super) const DEVICES: TableDefinition<Device, (bool, u64)> = TableDefinition::new("devices");
pub(super) const NUMBERS: TableDefinition<(), u64> = TableDefinition::new("subscription-numbers");
pub(super) const ENROLMENTS: TableDefinition<Hash, &[u8]> = TableDefinition::new("enrolment-replies");
pub(super) const ANSWERS: TableDefinition<Hash, &[u8]> = TableDefinition::new("proof-answers");
pub(super) const NONCES: TableDefinition<(u32, Id), ()> = TableDefinition::new("nonces");
pub(super) const USED: TableDefinition<(Device, u32), u32> = TableDefinition::new("used");
/// Shared part → device.
pub(super) const SHARED: TableDefinition<Hash, Device> = TableDefinition::new("shared");

/// The tables, as the notes of what is due name them.
pub(super) mod kind {
    pub(in crate::store) const ENROLMENT: u8 = 1;
    pub(in crate::store) const SUBSCRIPTION: u8 = 2;
    pub(in crate::store) const ANSWER: u8 = 3;
    pub(in crate::store) const NONCE: u8 = 4;
    pub(in crate::store) const USED: u8 = 5;
    pub(in crate::store) const SHARED: u8 = 6;
}

/// Removes what a note names.
pub(super) fn forget(transaction: &WriteTransaction, kind: u8, key: &[u8]) -> Result<(), StoreError> {
    let strange = || StoreError(format!("a note of kind {kind} with a key of {} bytes", key.len()));
    match kind {
        kind::ENROLMENT | kind::ANSWER => {
            let definition = if kind == kind::ANSWER { ANSWERS } else { ENROLMENTS };
            let mut table = transaction.open_table(definition).map_err(failed)?;
            table.remove(<&[u8; 32]>::try_from(key).map_err(|_| strange())?).map_err(failed)?;
        }
        kind::SHARED => {
            let mut table = transaction.open_table(SHARED).map_err(failed)?;
            table.remove(<&[u8; 32]>::try_from(key).map_err(|_| strange())?).map_err(failed)?;
        }
        kind::SUBSCRIPTION => {
            let mut table = transaction.open_table(SUBSCRIPTIONS).map_err(failed)?;
            table.remove(<&[u8; 16]>::try_from(key).map_err(|_| strange())?).map_err(failed)?;
        }
        kind::NONCE | kind::USED => {
            let (epoch, rest) = key.split_first_chunk::<4>().ok_or_else(strange)?;
            let epoch = u32::from_be_bytes(*epoch);
            if kind == kind::NONCE {
                let mut table = transaction.open_table(NONCES).map_err(failed)?;
                table.remove((epoch, <&[u8; 16]>::try_from(rest).map_err(|_| strange())?)).map_err(failed)?;
            } else {
                let mut table = transaction.open_table(USED).map_err(failed)?;
                table.remove((<&[u8; 17]>::try_from(rest).map_err(|_| strange())?, epoch)).map_err(failed)?;
            }
        }
        _ => return Err(strange()),
    }
    Ok(())
}
