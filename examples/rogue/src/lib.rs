//! Tries what it must not do, one attempt for each `$timer/step`, and tells how the node answered.
//!
//! Every attempt names the answer that is due. The log gets `attempt=NAME outcome=ANSWER` at `info` where it came, at
//! `error` and with `expected=` where another came. An attempt that should end the instance logs `attempt=NAME` before, and
//! `outcome=SURVIVED` if the instance lives on. The number of the next attempt is kept on `rogue/step` before the attempt begins, so that the instance that
//! follows goes on behind it. After the last one come `complete attempts=N` and a message on `rogue/complete`.

mod attempt;
mod contract;
mod exhaustion;
mod raw;
mod rights;

use m2m_guest_sdk::{ApplicationEntity, Bytes, Error, Memory, Message, RequestTopic, Result, Signal, Topic, ae, info};

use attempt::{Attempt, Outcome};

const STEP: Topic<(), Signal> = Topic::signal("$timer/step");
const COMPLETE: Topic<String, m2m_guest_sdk::Text> = Topic::text("rogue/complete");

/// The rogue asks itself, to hold a right to reply.
pub(crate) const ASK: RequestTopic<Vec<u8>, Vec<u8>, Bytes> = RequestTopic::bytes("rogue/ask");

/// Steps after the last attempt, in which the log gets over the flood.
const PAUSE_STEPS: usize = 20;

struct Rogue {
    memory: Memory<usize>,
    /// Known once the memory has come back.
    step: Option<usize>,
}

impl ApplicationEntity for Rogue {
    fn init() -> Result<Self> {
        STEP.subscribe()?;
        ASK.serve()?;
        Ok(Rogue { memory: Memory::new(Topic::cbor("rogue/step")), step: None })
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if let Some(step) = self.memory.recalled(&message)? {
            self.step = Some(step.unwrap_or(0));
        } else if STEP.read(&message)?.is_some() {
            self.take_step()?;
        } else if message.asks() {
            rights::REPLY_TWICE.report(&reply_twice(&message));
        }
        Ok(())
    }
}

impl Rogue {
    fn take_step(&mut self) -> Result<()> {
        let Some(step) = self.step else {
            return self.memory.ask();
        };
        let end = attempts().count() + PAUSE_STEPS;
        if step > end {
            return Ok(());
        }
        // Attempts before it may have used up a rate; then the next tick has to do.
        match self.memory.remember(&(step + 1)) {
            Err(Error::Exhausted { .. }) => return Ok(()),
            remembered => remembered?,
        }
        self.step = Some(step + 1);
        match attempts().nth(step) {
            Some(attempt) => attempt.make(),
            None if step == end => finish()?,
            None => {}
        }
        Ok(())
    }
}

fn attempts() -> impl Iterator<Item = &'static Attempt> {
    let all = [rights::ATTEMPTS, contract::ATTEMPTS, exhaustion::ATTEMPTS, raw::ATTEMPTS, exhaustion::LAST];
    all.into_iter().flatten()
}

fn reply_twice(message: &Message) -> Outcome {
    if let Err(error) = message.reply_bytes(b"once") {
        return Outcome::of::<()>(Err(error));
    }
    Outcome::of(message.reply_bytes(b"twice"))
}

fn finish() -> Result<()> {
    exhaustion::report_flood();
    let attempts = attempts().count();
    info!("complete attempts={attempts}");
    COMPLETE.publish(&attempts.to_string())
}

ae!(Rogue);
