//! Certificates held ahead of need, by service and slot.

use crate::bundle::Schedule;
use crate::identity::{Epoch, Seconds, ServiceId, Slot};

/// A certificate, or whatever stands for it, with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    /// For which service.
    pub service: ServiceId,
    /// For which slot.
    pub slot: Slot,
    /// Certificate and key handles.
    pub item: T,
}

/// What to ask an AA for, in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// For which service.
    pub service: ServiceId,
    /// In which epoch; a request does not cross its end.
    pub epoch: Epoch,
    /// One entry for each certificate: a slot as often as certificates are missing in it.
    pub slots: Vec<Slot>,
}

/// The certificates that were not used yet. A pseudonym leaves it once and never comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet<T> {
    held: Vec<Held<T>>,
}

impl<T> Default for Wallet<T> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<T> Wallet<T> {
    /// Puts in what an AA issued.
    pub fn put(&mut self, held: impl IntoIterator<Item = Held<T>>) {
        self.held.extend(held);
    }

    /// The next unused certificate of the slot; it is gone from the wallet.
    pub fn take(&mut self, service: ServiceId, slot: Slot) -> Option<Held<T>> {
        let index = self.held.iter().position(|held| held.service == service && held.slot == slot)?;
        Some(self.held.remove(index))
    }

    /// Takes out what is over, so that its keys can be destroyed.
    pub fn expired(&mut self, present: Slot) -> Vec<Held<T>> {
        let (over, kept) = std::mem::take(&mut self.held).into_iter().partition(|held| held.slot < present);
        self.held = kept;
        over
    }

    /// What is missing from the present slot to `ahead` slots further, one spare included in `ahead`; one entry for each
    /// service and epoch. In the present slot only a certificate at all is asked for, since some may be used up already.
    #[must_use]
    pub fn missing(&self, services: &[ServiceId], schedule: &Schedule, now: Seconds, ahead: u32) -> Vec<Missing> {
        let present = schedule.slot(now);
        let mut missing: Vec<Missing> = Vec::new();
        for service in services {
            for slot in (present.0..=present.0.saturating_add(ahead)).map(Slot) {
                let held = self.count(*service, slot);
                let full = schedule.certificates_per_slot.get();
                let lacking = if slot == present && held > 0 { 0 } else { full.saturating_sub(held) };
                let slots = std::iter::repeat_n(slot, lacking as usize);
                let epoch = schedule.epoch(slot);
                match missing.last_mut() {
                    Some(last) if last.service == *service && last.epoch == epoch => last.slots.extend(slots),
                    _ => missing.push(Missing { service: *service, epoch, slots: slots.collect() }),
                }
            }
        }
        missing.retain(|missing| !missing.slots.is_empty());
        missing
    }

    /// How many are held for a slot.
    #[must_use]
    pub fn count(&self, service: ServiceId, slot: Slot) -> u32 {
        let held = self.held.iter().filter(|held| held.service == service && held.slot == slot).count();
        u32::try_from(held).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::NonZero;

    const SERVICE: ServiceId = ServiceId(7);

    fn held(slot: u32, item: u32) -> Held<u32> {
        Held { service: SERVICE, slot: Slot(slot), item }
    }

    #[test]
    fn a_pseudonym_is_given_out_once() {
        let mut wallet = Wallet::default();
        wallet.put([held(3, 1), held(3, 2), held(4, 3)]);
        assert_eq!(wallet.take(SERVICE, Slot(3)).map(|held| held.item), Some(1));
        assert_eq!(wallet.take(SERVICE, Slot(3)).map(|held| held.item), Some(2));
        assert_eq!(wallet.take(SERVICE, Slot(3)), None);
        assert_eq!(wallet.take(ServiceId(8), Slot(4)), None);
        assert_eq!(wallet.expired(Slot(4)), vec![]);
        assert_eq!(wallet.expired(Slot(5)).len(), 1);
    }

    #[test]
    fn what_is_missing_is_asked_for_by_epoch() {
        let number = |number| NonZero::new(number).unwrap();
        let schedule = Schedule {
            origin: Seconds(0),
            slot_seconds: number(100),
            slots_per_epoch: number(4),
            certificates_per_slot: number(2),
        };
        let mut wallet = Wallet::default();
        wallet.put([held(2, 1), held(3, 2)]);
        let missing = wallet.missing(&[SERVICE], &schedule, Seconds(250), 2);
        let ask = |epoch, slots: &[u32]| Missing {
            service: SERVICE,
            epoch: Epoch(epoch),
            slots: slots.iter().copied().map(Slot).collect(),
        };
        assert_eq!(missing, vec![ask(0, &[3]), ask(1, &[4, 4])]);
    }
}
