//! Sends numbers as fast as they are taken, and goes on where it was told to wait.

use m2m_guest_sdk::messaging::{self, Options};
use m2m_guest_sdk::{ApplicationEntity, Error, Message, Result, ae, info};

const NUMBERS: u64 = 300;

struct Storm {
    next: u64,
    waited: u64,
}

impl ApplicationEntity for Storm {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(Storm { next: 1, waited: 0 })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        while self.next <= NUMBERS {
            match messaging::publish("storm/number", self.next.to_string().as_bytes(), Options::LOCAL) {
                Ok(()) => self.next += 1,
                Err(Error::Exhausted { .. }) => {
                    self.waited += 1;
                    return Ok(());
                }
                refused => return refused,
            }
        }
        if self.next == NUMBERS + 1 {
            info!("sent {NUMBERS}, exhausted {}", self.waited);
            self.next += 1;
        }
        Ok(())
    }
}

ae!(Storm);
