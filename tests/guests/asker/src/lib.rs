//! Asks `answers` in every way, and tells how each request ended.

use std::time::Duration;

use m2m_guest_sdk::messages::Outcome;
use m2m_guest_sdk::messaging::{self, Options};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info};
use tell::tell;

struct Asker {
    asked: bool,
}

impl ApplicationEntity for Asker {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(Asker { asked: false })
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        match message.answers {
            Some(ended) => {
                info!("{}: {:?} {:?}", message.topic, ended.outcome, String::from_utf8_lossy(&message.payload));
                if ended.outcome == Outcome::TimedOut {
                    messaging::publish("ask/over", b"", Options::LOCAL)?;
                }
                Ok(())
            }
            None => {
                self.asked = self.asked || ask_all();
                Ok(())
            }
        }
    }
}

/// False where nobody answers yet: again with the next beat.
fn ask_all() -> bool {
    let ask = |topic: &str, timeout_ms| messaging::request(topic, b"?", Duration::from_millis(timeout_ms));
    let first = ask("ask/reply", 5_000);
    if first.is_err() {
        return false;
    }
    tell("reply", &first);
    tell("drop", &ask("ask/drop", 5_000));
    tell("linger", &ask("ask/linger", 200));
    tell("nobody", &ask("ask/nobody", 1_000));
    tell("no right to answer", &ask("ask/no-right", 1_000));
    tell("not granted", &ask("other/ask", 1_000));
    tell("for an hour", &ask("ask/reply", 3_600_000));
    true
}

ae!(Asker);
