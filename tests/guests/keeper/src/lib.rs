//! Keeps one key, and tells whether it found it or had to make it.

use m2m_guest_sdk::keys::{self, Template};
use m2m_guest_sdk::{ApplicationEntity, Error, Message, Result, ae, info};

struct Keeper;

impl ApplicationEntity for Keeper {
    fn init() -> Result<Self> {
        let (key, how) = match keys::open("identity") {
            Err(Error::NotFound) => (keys::generate("identity", Template::ed25519())?, "made"),
            opened => (opened?, "found"),
        };
        let public_key = key.public_key()?;
        let signature = key.sign("keeper", b"message")?;
        if !keys::verify(&public_key, "keeper", b"message", &signature)? {
            return Err("its own signature does not hold".into());
        }
        let hex: String = public_key.iter().map(|byte| format!("{byte:02x}")).collect();
        info!("{how} {hex}");
        Ok(Keeper)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

ae!(Keeper);
