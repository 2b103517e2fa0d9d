//! Slots: periods of validity that all nodes share, so that the times in a certificate tell nobody apart.

use crate::codec::{Cbor, message};
use crate::identity::{Epoch, Seconds, Slot};

message! {
    /// How time is divided. Slots follow each other without gap or overlap.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub array Schedule {
        /// The start of slot 0.
        pub origin: Seconds,
        /// The length of a slot, 3600 unless chosen otherwise; never zero.
        pub slot_seconds: NonZero,
        /// Slots in an epoch; never zero.
        pub slots_per_epoch: NonZero,
        /// Certificates that a node holds for one service in one slot, 4 unless chosen otherwise; never zero.
        pub certificates_per_slot: NonZero,
    }
}

/// A number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonZero(pub std::num::NonZeroU32);

impl NonZero {
    /// `None` for zero.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        std::num::NonZeroU32::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl Cbor for NonZero {
    fn to_value(&self) -> ciborium::Value {
        self.get().to_value()
    }

    fn from_value(value: ciborium::Value, field: &'static str) -> Result<Self, crate::codec::Malformed> {
        Self::new(u32::from_value(value, field)?)
            .ok_or(crate::codec::Malformed::Unexpected { field, expected: "a number from 1" })
    }
}

impl Schedule {
    /// The slot that a time falls into; slot 0 before the origin.
    #[must_use]
    pub fn slot(&self, time: Seconds) -> Slot {
        let passed = time.0.saturating_sub(self.origin.0) / u64::from(self.slot_seconds.get());
        Slot(u32::try_from(passed).unwrap_or(u32::MAX))
    }

    /// First second of the slot, and the first second after it: `nbf` and `exp` of every certificate of the slot.
    #[must_use]
    pub fn window(&self, slot: Slot) -> (Seconds, Seconds) {
        let length = u64::from(self.slot_seconds.get());
        let start = self.origin.plus(length.saturating_mul(u64::from(slot.0)));
        (start, start.plus(length))
    }

    /// The epoch that a slot belongs to.
    #[must_use]
    pub fn epoch(&self, slot: Slot) -> Epoch {
        Epoch(slot.0 / self.slots_per_epoch.get())
    }

    /// The epoch of a time.
    #[must_use]
    pub fn epoch_at(&self, time: Seconds) -> Epoch {
        self.epoch(self.slot(time))
    }
}
