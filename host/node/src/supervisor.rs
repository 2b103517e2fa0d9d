//! Keeps one AE alive: restarts with growing pauses while its budget lasts, then marks it failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::ae::{Actor, Ended};
use crate::audit::AeEvent;
use crate::fault::Fault;
use crate::transport::Bus;

/// The pause before a restart; it doubles while one instance after the other ends before it has dealt with a message.
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// Runs one AE until the node stops or its restarts are used up.
pub(crate) struct Supervisor {
    pub(crate) actor: Actor,
    pub(crate) bus: Arc<Bus>,
}

/// Restarts within a time.
#[derive(Debug)]
struct Budget {
    max: usize,
    within: Duration,
    faults: VecDeque<Instant>,
    /// Faults in a row of instances that never dealt with a message: these make the pauses grow.
    idle_faults: u32,
}

impl Supervisor {
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let limits = *self.actor.blueprint.mediator().policy().limits();
        let mut budget = Budget {
            max: limits.restarts_max as usize,
            within: limits.restarts_within,
            faults: VecDeque::new(),
            idle_faults: 0,
        };
        loop {
            let (fault, had_worked) = match self.actor.run(&mut stop).await {
                Ended::Stopped => break self.stopped(),
                Ended::Fault { fault, had_worked } => (fault, had_worked),
            };
            self.record(&fault);
            if *stop.borrow() {
                break self.stopped();
            }
            let Some(pause) = budget.spend(Instant::now(), had_worked) else { break self.failed(&fault, &budget) };
            self.actor.status.restarting();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break self.stopped(),
                () = tokio::time::sleep(pause) => {}
            }
            self.event(AeEvent::Restarted { attempt: u32::try_from(budget.faults.len()).unwrap_or(u32::MAX) });
        }
    }

    fn record(&self, fault: &Fault) {
        let ae = &*self.actor.status.name;
        tracing::warn!(ae, kind = fault.kind(), "fault: {fault}");
        self.actor.status.fault(fault);
        self.event(AeEvent::Fault { fault: fault.kind().to_owned(), text: fault.to_string() });
    }

    fn stopped(&self) {
        self.actor.status.stopped();
        self.event(AeEvent::Stopped);
    }

    /// Nothing is delivered to it any more, so nothing waits for it either.
    fn failed(&self, fault: &Fault, budget: &Budget) {
        let name = &self.actor.status.name;
        self.bus.forget(name);
        let given_up = self.actor.mailbox.close();
        let text = format!(
            "more than {} restarts within {} s; last fault: {fault}; {given_up} waiting messages given up",
            budget.max,
            budget.within.as_secs()
        );
        tracing::error!(ae = &**name, "failed: {text}");
        self.actor.status.failed();
        self.event(AeEvent::Failed { text });
    }

    fn event(&self, event: AeEvent) {
        self.actor.blueprint.mediator().recorder().event(event);
    }
}

impl Budget {
    /// The pause before the next restart; `None` when there is none left.
    fn spend(&mut self, now: Instant, had_worked: bool) -> Option<Duration> {
        while self.faults.front().is_some_and(|first| now.duration_since(*first) > self.within) {
            self.faults.pop_front();
        }
        if self.faults.len() >= self.max {
            return None;
        }
        self.faults.push_back(now);
        self.idle_faults = if had_worked { 0 } else { self.idle_faults.saturating_add(1) };
        let doublings = self.idle_faults.saturating_sub(1).min(16);
        Some((BACK_OFF_MIN * 2_u32.pow(doublings)).min(BACK_OFF_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_the_budget_ends() {
        let (start, within) = (Instant::now(), Duration::from_secs(60));
        let mut budget = Budget { max: 3, within, faults: VecDeque::new(), idle_faults: 0 };
        let pauses = [50, 100, 200].map(|ms| Some(Duration::from_millis(ms)));
        let idle = false;
        assert_eq!([budget.spend(start, idle), budget.spend(start, idle), budget.spend(start, idle)], pauses);
        assert_eq!(budget.spend(start + within, idle), None);
        let later = start + within + Duration::from_millis(1);
        assert_eq!(budget.spend(later, idle), Some(Duration::from_millis(400)));
        assert_eq!(budget.spend(later, true), pauses[0], "an instance that worked begins anew");
    }
}
