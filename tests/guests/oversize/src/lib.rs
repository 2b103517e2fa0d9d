//! Passes more than may be passed: at the limit of a message, past it, and past what one host call carries at all.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

struct Oversize;

impl ApplicationEntity for Oversize {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(Oversize)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        tell("64 KiB", &publish("oversize/any", PAYLOAD_BYTES_MAX));
        tell("64 KiB and 1", &publish("oversize/any", PAYLOAD_BYTES_MAX + 1));
        tell("1 KiB of the grant", &publish("oversize/small", 1024));
        tell("1 KiB and 1 of the grant", &publish("oversize/small", 1025));
        tell("1 MiB", &publish("oversize/any", 1024 * 1024));
        info!("SURVIVED");
        Ok(())
    }
}

fn publish(topic: &str, bytes: usize) -> Result<()> {
    messaging::publish(topic, &vec![b'x'; bytes], messaging::Options::LOCAL)
}

ae!(Oversize);
