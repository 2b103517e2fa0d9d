//! Rates of grants: a token bucket for each rule that has one. They belong to the AE, not to its instance, so that a crash
//! does not refill them.

use std::collections::HashMap;
use std::time::Instant;

use m2m_policy::{Rate, RuleId};

use super::Origin;

#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<Use, Bucket>,
}

/// Each operation under a rule has the rule's rate for itself: subscribing does not use up deliveries.
pub(super) type Use = (Origin, RuleId, &'static str);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Rates {
    /// Takes one use, or says in how many milliseconds there is one again.
    pub(super) fn take(&mut self, used: Use, rate: Rate, now: Instant) -> Result<(), u32> {
        let per_second = f64::from(rate.count.get()) / rate.per().as_secs_f64();
        let burst = f64::from(rate.count.get());
        let bucket = self.buckets.entry(used).or_insert(Bucket { tokens: burst, filled_at: now });
        let refilled = now.duration_since(bucket.filled_at).as_secs_f64() * per_second;
        bucket.tokens = (bucket.tokens + refilled).min(burst);
        bucket.filled_at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let seconds = (1.0 - bucket.tokens) / per_second;
        Err((seconds * 1_000.0).ceil().clamp(1.0, f64::from(u32::MAX)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use m2m_policy::Policy;

    use super::*;

    #[test]
    fn a_rate_is_a_burst_and_then_a_trickle() {
        let text = "ceiling = true\n[clocks]\nrate = \"2/s\"\nreason = \"test\"\n";
        let policy = Policy::parse("ceiling.toml", text).unwrap();
        let (rule, rate) = match policy.decide(&m2m_policy::Request::Clock).rule {
            Some(rule) => (rule, policy.rule(rule).rate().unwrap()),
            None => panic!("no rule"),
        };
        let (mut rates, start) = (Rates::default(), Instant::now());
        assert_eq!(rates.take((Origin::CapabilityFile, rule, "clocks.now"), rate, start), Ok(()));
        assert_eq!(rates.take((Origin::CapabilityFile, rule, "clocks.now"), rate, start), Ok(()));
        assert_eq!(rates.take((Origin::CapabilityFile, rule, "clocks.now"), rate, start), Err(500));
        assert_eq!(
            rates.take((Origin::Ceiling, rule, "clocks.now"), rate, start),
            Ok(()),
            "each file has buckets of its own"
        );
        let later = start + Duration::from_millis(500);
        assert_eq!(rates.take((Origin::CapabilityFile, rule, "clocks.now"), rate, later), Ok(()));
        assert_eq!(rates.take((Origin::CapabilityFile, rule, "clocks.now"), rate, later), Err(500));
    }
}
