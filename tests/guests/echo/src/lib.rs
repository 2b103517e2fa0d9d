//! The bystander: logs every number that it is handed, and answers what it is asked with the same bytes.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct Echo;

impl ApplicationEntity for Echo {
    fn init() -> Result<Self> {
        messaging::subscribe("bystander/count")?;
        messaging::subscribe("bystander/echo")?;
        Ok(Echo)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if message.asks() {
            return message.reply_bytes(&message.payload);
        }
        info!("got {}", String::from_utf8_lossy(&message.payload));
        Ok(())
    }
}

ae!(Echo);
