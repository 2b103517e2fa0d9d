//! Reads the clock.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, clocks, info, messaging};

struct ClockReader;

impl ApplicationEntity for ClockReader {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(ClockReader)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        info!("reads the clock");
        let now = clocks::unix_time();
        let coarse = now.subsec_nanos().is_multiple_of(1_000_000);
        info!("coarse {coarse}, this century {}", now.as_secs() > 1_000_000_000);
        Ok(())
    }
}

ae!(ClockReader);
