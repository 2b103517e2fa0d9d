//! Takes its time with every number.

use std::hint::black_box;

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct Slow;

impl ApplicationEntity for Slow {
    fn init() -> Result<Self> {
        messaging::subscribe("storm/number")?;
        Ok(Slow)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        let mut turned = 0_u32;
        while black_box(turned) < 1_000_000 {
            turned += 1;
        }
        info!("got {}", String::from_utf8_lossy(&message.payload));
        Ok(())
    }
}

ae!(Slow);
