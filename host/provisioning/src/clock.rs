//! What time it is and chance, from outside: tests turn the hands themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use m2m_trust::identity::Micros;
use rand_core::{Rng, UnwrapErr};

/// The wall clock of the node. Nobody vouches for it: what it shows is checked against the floor before it counts.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970.
    fn now(&self) -> Micros;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        // Before 1970 is below every floor, as zero is.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Random numbers of the operating system. Without them nothing here may go on, so a failure there is the end.
pub(crate) type SystemRng = UnwrapErr<SysRng>;

/// A source of random numbers.
pub(crate) fn rng() -> SystemRng {
    UnwrapErr(SysRng)
}

/// A random number below `bound`, zero for zero. The bias is below 2^-32 for bounds that fit 32 bits.
pub(crate) fn below(bound: u64) -> u64 {
    rng().next_u64().checked_rem(bound).unwrap_or_default()
}
