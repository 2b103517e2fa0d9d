//! What one partition may take, so that it cannot starve the others.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::Error;

/// Counts and rates. Sizes are fixed: see [`REQUEST_BYTES_MAX`](crate::REQUEST_BYTES_MAX) and its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Partitions in all.
    pub partitions: usize,
    /// Named keys of one partition.
    pub keys: usize,
    /// Open handles of one partition. Two batches of 192 pseudonyms with two keys each take 768.
    pub handles: usize,
    /// Sessions of one partition, under way or established.
    pub sessions: usize,
    /// Versions of one key.
    pub versions: usize,
    /// Operations of one partition, closing handles aside. As many may come at once after a quiet second.
    pub operations_per_second: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partitions: 131_072,
            keys: 256,
            handles: 1_024,
            sessions: 512,
            versions: 64,
            operations_per_second: const { NonZeroU32::new(50_000).unwrap() },
        }
    }
}

/// A token bucket without a lock: it keeps the time at which the bucket is full again (the generic cell rate algorithm of ITU-T
/// I.371).
pub(crate) struct Rate {
    interval_ns: u64,
    burst_ns: u64,
    full_at_ns: AtomicU64,
}

impl Rate {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let second_ns = 1_000_000_000;
        let interval_ns = second_ns / u64::from(per_second.get());
        // A whole number of tokens, lest the last one be refused.
        Self { interval_ns, burst_ns: interval_ns * u64::from(per_second.get()), full_at_ns: AtomicU64::new(0) }
    }

    /// Takes a token.
    pub(crate) fn take(&self, now: Duration) -> Result<(), Error> {
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut full_at_ns = self.full_at_ns.load(Ordering::Relaxed);
        loop {
            let next_ns = full_at_ns.max(now_ns).saturating_add(self.interval_ns);
            let ahead_ns = next_ns.saturating_sub(now_ns);
            if ahead_ns > self.burst_ns {
                let wait_ms = (ahead_ns - self.burst_ns).div_ceil(1_000_000);
                return Err(Error::Exhausted { retry_ms: u32::try_from(wait_ms).unwrap_or(u32::MAX) });
            }
            match self.full_at_ns.compare_exchange_weak(full_at_ns, next_ns, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => full_at_ns = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_as_many_as_it_should_and_refills_steadily() {
        let rate = Rate::new(NonZeroU32::new(10).unwrap());
        let at = Duration::from_millis;
        for _ in 0..10 {
            assert_eq!(rate.take(at(5_000)), Ok(()));
        }
        assert_eq!(rate.take(at(5_000)), Err(Error::Exhausted { retry_ms: 100 }));
        assert_eq!(rate.take(at(5_099)), Err(Error::Exhausted { retry_ms: 1 }));
        assert_eq!(rate.take(at(5_100)), Ok(()));
        assert_eq!(rate.take(at(5_100)), Err(Error::Exhausted { retry_ms: 100 }));
        for _ in 0..10 {
            assert_eq!(rate.take(at(60_000)), Ok(()));
        }
        assert_eq!(rate.take(at(60_000)), Err(Error::Exhausted { retry_ms: 100 }));
    }
}
