//! When to change, and how long to be silent in between.
//!
//! Nodes change together, around times that all of them know: a change that nobody else makes at its time hides nothing. Around
//! a common time the end of the silence is drawn without regard to its begin, so that who falls silent first says nothing of
//! who speaks first.

use rand_core::CryptoRng;

use crate::clock_floor::Now;
use crate::identity::{Micros, Seconds};

/// How a node changes pseudonyms. All spans are in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// No AE's request counts before a pseudonym was used for this long.
    pub dwell_min_ms: u64,
    /// A pseudonym is changed after this long, if the node also travelled `distance_m`.
    pub dwell_max_ms: u64,
    /// In metres; zero for nodes that stay where they are.
    pub distance_m: u64,
    /// Around a common time, silence begins within this long before `silence_min_ms` before it, and ends within this long after
    /// it. Half of what lies between `silence_min_ms` and `silence_max_ms` keeps the silence within the two.
    pub jitter_ms: u64,
    /// Silent at least this long.
    pub silence_min_ms: u64,
    /// Silent at most this long after a change at another time.
    pub silence_max_ms: u64,
    /// An AE whose messages protect people is never silenced for longer than this.
    pub safety_silence_max_ms: u64,
}

impl Default for RotationPolicy {
    /// A minute's dwell at least, silence of 3 to 13 s, and of 1 s at most where it protects people.
    fn default() -> Self {
        Self {
            dwell_min_ms: 60_000,
            dwell_max_ms: 600_000,
            distance_m: 0,
            jitter_ms: 5_000,
            silence_min_ms: 3_000,
            silence_max_ms: 13_000,
            safety_silence_max_ms: 1_000,
        }
    }
}

/// Why a change is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The slot is about to end.
    SlotEnd,
    /// Long enough and far enough.
    TimeAndDistance,
    /// An AE asked.
    Requested,
}

/// Where in a change the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Messages are signed.
    Speaking,
    /// What is signed goes out; nothing more is signed.
    Draining,
    /// Nothing leaves. The swap of everything that identifies happens in here.
    Silent {
        /// When it began.
        since: Micros,
        /// When it ends.
        until: Micros,
    },
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Within the minimum dwell.
    #[error("pseudonym may be changed from {0} µs on")]
    TooSoon(Micros),
    /// Another phase than the step belongs to.
    #[error("a change of pseudonym is in another phase")]
    Phase,
}

/// The present pseudonym's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    policy: RotationPolicy,
    phase: Phase,
    since: Micros,
    /// When all nodes change next.
    common: Micros,
    /// When this one falls silent for it.
    slot_change: Micros,
    requested: bool,
}

impl Rotation {
    /// Starts with the first pseudonym after boot, in silence: a node that restarts does not go on where it stopped.
    pub fn boot(policy: RotationPolicy, now: Now, slot_end: Seconds, rng: &mut impl CryptoRng) -> Self {
        let mut rotation = Self {
            policy,
            phase: Phase::Draining,
            since: now.micros(),
            common: slot_end.into(),
            slot_change: slot_end.into(),
            requested: false,
        };
        rotation.be_silent(now, rng);
        rotation
    }

    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// An AE would like a change now.
    ///
    /// # Errors
    /// [`RotationError::TooSoon`] within the minimum dwell, so that no AE can silence the others;
    /// [`RotationError::Phase`] during a change.
    pub fn request(&mut self, now: Now) -> Result<(), RotationError> {
        let allowed = after(self.since, self.policy.dwell_min_ms);
        match self.phase {
            Phase::Speaking if now.micros() >= allowed => {
                self.requested = true;
                Ok(())
            }
            Phase::Speaking => Err(RotationError::TooSoon(allowed)),
            _ => Err(RotationError::Phase),
        }
    }

    /// Whether a change is due, and why.
    #[must_use]
    pub fn due(&self, now: Now, travelled_m: u64) -> Option<Trigger> {
        if self.phase != Phase::Speaking {
            return None;
        }
        let long_enough = now.micros() >= after(self.since, self.policy.dwell_max_ms);
        if now.micros() >= self.slot_change {
            Some(Trigger::SlotEnd)
        } else if long_enough && travelled_m >= self.policy.distance_m {
            Some(Trigger::TimeAndDistance)
        } else {
            self.requested.then_some(Trigger::Requested)
        }
    }

    /// Stops signing; what is signed goes out.
    ///
    /// # Errors
    /// [`RotationError::Phase`].
    pub fn drain(&mut self) -> Result<(), RotationError> {
        if self.phase != Phase::Speaking {
            return Err(RotationError::Phase);
        }
        self.phase = Phase::Draining;
        Ok(())
    }

    /// Everything signed is out, associations are closed: silence begins.
    ///
    /// # Errors
    /// [`RotationError::Phase`].
    pub fn drained(&mut self, now: Now, rng: &mut impl CryptoRng) -> Result<(), RotationError> {
        if self.phase != Phase::Draining {
            return Err(RotationError::Phase);
        }
        self.be_silent(now, rng);
        Ok(())
    }

    /// The swap is done and the silence over: speaks under the new pseudonym until about `slot_end`, the next time at which all
    /// nodes change. A message that protects people may end the silence early.
    ///
    /// # Errors
    /// [`RotationError::TooSoon`] before the end of the silence, [`RotationError::Phase`].
    pub fn speak(
        &mut self,
        now: Now,
        slot_end: Seconds,
        safety: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RotationError> {
        let Phase::Silent { since, until } = self.phase else { return Err(RotationError::Phase) };
        let until = if safety { until.min(after(since, self.policy.safety_silence_max_ms)) } else { until };
        if now.micros() < until {
            return Err(RotationError::TooSoon(until));
        }
        let before_us = us(self.policy.silence_min_ms).saturating_add(between(0, us(self.policy.jitter_ms), rng));
        self.common = slot_end.into();
        self.slot_change = Micros(self.common.0.saturating_sub(before_us));
        self.phase = Phase::Speaking;
        self.since = now.micros();
        self.requested = false;
        Ok(())
    }

    fn be_silent(&mut self, now: Now, rng: &mut impl CryptoRng) {
        let (since, policy) = (now.micros(), &self.policy);
        let until = if (self.slot_change..self.common).contains(&since) {
            let end = self.common.0.saturating_add(between(0, us(policy.jitter_ms), rng));
            Micros(end).max(after(since, policy.silence_min_ms))
        } else {
            let length_us = between(us(policy.silence_min_ms), us(policy.silence_max_ms), rng);
            Micros(since.0.saturating_add(length_us))
        };
        self.phase = Phase::Silent { since, until };
    }
}

fn us(ms: u64) -> u64 {
    ms.saturating_mul(1000)
}

fn after(start: Micros, span_ms: u64) -> Micros {
    Micros(start.0.saturating_add(us(span_ms)))
}

/// A random number from `least` to `most`. The bias of the remainder is below 2^-30 for spans of hours.
fn between(least: u64, most: u64, rng: &mut impl CryptoRng) -> u64 {
    let span = most.saturating_sub(least).saturating_add(1).max(1);
    least.saturating_add(rng.next_u64() % span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock_floor::ClockFloor;
    use crate::dev::RepeatableRng;

    const START: Seconds = Seconds(1_000_000);

    fn now(after_ms: u64) -> Now {
        let floor = ClockFloor { time: START, ..ClockFloor::default() };
        floor.admit(Micros(Micros::from(START).0 + after_ms * 1000)).unwrap()
    }

    fn speaking() -> (Rotation, RepeatableRng) {
        let mut rng = RepeatableRng::new("rotation");
        let mut rotation = Rotation::boot(RotationPolicy::default(), now(0), START.plus(3600), &mut rng);
        rotation.speak(now(13_000), START.plus(3600), false, &mut rng).unwrap();
        (rotation, rng)
    }

    #[test]
    fn no_ae_can_silence_the_others_by_asking() {
        let (mut rotation, _) = speaking();
        assert!(matches!(rotation.request(now(72_999)), Err(RotationError::TooSoon(_))));
        assert_eq!(rotation.due(now(73_000), 0), None);
        assert_eq!(rotation.request(now(73_000)), Ok(()));
        assert_eq!(rotation.due(now(73_000), 0), Some(Trigger::Requested));
    }

    #[test]
    fn a_change_comes_before_the_slot_ends_and_after_the_longest_dwell() {
        let (rotation, _) = speaking();
        assert_eq!(rotation.due(now(600_000), 0), None);
        assert_eq!(rotation.due(now(613_000), 0), Some(Trigger::TimeAndDistance));
        assert_eq!(rotation.due(now(3_600_000), 0), Some(Trigger::SlotEnd));
    }

    /// Silence begins 3 to 8 s before the common time and ends up to 5 s after it, the one drawn without the other.
    #[test]
    fn around_a_common_time_the_end_of_silence_says_nothing_of_its_begin() {
        let common = u64::from(3600_u16) * 1000;
        let mut drawn = Vec::new();
        for round in 0..200 {
            let mut rng = RepeatableRng::new(&format!("common {round}"));
            let mut rotation = Rotation::boot(RotationPolicy::default(), now(0), START.plus(3600), &mut rng);
            rotation.speak(now(13_000), START.plus(3600), false, &mut rng).unwrap();
            let begin =
                (common - 9_000..common).find(|ms| rotation.due(now(*ms), 0) == Some(Trigger::SlotEnd)).unwrap();
            rotation.drain().unwrap();
            rotation.drained(now(begin), &mut rng).unwrap();
            let Phase::Silent { until, .. } = rotation.phase() else { panic!("it is silent") };
            let end = (until.0 - Micros::from(START).0) / 1000;
            assert!((common - 8_000..=common - 3_000).contains(&begin) && (common..=common + 5_000).contains(&end));
            drawn.push((begin as f64, end as f64));
        }
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| drawn.iter().map(of).sum::<f64>() / drawn.len() as f64;
        let (begin, end) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
        let covariance = mean(&|pair| (pair.0 - begin) * (pair.1 - end));
        let spread = mean(&|pair| (pair.0 - begin).powi(2)).sqrt() * mean(&|pair| (pair.1 - end).powi(2)).sqrt();
        assert!((covariance / spread).abs() < 0.2, "{}", covariance / spread);
    }

    #[test]
    fn silence_lasts_3_to_13_seconds_unless_people_depend_on_it() {
        for round in 0..50 {
            let (mut rotation, _) = speaking();
            let mut rng = RepeatableRng::new(&format!("silence {round}"));
            assert_eq!(rotation.drained(now(20_000), &mut rng), Err(RotationError::Phase));
            rotation.drain().unwrap();
            rotation.drained(now(20_000), &mut rng).unwrap();
            assert!(rotation.clone().speak(now(22_999), START.plus(3600), false, &mut rng).is_err());
            assert_eq!(rotation.clone().speak(now(21_000), START.plus(3600), true, &mut rng), Ok(()));
            assert_eq!(rotation.speak(now(33_000), START.plus(3600), false, &mut rng), Ok(()));
            assert_eq!(rotation.phase(), Phase::Speaking);
        }
    }
}
