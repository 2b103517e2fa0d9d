//! Gives up in `init`, with a text that tries to be two lines.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae};

struct FailsInit;

impl ApplicationEntity for FailsInit {
    fn init() -> Result<Self> {
        Err("no sensor\nfound".into())
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

ae!(FailsInit);
