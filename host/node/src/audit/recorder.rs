//! One AE's way into the audit.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::counts::{Counts, RuleKey, Total};
use super::error::AppendError;
use super::event::{AeEvent, Effect, Event, bounded};
use super::queue::{QUEUE_LINES_MAX, Shared, Ticket};

/// A mediated call, as it is listed. Texts longer than [`ALLEGATION_BYTES_MAX`](super::ALLEGATION_BYTES_MAX) are cut.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The right, as a capability file names it: `keys.generate`.
    pub operation: &'static str,
    /// Topic, alias or service that was asked for.
    pub subject: &'a str,
    /// How it is answered.
    pub effect: Effect,
    /// `file:line` that decided; `None` when no rule allows the call.
    pub rule: Option<&'a str>,
    /// The reason that the rule gives, or what is wrong with the call.
    pub text: Option<&'a str>,
}

/// Counts allowed calls of one operation by one rule. Made by [`Recorder::counter`].
pub struct Counter {
    total: Arc<AtomicU64>,
    counts: Arc<Counts>,
    shared: Arc<Shared>,
}

impl Counter {
    /// Counts one call: an atomic addition, and once a second a word to the writer.
    pub fn add(&self) {
        if self.counts.add_to(&self.total) {
            self.shared.mark_dirty(Arc::clone(&self.counts));
        }
    }
}

/// Records the calls and the life of one AE. Made anew with each policy of the AE, because counts are kept by the number
/// of a rule. Dropping it loses nothing.
pub struct Recorder {
    ae: Arc<str>,
    counts: Arc<Counts>,
    shared: Arc<Shared>,
}

impl Recorder {
    pub(super) fn new(ae: &str, shared: Arc<Shared>) -> Recorder {
        let ae: Arc<str> = bounded(ae).into();
        Recorder { counts: Arc::new(Counts::new(Arc::clone(&ae))), ae, shared }
    }

    /// Name of the AE.
    pub fn ae(&self) -> &str {
        &self.ae
    }

    /// Counts an allowed call that is not listed one by one. `text` gives the rule's `file:line` and is asked once for
    /// each operation and rule. Allocates nothing after that.
    pub fn count(&self, operation: &'static str, rule: Option<RuleKey>, text: impl FnOnce() -> String) {
        let total = self.counts.allowed(operation, rule, text);
        if self.counts.add_to(&total) {
            self.shared.mark_dirty(Arc::clone(&self.counts));
        }
    }

    /// The counter behind [`Recorder::count`], for a caller that keeps it beside the compiled rule: no look-up then.
    pub fn counter(&self, operation: &'static str, rule: Option<RuleKey>, text: impl FnOnce() -> String) -> Counter {
        Counter {
            total: self.counts.allowed(operation, rule, text),
            counts: Arc::clone(&self.counts),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Appends an allowed call, before its effect. Wait for [`Audit::durable`](super::Audit::durable) where the effect
    /// must not outrun the disk.
    ///
    /// # Errors
    /// The call must not have its effect then: it is counted as `unavailable`.
    pub fn list(&self, call: Call<'_>) -> Result<Ticket, AppendError> {
        let rule = call.rule.map(bounded);
        match self.shared.append(self.call_line(call), QUEUE_LINES_MAX) {
            Ok(ticket) => {
                self.counts.listed(call.operation, call.effect, rule);
                Ok(ticket)
            }
            Err(error) => {
                self.add(call.operation, Effect::Unavailable, rule);
                Err(error)
            }
        }
    }

    /// Records a refused call: listed up to
    /// [`DENIALS_LISTED_PER_SECOND`](super::DENIALS_LISTED_PER_SECOND), counted beyond, and counted while lines cannot
    /// be written. True where it is listed.
    pub fn deny(&self, call: Call<'_>) -> bool {
        let rule = call.rule.map(bounded);
        // Half the queue, so that refusals cannot crowd out the calls that wait for their line.
        let listed = self.counts.may_list((self.shared.clock)())
            && self.shared.append(self.call_line(call), QUEUE_LINES_MAX / 2).is_ok();
        if listed {
            self.counts.listed(call.operation, call.effect, rule);
        } else {
            self.add(call.operation, call.effect, rule);
        }
        listed
    }

    /// Records a refused call as a number alone, where the AE is not the one who made it.
    pub fn count_refused(&self, operation: &'static str, effect: Effect, rule: Option<String>) {
        self.add(operation, effect, rule);
    }

    /// Records a step in the AE's life. Waits at most 50 ms, and only when the queue is full.
    pub fn event(&self, event: AeEvent) {
        self.shared.note(Event::Ae { ae: self.ae.to_string(), event: event.bounded() });
    }

    /// Everything since this recorder was made, listed or counted, sorted by operation, effect and rule.
    pub fn totals(&self) -> Vec<Total> {
        self.counts.totals()
    }

    fn call_line(&self, call: Call<'_>) -> Event {
        Event::Call {
            ae: self.ae.to_string(),
            operation: call.operation.into(),
            subject: bounded(call.subject),
            effect: call.effect,
            rule: call.rule.map(bounded),
            text: call.text.map(bounded),
        }
    }

    fn add(&self, operation: &'static str, effect: Effect, rule: Option<String>) {
        if self.counts.count(operation, effect, rule) {
            self.shared.mark_dirty(Arc::clone(&self.counts));
        }
    }
}
