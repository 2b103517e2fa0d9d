//! The bystander's other half: counts aloud, and repeats a number until it was taken.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, messaging};
use messaging::Options;

struct Counter {
    next: u64,
}

impl ApplicationEntity for Counter {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(Counter { next: 1 })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        messaging::publish("bystander/count", self.next.to_string().as_bytes(), Options::LOCAL)?;
        self.next += 1;
        Ok(())
    }
}

ae!(Counter);
