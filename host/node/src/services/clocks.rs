//! Time in steps of a millisecond: enough for an application, too coarse to time a refusal.

use std::time::{Duration, Instant};

use crate::capability::Permit;
use crate::capability::operation::ReadClock;
use crate::transport::message::now_ms;

/// The step, in milliseconds.
pub(crate) const RESOLUTION_MS: u64 = 1;

/// What WASI's timers count by; reading it is decided where it is shadowed (`host_calls/clocks.rs`).
impl wasmtime_wasi::HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        RESOLUTION_MS * 1_000_000
    }

    fn now(&self) -> u64 {
        let elapsed = self.started.elapsed();
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
    }
}

/// Both clocks of an AE. The monotonic one starts at 0 with the AE, so that it says nothing about the node.
#[derive(Debug, Clone)]
pub(crate) struct CoarseClock {
    started: Instant,
}

impl CoarseClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// Since 1970.
    pub(crate) fn wall(&self, _permit: &Permit<ReadClock>) -> Duration {
        Duration::from_millis(now_ms())
    }

    /// Since the AE was started.
    pub(crate) fn monotonic(&self, _permit: &Permit<ReadClock>) -> Duration {
        let elapsed = self.started.elapsed();
        Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}
