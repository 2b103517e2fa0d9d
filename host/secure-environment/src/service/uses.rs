//! How often a key may still be used.

use std::sync::Mutex;

use super::lock;
use crate::Error;

/// Counts the uses of one key.
///
/// INVARIANT (uses never come back): before a use is granted, the store holds a count that includes it. The count is raised in
/// blocks, so a crash uses up at most a sixteenth of what the key had, and never more than 64.
pub(crate) struct Uses {
    limit: Option<Limited>,
}

struct Limited {
    max: u64,
    counter: Mutex<Counter>,
}

struct Counter {
    used: u64,
    /// What the store holds; never below `used`.
    reserved: u64,
}

impl Uses {
    /// A count that starts at `used`, of at most `max`.
    pub(crate) fn new(max: Option<u64>, used: u64) -> Self {
        let limit = max.map(|max| Limited { max, counter: Mutex::new(Counter { used, reserved: used }) });
        Self { limit }
    }

    /// Grants one use. `reserve` makes a raised count durable, every so often.
    pub(crate) fn take(&self, reserve: impl FnOnce(u64) -> Result<(), Error>) -> Result<(), Error> {
        let Some(limited) = &self.limit else { return Ok(()) };
        let mut counter = lock(&limited.counter);
        if counter.used >= counter.reserved {
            if counter.reserved >= limited.max {
                return Err(Error::UsesExhausted);
            }
            let block = (limited.max / 16).clamp(1, 64);
            let raised = counter.reserved.saturating_add(block).min(limited.max);
            reserve(raised)?;
            counter.reserved = raised;
        }
        counter.used += 1;
        Ok(())
    }

    /// Ends the count: what was reserved and not used goes back, if `Some`. Every later use has to be reserved anew.
    pub(crate) fn settle(&self) -> Option<u64> {
        let mut counter = lock(&self.limit.as_ref()?.counter);
        if counter.reserved == counter.used {
            return None;
        }
        counter.reserved = counter.used;
        Some(counter.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_reserved_in_blocks_and_end() {
        let uses = Uses::new(Some(40), 0);
        let mut reserved = Vec::new();
        for _ in 0..40 {
            uses.take(|count| {
                reserved.push(count);
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(reserved.len(), 20);
        assert_eq!(reserved.last(), Some(&40));
        assert_eq!(uses.take(|_| Ok(())), Err(Error::UsesExhausted));
    }

    #[test]
    fn a_use_that_cannot_be_reserved_is_not_granted() {
        let uses = Uses::new(Some(3), 0);
        for _ in 0..2 {
            assert_eq!(uses.take(|_| Err(Error::NotFound)), Err(Error::NotFound));
        }
        assert_eq!(uses.take(|_| Ok(())), Ok(()));
    }

    #[test]
    fn settling_gives_back_what_was_not_used() {
        let uses = Uses::new(Some(1_600), 10);
        uses.take(|count| {
            assert_eq!(count, 74);
            Ok(())
        })
        .unwrap();
        assert_eq!(uses.settle(), Some(11));
        assert_eq!(uses.settle(), None);
        assert_eq!(uses.take(|_| Err(Error::NotFound)), Err(Error::NotFound));
        assert_eq!(Uses::new(None, 0).settle(), None);
    }
}
