//! Reaches for an interface that its capability file does not grant.
//!
//! It asks for the right to a service, so its component imports `authorization`. The node gives it no such import, and
//! the component is refused when it is linked: not one of its instructions runs.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, authorization};

struct Trespasser;

impl ApplicationEntity for Trespasser {
    fn init() -> Result<Self> {
        authorization::request("metering/report")?;
        Ok(Trespasser)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

ae!(Trespasser);
