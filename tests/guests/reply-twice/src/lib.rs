//! Asks itself, and answers the one request twice.

use std::time::Duration;

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

struct ReplyTwice;

impl ApplicationEntity for ReplyTwice {
    fn init() -> Result<Self> {
        messaging::subscribe("twice/ask")?;
        messaging::request("twice/ask", b"?", Duration::from_secs(5))?;
        Ok(ReplyTwice)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if message.asks() {
            tell("a reply over the grant", &message.reply_bytes(&[b'x'; 17]));
            tell("first", &message.reply_bytes(b"one"));
            tell("second", &message.reply_bytes(b"two"));
        } else {
            info!("answer: {}", String::from_utf8_lossy(&message.payload));
        }
        Ok(())
    }
}

ae!(ReplyTwice);
