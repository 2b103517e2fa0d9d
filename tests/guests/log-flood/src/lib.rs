//! Logs a thousand lines at once, and some below the granted level.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, debug, info, messaging};

struct LogFlood {
    flooded: bool,
}

impl ApplicationEntity for LogFlood {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(LogFlood { flooded: false })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        if !std::mem::replace(&mut self.flooded, true) {
            debug!("below the granted level");
            for line in 0..1000 {
                info!("flood {line}");
            }
        }
        Ok(())
    }
}

ae!(LogFlood);
