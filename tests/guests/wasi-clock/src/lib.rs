//! Reads the clock of WASI that the world of an AE does not have, as runtimes of other languages do.

mod world {
    #![allow(missing_docs, unsafe_code)]
    wit_bindgen::generate!({ path: "wit", world: "reader", generate_all });
}

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use world::wasi::clocks::monotonic_clock;

struct WasiClock;

impl ApplicationEntity for WasiClock {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(WasiClock)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        info!("reads the clock");
        let now = monotonic_clock::now();
        info!("coarse {}", now.is_multiple_of(1_000_000));
        Ok(())
    }
}

ae!(WasiClock);
