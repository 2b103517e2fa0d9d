//! How long an authority remembers.

use m2m_trust::bundle::Schedule;
use m2m_trust::identity::{Epoch, Seconds, Slot};

use crate::store::Keep;

/// Of a request of `epoch`: reply, nonce and quota to its end, records `epochs` longer.
pub(crate) fn keep(schedule: &Schedule, epoch: Epoch, epochs: u32) -> Keep {
    Keep { replies_until: end(schedule, epoch), records_until: end(schedule, Epoch(epoch.0.saturating_add(epochs))) }
}

/// Of a revoked batch: on the list to the end of its last slot, its order `epochs` longer than that slot's epoch.
pub(crate) fn keep_revoked(schedule: &Schedule, last_slot: Slot, epochs: u32) -> Keep {
    let last_epoch = schedule.epoch(last_slot);
    Keep {
        replies_until: schedule.window(last_slot).1,
        records_until: end(schedule, Epoch(last_epoch.0.saturating_add(epochs))),
    }
}

fn end(schedule: &Schedule, epoch: Epoch) -> Seconds {
    let next = epoch.0.saturating_add(1).saturating_mul(schedule.slots_per_epoch.get());
    schedule.window(Slot(next)).0
}

#[cfg(test)]
mod tests {
    use m2m_trust::bundle::NonZero;

    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        let number = |number| NonZero::new(number).unwrap();
        let schedule = Schedule {
            origin: Seconds(1000),
            slot_seconds: number(10),
            slots_per_epoch: number(6),
            certificates_per_slot: number(4),
        };
        let kept = keep(&schedule, Epoch(2), 1);
        assert_eq!(kept, Keep { replies_until: Seconds(1180), records_until: Seconds(1240) });
        assert_eq!(schedule.epoch_at(Seconds(1179)), Epoch(2));
        assert_eq!(schedule.epoch_at(Seconds(1180)), Epoch(3));
        let revoked = keep_revoked(&schedule, Slot(13), 1);
        assert_eq!(revoked, Keep { replies_until: Seconds(1140), records_until: Seconds(1240) });
    }
}
