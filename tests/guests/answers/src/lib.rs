//! Answers, declines, or lets the asker wait, as the topic says.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, messaging};
use tell::tell;

struct Answers {
    lingering: Vec<Message>,
}

impl ApplicationEntity for Answers {
    fn init() -> Result<Self> {
        for topic in ["ask/reply", "ask/drop", "ask/linger", "ask/over", "ask/no-right"] {
            messaging::subscribe(topic)?;
        }
        Ok(Answers { lingering: Vec::new() })
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        match message.topic.as_str() {
            "ask/reply" => tell("in time", &message.reply_bytes(b"hello")),
            "ask/linger" => self.lingering.push(message),
            "ask/over" => {
                for message in self.lingering.drain(..) {
                    tell("too late", &message.reply_bytes(b"late"));
                }
            }
            _ => drop(message),
        }
        Ok(())
    }
}

ae!(Answers);
