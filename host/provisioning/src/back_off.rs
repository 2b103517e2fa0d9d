//! When to try an authority again: exponential back-off with full jitter, so that nodes that lost an authority together do not
//! come back together.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// The first wait lies below this.
const BASE: Duration = Duration::from_secs(1);
/// No wait is longer, unless the authority asks for it.
const CAP: Duration = Duration::from_secs(300);
/// No wait is shorter.
const LEAST: Duration = Duration::from_millis(50);
/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// After a refusal that only people can lift.
const SLOW: Duration = Duration::from_secs(3600);

/// Towards one authority.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
    not_before: Option<Instant>,
}

impl BackOff {
    /// It answered as it should.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not; `retry_after` is what it asked for.
    pub(crate) fn failed(&mut self, retry_after: Option<Duration>) {
        let ceiling = BASE.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(CAP);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        self.wait(asked + LEAST.max(jitter(ceiling)));
    }

    /// It said no; time alone is unlikely to help.
    pub(crate) fn refused(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.wait(SLOW / 2 + jitter(SLOW / 2));
    }

    /// How long until the next try, zero for now.
    pub(crate) fn remaining(&self) -> Duration {
        self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether a try may be made now.
    pub(crate) fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }

    fn wait(&mut self, span: Duration) {
        self.not_before = Instant::now().checked_add(span);
    }
}

/// A random span below `bound`.
pub(crate) fn jitter(bound: Duration) -> Duration {
    Duration::from_millis(clock::below(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_the_cap_and_end_with_success() {
        for _ in 0..20 {
            let mut back_off = BackOff::default();
            assert!(back_off.is_over());
            back_off.failed(None);
            assert!(!back_off.is_over() && back_off.remaining() <= BASE);
            (0..40).for_each(|_| back_off.failed(None));
            assert!(back_off.remaining() <= CAP);
            back_off.succeeded();
            assert!(back_off.is_over());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_authority_asks_for_is_honoured_within_reason() {
        let mut back_off = BackOff::default();
        back_off.failed(Some(Duration::from_secs(120)));
        assert!(back_off.remaining() >= Duration::from_secs(120));
        back_off.failed(Some(Duration::from_secs(10 * 24 * 3600)));
        assert!(back_off.remaining() <= RETRY_AFTER_MAX + CAP);
        back_off.refused();
        assert!(back_off.remaining() >= SLOW / 2 && back_off.remaining() <= SLOW);
    }
}
