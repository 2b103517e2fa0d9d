//! Takes messages until one is poisoned.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct PanicsOnMessage;

impl ApplicationEntity for PanicsOnMessage {
    fn init() -> Result<Self> {
        messaging::subscribe("poison/+")?;
        messaging::subscribe(tell::GO)?;
        Ok(PanicsOnMessage)
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        match message.topic.as_str() {
            tell::GO => {
                for topic in ["poison/none", "poison/pill", "poison/error", "poison/none"] {
                    messaging::publish(topic, topic.as_bytes(), messaging::Options::LOCAL)?;
                }
                messaging::unsubscribe(tell::GO)
            }
            "poison/pill" => panic!("poisoned"),
            "poison/error" => Err("does not agree with it".into()),
            topic => {
                info!("took {topic}");
                Ok(())
            }
        }
    }
}

ae!(PanicsOnMessage);
