//! CPU time of a guest: a budget for one call, and a share over time.
//!
//! Counted in the time of the thread that runs the guest, so that a busy machine costs an AE nothing. Host calls stop the
//! meter of the budget: what the node does for an AE is not the AE's time. The share is charged with all of it, since a
//! guest can make the node work hard at little cost to itself; and past a multiple of the budget that ends the call, too.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::fault::Fault;

/// How long an AE may run ahead of its share: a burst is fine, a habit is not.
const SHARE_WINDOW: Duration = Duration::from_secs(4);

/// How many times its budget a call may cost the node in all, its host calls included.
const IN_ALL_FACTOR: u32 = 8;

const PATIENCE_MIN: Duration = Duration::from_secs(30);

/// Shared between a store's hooks and the future that waits while the guest is suspended.
#[derive(Debug, Clone)]
pub(crate) struct CpuMeter(Arc<Mutex<Meter>>);

#[derive(Debug)]
struct Meter {
    limit: Duration,
    used_in_call: Duration,
    /// With everything that the node did for it.
    used_in_all: Duration,
    /// The thread's CPU clock when the guest last began to run on it.
    running_since: Option<Duration>,
    share: Share,
}

/// A debt that shrinks with time: `share` of a core pays it back.
#[derive(Debug)]
struct Share {
    of_one_core: f64,
    debt: Duration,
    paid_until: Instant,
}

impl CpuMeter {
    pub(crate) fn new(limit: Duration, share_of_one_core: f64) -> Self {
        let share = Share { of_one_core: share_of_one_core, debt: Duration::ZERO, paid_until: Instant::now() };
        Self(Arc::new(Mutex::new(Meter {
            limit,
            used_in_call: Duration::ZERO,
            used_in_all: Duration::ZERO,
            running_since: None,
            share,
        })))
    }

    pub(crate) fn begin_call(&self) {
        self.with(|meter| {
            meter.used_in_call = Duration::ZERO;
            meter.used_in_all = Duration::ZERO;
            meter.running_since = None;
        });
    }

    /// The guest begins or goes on to run, on this thread.
    pub(crate) fn enter(&self) {
        self.with(|meter| meter.running_since = Some(thread_time()));
    }

    /// The guest stops running: it returned, called the host, or is suspended.
    pub(crate) fn leave(&self) {
        self.with(Meter::leave);
    }

    /// The fault of this call, once it has used more than it may.
    pub(crate) fn overrun(&self) -> Option<Fault> {
        self.with(|meter| {
            let limit_ms = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            let in_all = meter.limit * IN_ALL_FACTOR;
            match meter {
                meter if meter.used_in_call > meter.limit => {
                    Some(Fault::CpuPerMessage { limit_ms: limit_ms(meter.limit) })
                }
                meter if meter.used_in_all > in_all => Some(Fault::CpuInAll { limit_ms: limit_ms(in_all) }),
                _ => None,
            }
        })
    }

    /// Runs a call into the guest, and charges all CPU time that it takes, wherever it is spent.
    pub(crate) async fn charge<F: Future>(&self, call: F) -> F::Output {
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(|context| {
            let begun = thread_time();
            let polled = call.as_mut().poll(context);
            let ran = thread_time().saturating_sub(begun);
            self.with(|meter| {
                meter.used_in_all += ran;
                meter.share.charge(ran, Instant::now());
            });
            polled
        })
        .await
    }

    /// How long a call may last by the clock on the wall: far longer than its budget takes at its share, so that only what
    /// waits for something that never comes is cut off.
    pub(crate) fn patience(&self) -> Duration {
        self.with(|meter| PATIENCE_MIN + (meter.limit * IN_ALL_FACTOR).div_f64(meter.share.of_one_core))
    }

    /// How long to wait until the AE is back within its share.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.with(|meter| meter.share.pause(Instant::now()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Meter) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Meter {
    fn leave(&mut self) {
        if let Some(since) = self.running_since.take() {
            let ran = thread_time().saturating_sub(since);
            self.used_in_call += ran;
        }
    }
}

impl Share {
    fn charge(&mut self, ran: Duration, now: Instant) {
        self.pay(now);
        self.debt += ran;
    }

    fn pay(&mut self, now: Instant) {
        let paid = now.duration_since(self.paid_until).mul_f64(self.of_one_core);
        self.debt = self.debt.saturating_sub(paid);
        self.paid_until = now;
    }

    /// Up to a window's worth of the share is free; past it the AE waits until it is back at the window.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        self.pay(now);
        let free = SHARE_WINDOW.mul_f64(self.of_one_core);
        let over = self.debt.checked_sub(free).filter(|over| !over.is_zero())?;
        Some(over.div_f64(self.of_one_core))
    }
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_within_the_window_is_free_and_a_habit_waits() {
        let start = Instant::now();
        let mut share = Share { of_one_core: 0.05, debt: Duration::ZERO, paid_until: start };
        share.charge(Duration::from_millis(200), start);
        assert_eq!(share.pause(start), None);
        share.charge(Duration::from_millis(50), start);
        assert_eq!(share.pause(start).map(|pause| pause.as_millis()), Some(1_000));
        assert_eq!(share.pause(start + Duration::from_secs(1)), None);
    }

    #[test]
    fn time_outside_the_guest_is_not_counted() {
        let meter = CpuMeter::new(Duration::from_millis(5), 1.0);
        meter.begin_call();
        meter.enter();
        meter.leave();
        burn(Duration::from_millis(10));
        assert_eq!(meter.overrun(), None);
        meter.enter();
        burn(Duration::from_millis(10));
        meter.leave();
        assert_eq!(meter.overrun(), Some(Fault::CpuPerMessage { limit_ms: 5 }));
    }

    #[tokio::test]
    async fn what_the_node_does_for_a_guest_is_charged_to_its_share_and_bounded() {
        let meter = CpuMeter::new(Duration::from_millis(2), 0.001);
        meter.begin_call();
        meter.charge(async { burn(Duration::from_millis(10)) }).await;
        assert_eq!(meter.overrun(), None, "host calls are not in the budget");
        assert!(meter.pause().is_some(), "and they are in the share");
        meter.charge(async { burn(Duration::from_millis(10)) }).await;
        assert_eq!(meter.overrun(), Some(Fault::CpuInAll { limit_ms: 16 }), "eight times the budget is the end");
    }

    fn burn(time: Duration) {
        let start = thread_time();
        while thread_time() - start < time {}
    }
}
