//! A water meter: publishes one reading for each `$timer/reading` on `metering/branch-1/flow`.
//!
//! The readings are hourly values of a real pipeline branch (see `data/README.md`), replayed as fast as the timer ticks.
//! No reading is lost and none comes out twice: while the node's way out is full the reading waits for the next tick,
//! and the position in the data is kept as a retained value from which the next instance goes on. Only an instance that
//! ends between the two calls repeats the last reading, under the same `seq`.
//!
//! What it is told on `metering/branch-1/command` it answers with its status, signed with its own key, to the node that asked.

mod data;

use m2m_guest_sdk::{
    ApplicationEntity, Error, Memory, Message, Result, ae, info,
    keys::{self, Key, Template},
    warn,
};
use metering::{
    COMMAND, COMPLETE, Command, Complete, FLOW, POSITION, Position, READING_DUE, STATUS, SignedStatus, Status, Valve,
};

struct Meter {
    key: Key,
    memory: Memory<Position>,
    progress: Progress,
    valve: Valve,
}

/// What is done at the next tick.
#[derive(Clone, Copy)]
enum Progress {
    /// Ask for the position of the last instance.
    Start,
    /// Publish this reading.
    Next(u32),
    /// Keep this position: the reading before it is out.
    Keep(u32),
    /// Say that this was the last.
    Finish(u32),
    /// Nothing.
    Done(u32),
}

impl ApplicationEntity for Meter {
    fn init() -> Result<Self> {
        let key = keys::open_or_generate("meter-id", Template::ed25519())?;
        COMMAND.subscribe()?;
        READING_DUE.subscribe()?;
        Ok(Meter { key, memory: Memory::new(POSITION), progress: Progress::Start, valve: Valve::Open })
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if let Some(position) = self.memory.recalled(&message)? {
            let next = position.map_or(0, |position| position.next);
            info!("start reading={next}");
            self.progress = Progress::Next(next);
        } else if READING_DUE.read(&message)?.is_some() {
            self.tick()?;
        } else if let Some(command) = COMMAND.read(&message)? {
            self.answer(&message, command)?;
        }
        Ok(())
    }
}

impl Meter {
    /// Does what is next; where that has to wait because somebody's room is full, at the next tick.
    fn tick(&mut self) -> Result<()> {
        loop {
            match self.step() {
                Ok(Some(progress)) => self.progress = progress,
                Ok(None) | Err(Error::Exhausted { .. } | Error::Unavailable(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// One call of the node, and what is to follow in the same tick.
    fn step(&mut self) -> Result<Option<Progress>> {
        match self.progress {
            Progress::Start => {
                self.memory.ask()?;
                Ok(None)
            }
            Progress::Next(seq) => match data::reading(seq) {
                Some(reading) => {
                    FLOW.publish(&reading)?;
                    Ok(Some(Progress::Keep(seq + 1)))
                }
                None => Ok(Some(Progress::Finish(seq))),
            },
            Progress::Keep(next) => {
                self.memory.remember(&Position { next })?;
                self.progress = Progress::Next(next);
                Ok(None)
            }
            Progress::Finish(readings) => {
                COMPLETE.publish(&Complete { readings })?;
                info!("complete readings={readings}");
                Ok(Some(Progress::Done(readings)))
            }
            Progress::Done(_) => Ok(None),
        }
    }

    /// That the asker has moved on under another pseudonym is no fault of the command.
    fn answer(&mut self, message: &Message, command: Command) -> Result<()> {
        let status = SignedStatus::sign(&self.obey(command), &self.key)?;
        match STATUS.send_to_sender(message, &status) {
            Ok(()) => Ok(()),
            Err(error @ (Error::NotFound | Error::Unavailable(_) | Error::Exhausted { .. })) => {
                warn!("status not sent: {error}");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn obey(&mut self, command: Command) -> Status {
        if let Command::SetValve(valve) = command {
            info!("valve={valve:?}");
            self.valve = valve;
        }
        Status { readings: self.progress.readings(), valve: self.valve }
    }
}

impl Progress {
    fn readings(self) -> u32 {
        match self {
            Progress::Start => 0,
            Progress::Next(n) | Progress::Keep(n) | Progress::Finish(n) | Progress::Done(n) => n,
        }
    }
}

ae!(Meter);
