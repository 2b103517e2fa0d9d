//! Subscribes to a thousand filters of a grant that allows each of them.

use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};
use tell::tell;

struct SubscriptionStorm;

impl ApplicationEntity for SubscriptionStorm {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        let mut taken = 0;
        let refused = loop {
            match messaging::subscribe(&format!("many/{taken}")) {
                Ok(()) if taken < 1000 => taken += 1,
                ended => break ended,
            }
        };
        info!("taken: {taken}");
        tell("one more", &refused);
        tell("one that it has", &messaging::subscribe("many/0"));
        tell("end one", &messaging::unsubscribe("many/0"));
        tell("one more, after the end", &messaging::subscribe("many/new"));
        tell("end it twice", &messaging::unsubscribe("many/0"));
        tell("outside", &messaging::subscribe("other/0"));
        Ok(SubscriptionStorm)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

ae!(SubscriptionStorm);
