//! Loops: first within its CPU time, then without an end.

use std::hint::black_box;

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct Spin;

impl ApplicationEntity for Spin {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(Spin)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        turn(10_000);
        info!("within the limit: ok");
        turn(u64::MAX);
        info!("SURVIVED");
        Ok(())
    }
}

fn turn(turns: u64) {
    let mut turned = 0;
    while black_box(turned) < turns {
        turned += 1;
    }
}

ae!(Spin);
