//! Openings of others that were answered and not confirmed yet.

use std::collections::VecDeque;

use m2m_trust::association::{AssociationId, AwaitingConfirmation};
use m2m_trust::clock_floor::Now;
use m2m_trust::identity::{Micros, ServiceId};

use crate::speech::Refused;

/// The most unfinished handshakes; the oldest makes room.
pub(in crate::speech) const HALF_OPEN_MAX: usize = 64;
/// How long a confirmation is waited for, in microseconds.
const CONFIRMATION_US: u64 = 5_000_000;
/// Openings that are answered in a second, and at once after a pause.
pub(in crate::speech) const OPENINGS_PER_SECOND: u64 = 64;

#[derive(Default)]
pub(super) struct Answering {
    half_open: VecDeque<HalfOpen>,
    rate: Rate,
}

struct HalfOpen {
    id: AssociationId,
    service: ServiceId,
    awaiting: AwaitingConfirmation,
    since: Micros,
}

/// A bucket that fills with time and gives one of its tokens to each opening.
#[derive(Default)]
struct Rate {
    used_us: u64,
    at: Micros,
}

impl Answering {
    /// Whether another opening may cost an answer.
    pub(super) fn admit(&mut self, now: Now) -> Result<(), Refused> {
        if self.rate.take(now) { Ok(()) } else { Err(Refused::TooManyOpenings) }
    }

    pub(super) fn insert(&mut self, service: ServiceId, awaiting: AwaitingConfirmation, now: Now) {
        if self.half_open.len() >= HALF_OPEN_MAX {
            self.half_open.pop_front();
        }
        self.half_open.push_back(HalfOpen { id: awaiting.id(), service, awaiting, since: now.micros() });
    }

    pub(super) fn contains(&self, id: AssociationId) -> bool {
        self.half_open.iter().any(|half_open| half_open.id == id)
    }

    /// Takes the handshake that a confirmation is for, with the service that it is about.
    pub(super) fn confirmed(&mut self, id: AssociationId) -> Option<(ServiceId, AwaitingConfirmation)> {
        let index = self.half_open.iter().position(|half_open| half_open.id == id)?;
        self.half_open.remove(index).map(|half_open| (half_open.service, half_open.awaiting))
    }

    pub(super) fn expire(&mut self, now: Now) {
        self.half_open.retain(|half_open| now.micros().0 < half_open.since.0.saturating_add(CONFIRMATION_US));
    }
}

impl Rate {
    fn take(&mut self, now: Now) -> bool {
        let now = now.micros();
        let (cost, capacity) = (1_000_000 / OPENINGS_PER_SECOND, 1_000_000);
        self.used_us = self.used_us.saturating_sub(now.0.saturating_sub(self.at.0));
        self.at = self.at.max(now);
        if self.used_us + cost > capacity {
            return false;
        }
        self.used_us += cost;
        true
    }
}
