//! Reaches for the key of another AE by its alias.

use m2m_guest_sdk::keys::{self, Template};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

struct KeyThief {
    done: bool,
}

impl ApplicationEntity for KeyThief {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(KeyThief { done: false })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        tell("open another's, granted", &keys::open("identity"));
        tell("open nobody's, granted", &keys::open("identity-2"));
        tell("open another's, not granted", &keys::open("victim-only"));
        tell("open nobody's, not granted", &keys::open("nobody"));
        info!("aliases: {:?}", keys::aliases()?);
        let own = keys::open_or_generate("own", Template::ed25519())?;
        tell("sign with its own", &own.sign("thief", b"x"));
        tell("destroy its own, not granted", &own.destroy());
        info!("aliases: {:?}", keys::aliases()?);
        info!("done");
        Ok(())
    }
}

ae!(KeyThief);
