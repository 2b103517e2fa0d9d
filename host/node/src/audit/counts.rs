//! Counts of one AE's calls: cheap to add to, taken by the writer once a second.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::event::{Effect, Event};

/// Refused calls of one AE that are listed one by one within a second; the rest of that second is counted.
pub const DENIALS_LISTED_PER_SECOND: u32 = 20;

/// Up to so many rules a scan is quicker than hashing.
const SCAN_MAX: usize = 12;
/// Rule texts come from policies and are few. Past this, refused calls are counted without their rule.
const OTHER_MAX: usize = 4096;

/// A rule by number, as the policy knows it: 0 for the capability file or 1 for the node's ceiling, and its index there.
pub type RuleKey = (u8, u32);

/// How often an operation was answered so, since the AE's recorder was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total {
    /// The right.
    pub operation: &'static str,
    /// How it was answered.
    pub effect: Effect,
    /// `file:line` that decided.
    pub rule: Option<String>,
    /// How often.
    pub count: u64,
}

/// The counts of one AE.
pub(super) struct Counts {
    ae: Arc<str>,
    /// The writer knows that there is something to write.
    dirty: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Allowed calls, by rule number.
    allowed: Vec<Allowed>,
    /// Place in `allowed`, once that is longer than [`SCAN_MAX`].
    index: HashMap<(&'static str, Option<RuleKey>), usize>,
    /// Place of the entry that was used last: mostly the next one too.
    last: usize,
    /// All other calls.
    other: BTreeMap<Other, Tally>,
    /// The second in which `listed` refused calls were listed.
    second: u64,
    listed: u32,
}

struct Allowed {
    operation: &'static str,
    rule: Option<RuleKey>,
    text: Option<String>,
    /// Ever; shared with the [`Counter`](super::Counter)s of this rule.
    total: Arc<AtomicU64>,
    /// Of these, written.
    written: u64,
}

/// Operation, effect and rule text.
type Other = (&'static str, Effect, Option<String>);

#[derive(Default)]
struct Tally {
    /// Not written yet.
    pending: u64,
    /// Ever.
    total: u64,
}

impl Tally {
    fn add(&mut self) {
        self.pending += 1;
        self.total += 1;
    }
}

impl Counts {
    pub(super) fn new(ae: Arc<str>) -> Counts {
        Counts { ae, dirty: AtomicBool::new(false), inner: Mutex::default() }
    }

    /// The sum that an allowed call by this rule is added to; [`Counts::add_to`] does it.
    pub(super) fn allowed(
        &self,
        operation: &'static str,
        rule: Option<RuleKey>,
        text: impl FnOnce() -> String,
    ) -> Arc<AtomicU64> {
        let mut inner = self.lock();
        let place = inner.place(operation, rule, text);
        inner.last = place;
        let entry = inner.allowed.get(place);
        entry.map_or_else(Arc::default, |entry| Arc::clone(&entry.total))
    }

    /// Adds one. True when the writer does not know yet that there is something to write.
    ///
    /// Sequentially consistent, as is [`Counts::take`]: either this sees the flag down, or `take` sees the sum.
    pub(super) fn add_to(&self, total: &AtomicU64) -> bool {
        total.fetch_add(1, SeqCst);
        self.raise()
    }

    /// Counts a call that is not listed. True as for [`Counts::add_to`].
    pub(super) fn count(&self, operation: &'static str, effect: Effect, rule: Option<String>) -> bool {
        self.lock().other(operation, effect, rule).add();
        self.raise()
    }

    fn raise(&self) -> bool {
        !self.dirty.load(SeqCst) && !self.dirty.swap(true, SeqCst)
    }

    /// Adds a listed call to the totals.
    pub(super) fn listed(&self, operation: &'static str, effect: Effect, rule: Option<String>) {
        self.lock().other(operation, effect, rule).total += 1;
    }

    /// Whether one more refused call may be listed in the second of `now`.
    pub(super) fn may_list(&self, now: SystemTime) -> bool {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut inner = self.lock();
        if inner.second != second {
            inner.second = second;
            inner.listed = 0;
        }
        if inner.listed >= DENIALS_LISTED_PER_SECOND {
            return false;
        }
        inner.listed += 1;
        true
    }

    /// Hands over what was counted since the last time.
    pub(super) fn take(&self, mut line: impl FnMut(Event)) {
        self.dirty.store(false, SeqCst);
        let mut inner = self.lock();
        let Inner { allowed, other, .. } = &mut *inner;
        let allowed = allowed.iter_mut().map(|entry| {
            let total = entry.total.load(SeqCst);
            let count = total - std::mem::replace(&mut entry.written, total);
            (entry.operation, Effect::Allow, &entry.text, count)
        });
        let other = other.iter_mut().map(|((operation, effect, rule), tally)| {
            let count = std::mem::take(&mut tally.pending);
            (*operation, *effect, rule, count)
        });
        for (operation, effect, rule, count) in allowed.chain(other) {
            if count > 0 {
                line(Event::Calls {
                    ae: self.ae.to_string(),
                    operation: operation.into(),
                    effect,
                    rule: rule.clone(),
                    count,
                });
            }
        }
    }

    /// Everything since the start, listed or counted, sorted by operation, effect and rule.
    pub(super) fn totals(&self) -> Vec<Total> {
        let inner = self.lock();
        let mut sums: BTreeMap<Other, u64> = BTreeMap::new();
        for entry in &inner.allowed {
            let key = (entry.operation, Effect::Allow, entry.text.clone());
            *sums.entry(key).or_default() += entry.total.load(SeqCst);
        }
        for (key, tally) in &inner.other {
            *sums.entry(key.clone()).or_default() += tally.total;
        }
        sums.into_iter().map(|((operation, effect, rule), count)| Total { operation, effect, rule, count }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn place(&mut self, operation: &'static str, rule: Option<RuleKey>, text: impl FnOnce() -> String) -> usize {
        let same = |entry: &Allowed| entry.rule == rule && entry.operation == operation;
        if self.allowed.get(self.last).is_some_and(same) {
            return self.last;
        }
        let known = if self.allowed.len() <= SCAN_MAX {
            self.allowed.iter().position(same)
        } else {
            self.index.get(&(operation, rule)).copied()
        };
        known.unwrap_or_else(|| self.insert(operation, rule, text))
    }

    fn insert(&mut self, operation: &'static str, rule: Option<RuleKey>, text: impl FnOnce() -> String) -> usize {
        let place = self.allowed.len();
        self.allowed.push(Allowed { operation, rule, text: rule.map(|_| text()), total: Arc::default(), written: 0 });
        self.index.insert((operation, rule), place);
        place
    }

    fn other(&mut self, operation: &'static str, effect: Effect, rule: Option<String>) -> &mut Tally {
        let mut key = (operation, effect, rule);
        if self.other.len() >= OTHER_MAX && !self.other.contains_key(&key) {
            key.2 = None;
        }
        self.other.entry(key).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(counts: &Counts, operation: &'static str, rule: Option<RuleKey>, text: impl FnOnce() -> String) -> bool {
        counts.add_to(&counts.allowed(operation, rule, text))
    }

    #[test]
    fn each_rule_has_its_count_with_few_and_with_many_rules() {
        let counts = Counts::new("meter".into());
        for round in 0..3 {
            for index in 0..40 {
                let first = allow(&counts, "keys.sign", Some((0, index)), || format!("m.toml:{index}"));
                assert_eq!(first, round == 0 && index == 0);
                allow(&counts, "keys.mac", Some((0, index)), || format!("m.toml:{index}"));
            }
        }
        let totals = counts.totals();
        assert_eq!(totals.len(), 80);
        assert!(totals.iter().all(|total| total.count == 3));
        let mut lines = 0;
        counts.take(|_| lines += 1);
        assert_eq!(lines, 80);
        counts.take(|_| lines += 1);
        assert_eq!(lines, 80, "nothing is handed over twice");
        assert_eq!(counts.totals(), totals, "totals stay");
    }

    #[test]
    fn nothing_is_missed_between_counting_and_taking() {
        let counts = Counts::new("meter".into());
        let total = counts.allowed("keys.sign", None, String::new);
        let mut taken = 0;
        let mut take = |event: Event| {
            if let Event::Calls { count, .. } = event {
                taken += count;
            }
        };
        let done = AtomicBool::new(false);
        let raised = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    raised.fetch_add(u64::from(counts.add_to(&total)), SeqCst);
                }
                done.store(true, SeqCst);
            });
            let mut seen = 0;
            loop {
                let last = done.load(SeqCst);
                // As the writer does: only when the flag was raised.
                let now = raised.load(SeqCst);
                if std::mem::replace(&mut seen, now) != now {
                    counts.take(&mut take);
                } else if last {
                    break;
                }
            }
        });
        assert_eq!(taken, 200_000);
    }

    #[test]
    fn the_text_of_a_rule_is_made_once() {
        let counts = Counts::new("meter".into());
        allow(&counts, "keys.sign", Some((1, 0)), || "ceiling.toml:3".into());
        allow(&counts, "keys.sign", Some((1, 0)), || unreachable!());
        assert_eq!(counts.totals()[0].count, 2);
    }

    #[test]
    fn the_rate_of_listed_denials_is_by_the_second() {
        let counts = Counts::new("meter".into());
        for _ in 0..DENIALS_LISTED_PER_SECOND {
            assert!(counts.may_list(UNIX_EPOCH));
        }
        assert!(!counts.may_list(UNIX_EPOCH));
        assert!(counts.may_list(UNIX_EPOCH + std::time::Duration::from_secs(1)));
    }

    #[test]
    fn texts_without_end_do_not_fill_the_memory() {
        let counts = Counts::new("meter".into());
        for index in 0..OTHER_MAX + 10 {
            counts.count("keys.sign", Effect::Deny, Some(index.to_string()));
        }
        let totals = counts.totals();
        assert_eq!(totals.len(), OTHER_MAX + 1);
        let rest = totals.iter().find(|total| total.rule.is_none());
        assert_eq!(rest.map(|total| total.count), Some(10));
    }
}
