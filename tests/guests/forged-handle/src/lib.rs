//! Uses numbers that it was never given as handles: one way with each message, so one with each instance.
#![allow(unsafe_code)]

use std::hint::black_box;

use m2m_guest_sdk::keys::Template;
use m2m_guest_sdk::wit::m2m::node::{keys, messages};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, keys as sdk_keys, messaging};

const MADE_UP: u32 = 7777;

struct ForgedHandle;

impl ApplicationEntity for ForgedHandle {
    fn init() -> Result<Self> {
        drop(sdk_keys::open_or_generate("spare", Template::ed25519())?);
        for topic in ["forged/key", "forged/reply", "forged/key-as-reply"] {
            messaging::subscribe(topic)?;
            messaging::publish(topic, b"", messaging::Options::LOCAL)?;
        }
        Ok(ForgedHandle)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        let key = keys::open("spare")?;
        info!("own handle: {}", if key.public_key().is_ok() { "ok" } else { "refused" });
        // SAFETY: none is needed by the memory of this component; the node has to see that the handles are made up.
        unsafe {
            match message.topic.as_str() {
                "forged/key" => drop(black_box(keys::Key::from_handle(MADE_UP).public_key())),
                "forged/reply" => drop(black_box(messages::Reply::from_handle(MADE_UP).send(b"x"))),
                _ => drop(black_box(messages::Reply::from_handle(key.handle()).send(b"x"))),
            }
        }
        info!("SURVIVED {}", message.topic);
        Ok(())
    }
}

ae!(ForgedHandle);
