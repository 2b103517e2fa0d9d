//! Finds leaks: learns from the readings on `metering/+/flow` what a branch usually takes, and tells `alarm/branch-1/leak` when a
//! stretch begins that does not fit.
//!
//! The node hands it only readings whose sender has the right to report: its capability file says so, and no code here.
//! When the meter says that it is done, it logs `complete readings=N heard=M`.
//!
//! What it knows of a branch is gone with the instance; it then needs a day of readings before it judges again.

mod model;

use std::collections::BTreeMap;

use m2m_guest_sdk::{ApplicationEntity, Error, Message, Result, ae, info, warn};
use metering::{Alarm, COMPLETES, FLOWS, LEAK, Reading};
use model::Model;

/// More branches than this are none of ours.
const BRANCHES_MAX: usize = 64;

#[derive(Default)]
struct LeakDetector {
    branches: BTreeMap<String, Branch>,
    /// Not yet taken by everybody.
    unsent: Option<Alarm>,
}

#[derive(Default)]
struct Branch {
    model: Model,
    /// The reading that comes next; an earlier one is a repetition.
    next: u32,
    heard: u32,
}

impl ApplicationEntity for LeakDetector {
    fn init() -> Result<Self> {
        FLOWS.subscribe()?;
        COMPLETES.subscribe()?;
        Ok(LeakDetector::default())
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        self.send()?;
        if let Some(reading) = FLOWS.read(&message)? {
            self.take(&message, &reading);
        } else if let Some(complete) = COMPLETES.read(&message)? {
            let heard = message.level(1).and_then(|name| self.branches.get(name)).map_or(0, |branch| branch.heard);
            info!("complete readings={} heard={heard}", complete.readings);
        }
        self.send()
    }
}

impl LeakDetector {
    fn take(&mut self, message: &Message, reading: &Reading) {
        let Some(name) = message.level(1) else { return };
        if self.branches.len() >= BRANCHES_MAX && !self.branches.contains_key(name) {
            return;
        }
        let branch = self.branches.entry(name.to_owned()).or_default();
        if let Some(alarm) = branch.observe(reading) {
            warn!("alarm time={} score={:.1}", alarm.time, alarm.score);
            self.unsent = Some(alarm);
        }
    }

    /// Sends what is not sent; where a mailbox is full, with the next message.
    fn send(&mut self) -> Result<()> {
        let Some(alarm) = &self.unsent else {
            return Ok(());
        };
        match LEAK.publish(alarm) {
            Ok(()) => self.unsent = None,
            Err(Error::Exhausted { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Branch {
    fn observe(&mut self, reading: &Reading) -> Option<Alarm> {
        if reading.seq < self.next {
            return None;
        }
        self.next = reading.seq + 1;
        self.heard += 1;
        let onset = self.model.observe(reading.flow)?;
        Some(Alarm { time: reading.time.clone(), kind: onset.kind, score: onset.score })
    }
}

ae!(LeakDetector);

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(seq: u32, flow: f64) -> Reading {
        let time = format!("hour {seq}");
        Reading { seq, time, flow }
    }

    #[test]
    fn a_repeated_reading_is_not_counted_again() {
        let mut branch = Branch::default();
        for seq in 0..24 {
            assert_eq!(branch.observe(&reading(seq, 100.0)), None);
        }
        assert_eq!(branch.observe(&reading(23, 24.0)), None);
        assert_eq!(branch.heard, 24);
        let alarm = branch.observe(&reading(24, 24.0));
        assert_eq!(alarm.map(|alarm| alarm.time).as_deref(), Some("hour 24"));
    }

    #[test]
    fn branches_are_told_apart_and_counted() {
        let mut detector = LeakDetector::default();
        for branch in 0..BRANCHES_MAX + 1 {
            detector.take(&Message::new(&format!("metering/branch-{branch}/flow"), b""), &reading(0, 100.0));
        }
        assert_eq!(detector.branches.len(), BRANCHES_MAX);
        assert_eq!(detector.branches.get("branch-0").map(|branch| branch.heard), Some(1));
    }
}
