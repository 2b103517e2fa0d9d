//! Finds leaks: checks the signature of every reading on `metering/+/flow`, learns what a branch usually takes, and tells
//! `alarm/branch-1/leak` when a stretch begins that does not fit.
//!
//! When the meter says that it is done, it logs `complete readings=N verified=M`.
//!
//! What it knows of a branch is gone with the instance; it then needs a day of readings before it judges again.

mod model;

use std::collections::BTreeMap;

use m2m_guest_sdk::{ApplicationEntity, Error, Message, Result, ae, info, warn};
use metering::{Alarm, COMPLETES, FLOWS, KEYS, LEAK, MeterKey, Reading, SignedReading};
use model::Model;

/// More branches than this are none of ours.
const BRANCHES_MAX: usize = 64;

#[derive(Default)]
struct LeakDetector {
    branches: BTreeMap<String, Branch>,
    /// Not yet taken by everybody.
    unsent: Option<Alarm>,
}

struct Branch {
    key: MeterKey,
    model: Model,
    /// The reading that comes next; an earlier one is a repetition.
    next: u32,
    verified: u32,
}

impl ApplicationEntity for LeakDetector {
    fn init() -> Result<Self> {
        KEYS.subscribe()?;
        FLOWS.subscribe()?;
        COMPLETES.subscribe()?;
        Ok(LeakDetector::default())
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        self.send()?;
        if let Some(key) = KEYS.read(&message)? {
            self.learn_key(&message, key);
        } else if let Some(reading) = FLOWS.read(&message)? {
            self.take(&message, &reading)?;
        } else if let Some(complete) = COMPLETES.read(&message)? {
            let verified =
                message.level(1).and_then(|name| self.branches.get(name)).map_or(0, |branch| branch.verified);
            info!("complete readings={} verified={verified}", complete.readings);
        }
        self.send()
    }
}

impl LeakDetector {
    fn learn_key(&mut self, message: &Message, key: MeterKey) {
        let Some(name) = message.level(1) else { return };
        if self.branches.len() >= BRANCHES_MAX && !self.branches.contains_key(name) {
            return;
        }
        let branch = self.branches.entry(name.to_owned());
        let branch = branch.or_insert_with(|| Branch::new(key));
        if branch.key != key {
            *branch = Branch::new(key);
        }
    }

    fn take(&mut self, message: &Message, signed: &SignedReading) -> Result<()> {
        let branch = message.level(1).and_then(|name| self.branches.get_mut(name));
        let Some(branch) = branch else {
            // Its key comes before its readings, so this is no meter that says who it is.
            warn!("topic={} reading without a key", message.topic);
            return Ok(());
        };
        match signed.verify(&branch.key)? {
            Some(reading) => {
                if let Some(alarm) = branch.observe(&reading) {
                    warn!("alarm time={} score={:.1}", alarm.time, alarm.score);
                    self.unsent = Some(alarm);
                }
            }
            None => warn!("topic={} reading with a false signature", message.topic),
        }
        Ok(())
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
    fn new(key: MeterKey) -> Self {
        Branch { key, model: Model::default(), next: 0, verified: 0 }
    }

    fn observe(&mut self, reading: &Reading) -> Option<Alarm> {
        if reading.seq < self.next {
            return None;
        }
        self.next = reading.seq + 1;
        self.verified += 1;
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
        let mut branch = Branch::new(MeterKey([0; 32]));
        for seq in 0..24 {
            assert_eq!(branch.observe(&reading(seq, 100.0)), None);
        }
        assert_eq!(branch.observe(&reading(23, 24.0)), None);
        assert_eq!(branch.verified, 24);
        let alarm = branch.observe(&reading(24, 24.0));
        assert_eq!(alarm.map(|alarm| alarm.time).as_deref(), Some("hour 24"));
    }

    #[test]
    fn a_new_key_starts_a_branch_anew_and_the_old_one_does_not() {
        let mut detector = LeakDetector::default();
        let message = Message::new("metering/branch-1/key", b"");
        detector.branches.insert("branch-1".to_owned(), Branch::new(MeterKey([1; 32])));
        if let Some(branch) = detector.branches.get_mut("branch-1") {
            branch.observe(&reading(0, 100.0));
        }
        let next = |detector: &LeakDetector| detector.branches.get("branch-1").map(|b| b.next);
        assert_eq!(next(&detector), Some(1));
        let same = detector.branches.get("branch-1").map(|branch| branch.key);
        detector.learn_key(&message, same.unwrap_or(MeterKey([9; 32])));
        assert_eq!(next(&detector), Some(1));
        detector.learn_key(&message, MeterKey([2; 32]));
        assert_eq!(next(&detector), Some(0));
    }
}
