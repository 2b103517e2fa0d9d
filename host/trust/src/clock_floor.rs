//! What never goes back: the last authenticated time, CRL number, bundle version and epoch.
//!
//! The Secure Environment keeps the floor. Where it keeps it in a file, whoever can put back the whole disk can put
//! back the floor too; only a hardware counter notices that.

use crate::codec::message;
use crate::identity::{AuthorityId, Epoch, Micros, Seconds};

/// How long after the last authenticated time the local clock is still believed, in seconds: 90 days. A link can be down
/// for weeks; a clock that ran ahead for longer than that is wrong.
pub const UNSYNCHRONISED_SECONDS_MAX: u64 = 90 * 24 * 3600;

message! {
    /// The highest values seen.
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub struct ClockFloor {
        /// The last authenticated time; zero when there never was one.
        1 => pub time: Seconds,
        /// The highest number of each AA's revocation list.
        2 => pub crls: Vec<CrlFloor>,
        /// The version of the installed trust bundle.
        3 => pub bundle_version: u64,
        /// The highest epoch that an authority named.
        4 => pub epoch: Epoch,
    }
}

message! {
    /// The highest number of one AA's revocation list.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array CrlFloor {
        /// The AA.
        pub issuer: AuthorityId,
        /// The highest number seen.
        pub sequence: u64,
    }
}

/// A time that was checked against the floor. Whatever depends on time asks for this type, so that it cannot be done
/// with a clock that nobody has vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(Micros);

impl Now {
    /// With microseconds.
    #[must_use]
    pub fn micros(self) -> Micros {
        self.0
    }

    /// Whole seconds.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        self.0.seconds()
    }
}

/// Something went back, or nothing was ever known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FloorError {
    /// No authority has told the time yet: enrol first.
    #[error("the clock was never synchronised; only enrolment can go on")]
    NeverSynchronised,
    /// The clock shows a time before the last authenticated one.
    #[error("the clock shows {now}, before the last authenticated time {floor}")]
    ClockBehind {
        /// What the clock shows.
        now: Seconds,
        /// The last authenticated time.
        floor: Seconds,
    },
    /// The clock is further ahead of the last authenticated time than any outage explains.
    #[error("the clock shows {now}, more than 90 days after the last authenticated time {floor}")]
    ClockAhead {
        /// What the clock shows.
        now: Seconds,
        /// The last authenticated time.
        floor: Seconds,
    },
    /// An authority's time before one already authenticated.
    #[error("authenticated time {offered} is before {floor}")]
    TimeRollback {
        /// What was offered.
        offered: Seconds,
        /// The floor.
        floor: Seconds,
    },
    /// A revocation list older than one already seen.
    #[error("revocation list {offered} is older than {floor}")]
    CrlRollback {
        /// What was offered.
        offered: u64,
        /// The floor.
        floor: u64,
    },
    /// A trust bundle older than the installed one.
    #[error("trust bundle {offered} is older than {floor}")]
    BundleRollback {
        /// What was offered.
        offered: u64,
        /// The floor.
        floor: u64,
    },
    /// An epoch before one already named.
    #[error("epoch {offered} is before {floor}")]
    EpochRollback {
        /// What was offered.
        offered: Epoch,
        /// The floor.
        floor: Epoch,
    },
}

impl ClockFloor {
    /// Checks what the local clock shows.
    ///
    /// # Errors
    /// [`FloorError::NeverSynchronised`], [`FloorError::ClockBehind`], [`FloorError::ClockAhead`].
    pub fn admit(&self, clock: Micros) -> Result<Now, FloorError> {
        let (now, floor) = (clock.seconds(), self.time);
        if floor == Seconds(0) {
            return Err(FloorError::NeverSynchronised);
        }
        if now < floor {
            return Err(FloorError::ClockBehind { now, floor });
        }
        if now > floor.plus(UNSYNCHRONISED_SECONDS_MAX) {
            return Err(FloorError::ClockAhead { now, floor });
        }
        Ok(Now(clock))
    }

    /// Raises the time.
    ///
    /// # Errors
    /// [`FloorError::TimeRollback`].
    pub fn raise_time(&mut self, offered: Seconds) -> Result<(), FloorError> {
        raise(&mut self.time, offered, |offered, floor| FloorError::TimeRollback { offered, floor })
    }

    /// Raises the number of an AA's revocation list.
    ///
    /// # Errors
    /// [`FloorError::CrlRollback`].
    pub fn raise_crl(&mut self, issuer: &AuthorityId, offered: u64) -> Result<(), FloorError> {
        match self.crls.iter_mut().find(|crl| crl.issuer == *issuer) {
            Some(crl) => raise(&mut crl.sequence, offered, |offered, floor| FloorError::CrlRollback { offered, floor }),
            None => {
                self.crls.push(CrlFloor { issuer: issuer.clone(), sequence: offered });
                Ok(())
            }
        }
    }

    /// Raises the version of the trust bundle.
    ///
    /// # Errors
    /// [`FloorError::BundleRollback`].
    pub fn raise_bundle(&mut self, offered: u64) -> Result<(), FloorError> {
        raise(&mut self.bundle_version, offered, |offered, floor| FloorError::BundleRollback { offered, floor })
    }

    /// Raises the epoch.
    ///
    /// # Errors
    /// [`FloorError::EpochRollback`].
    pub fn raise_epoch(&mut self, offered: Epoch) -> Result<(), FloorError> {
        raise(&mut self.epoch, offered, |offered, floor| FloorError::EpochRollback { offered, floor })
    }
}

fn raise<T: Copy + Ord>(floor: &mut T, offered: T, error: impl Fn(T, T) -> FloorError) -> Result<(), FloorError> {
    if offered < *floor {
        return Err(error(offered, *floor));
    }
    *floor = offered;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_only_between_the_floor_and_the_longest_outage() {
        let floor = Seconds(1_000_000);
        let mut state = ClockFloor::default();
        assert_eq!(state.admit(floor.into()), Err(FloorError::NeverSynchronised));
        state.raise_time(floor).unwrap();
        assert_eq!(state.admit(floor.into()).map(Now::seconds), Ok(floor));
        let now = Seconds(999_999);
        assert_eq!(state.admit(Micros(999_999_999_999)), Err(FloorError::ClockBehind { now, floor }));
        let now = floor.plus(UNSYNCHRONISED_SECONDS_MAX);
        assert!(state.admit(now.into()).is_ok());
        let now = now.plus(1);
        assert_eq!(state.admit(now.into()), Err(FloorError::ClockAhead { now, floor }));
    }

    #[test]
    fn nothing_goes_back() {
        let aa = AuthorityId::parse("aa").unwrap();
        let mut state = ClockFloor { time: Seconds(9), crls: Vec::new(), bundle_version: 9, epoch: Epoch(9) };
        assert_eq!(state.raise_time(Seconds(9)), Ok(()));
        let back = FloorError::TimeRollback { offered: Seconds(8), floor: Seconds(9) };
        assert_eq!(state.raise_time(Seconds(8)), Err(back));
        assert_eq!(state.raise_crl(&aa, 10), Ok(()));
        assert_eq!(state.raise_crl(&aa, 9), Err(FloorError::CrlRollback { offered: 9, floor: 10 }));
        assert_eq!(state.raise_crl(&AuthorityId::parse("other-aa").unwrap(), 1), Ok(()));
        assert_eq!(state.raise_bundle(8), Err(FloorError::BundleRollback { offered: 8, floor: 9 }));
        let back = FloorError::EpochRollback { offered: Epoch(1), floor: Epoch(9) };
        assert_eq!(state.raise_epoch(Epoch(1)), Err(back));
    }
}
