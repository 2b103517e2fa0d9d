//! Makes a key with every beat, signs with the one it has, and tells at its start which keys it found.

use m2m_guest_sdk::keys::{self, Key, Template};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

/// So many that their aliases still fit into a line of the log.
const KEYS_MAX: usize = 140;

struct KeyMaker {
    identity: Key,
    made: usize,
}

impl ApplicationEntity for KeyMaker {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        let found = keys::aliases()?;
        info!("found {}", found.join(" "));
        let identity = keys::open_or_generate("identity", Template::ed25519())?;
        let numbers = found.iter().filter_map(|alias| alias.strip_prefix("k-")?.parse().ok());
        Ok(KeyMaker { identity, made: numbers.max().unwrap_or(0) })
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        tell("sign", &self.identity.sign("key-maker", b"x"));
        if self.made < KEYS_MAX {
            let alias = format!("k-{:03}", self.made + 1);
            let made = keys::generate(&alias, Template::ed25519());
            self.made += usize::from(made.is_ok());
            tell(&format!("make {alias}"), &made);
        }
        Ok(())
    }
}

ae!(KeyMaker);
