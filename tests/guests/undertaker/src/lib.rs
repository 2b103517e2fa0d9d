//! Reads the dead letters of `panics-on-message`, and would like to read those of all.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

struct Undertaker;

impl ApplicationEntity for Undertaker {
    fn init() -> Result<Self> {
        tell("its own", &messaging::subscribe("$dead-letter/panics-on-message"));
        tell("of all", &messaging::subscribe("$dead-letter/#"));
        Ok(Undertaker)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        info!("{} {:?} {}", message.topic, message.sender, String::from_utf8_lossy(&message.payload));
        Ok(())
    }
}

ae!(Undertaker);
