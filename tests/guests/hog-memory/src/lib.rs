//! Takes memory: first within its limit of 4 MiB, then without an end.

use std::hint::black_box;

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

const MIB: usize = 1024 * 1024;

struct HogMemory;

impl ApplicationEntity for HogMemory {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(HogMemory)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        let mut held = vec![black_box(vec![1_u8; MIB])];
        info!("within the limit: ok");
        for _ in 0..64 {
            held.push(black_box(vec![1_u8; MIB]));
        }
        info!("SURVIVED with {} MiB", held.len());
        Ok(())
    }
}

ae!(HogMemory);
