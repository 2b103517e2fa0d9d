//! Opens handles: first as many as it drops again, then without dropping any.

use m2m_guest_sdk::keys::{self, Template};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct HandleHoarder;

impl ApplicationEntity for HandleHoarder {
    fn init() -> Result<Self> {
        drop(keys::open_or_generate("spare", Template::ed25519())?);
        messaging::subscribe(tell::GO)?;
        Ok(HandleHoarder)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        for _ in 0..1000 {
            drop(keys::open("spare")?);
        }
        info!("a thousand, one after the other: ok");
        let mut held = Vec::new();
        for _ in 0..1000 {
            held.push(keys::open("spare")?);
        }
        info!("SURVIVED with {}", held.len());
        Ok(())
    }
}

ae!(HandleHoarder);
