//! Goes on with a handle that it has dropped.
#![allow(unsafe_code)]

use std::hint::black_box;

use m2m_guest_sdk::keys::Template;
use m2m_guest_sdk::wit::m2m::node::keys;
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, keys as sdk_keys, messaging};

struct UsedAfterDrop;

impl ApplicationEntity for UsedAfterDrop {
    fn init() -> Result<Self> {
        drop(sdk_keys::open_or_generate("spare", Template::ed25519())?);
        messaging::subscribe(tell::GO)?;
        Ok(UsedAfterDrop)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        let key = keys::open("spare")?;
        let handle = key.handle();
        info!("before the drop: {}", if key.public_key().is_ok() { "ok" } else { "refused" });
        drop(key);
        // SAFETY: none is needed by the memory of this component; the node has to see that the handle is gone.
        let gone = unsafe { keys::Key::from_handle(handle) };
        black_box(gone.public_key().is_ok());
        info!("SURVIVED");
        Ok(())
    }
}

ae!(UsedAfterDrop);
