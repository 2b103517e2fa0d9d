//! What a relay logs: how much it passed on, not what, for whom or when exactly.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// A number that goes up.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Since the last line of the log.
#[derive(Debug, Default)]
pub struct Counts {
    pub(crate) authorizations: Count,
    pub(crate) revocations: Count,
    pub(crate) bundles: Count,
    pub(crate) unanswered: Count,
}

/// A line of the log.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Passed {
    event: &'static str,
    authorizations: u64,
    revocations: u64,
    bundles: u64,
    unanswered: u64,
}

impl Counts {
    /// What was counted since the last call; `None` where it was nothing.
    pub(crate) fn take(&self) -> Option<Passed> {
        let passed = Passed {
            event: "passed-on",
            authorizations: self.authorizations.take(),
            revocations: self.revocations.take(),
            bundles: self.bundles.take(),
            unanswered: self.unanswered.take(),
        };
        let any = passed.authorizations + passed.revocations + passed.bundles + passed.unanswered > 0;
        any.then_some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_passed_on_since_the_last_one() {
        let counts = Counts::default();
        assert_eq!(counts.take(), None);
        counts.authorizations.one_more();
        counts.unanswered.one_more();
        let passed = Passed { event: "passed-on", authorizations: 1, revocations: 0, bundles: 0, unanswered: 1 };
        assert_eq!(counts.take(), Some(passed));
        assert_eq!(counts.take(), None);
    }
}
