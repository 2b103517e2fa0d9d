//! Publishes on topics that are the node's, malformed or excepted, and subscribes to what is not granted.

use std::time::Duration;

use m2m_guest_sdk::messaging::{self, Options};
use m2m_guest_sdk::{ApplicationEntity, Message, Protection, Result, ae};
use tell::tell;

struct TopicForger;

impl ApplicationEntity for TopicForger {
    fn init() -> Result<Self> {
        for topic in ["forged/ok", "$timer/beat", "$dead-letter/echo", "$anything", "forged/secret/a"] {
            tell(&format!("publish {topic}"), &publish(topic));
        }
        tell("publish wildcard", &publish("forged/+"));
        tell("publish rest", &publish("forged/#"));
        tell("publish empty", &publish(""));
        tell("publish nul", &publish("forged/\0"));
        tell("publish long", &publish(&format!("forged/{}", "a".repeat(70_000))));
        tell("publish deep", &publish(&format!("forged{}", "/a".repeat(128))));
        tell("publish at the limit", &publish(&format!("forged/{}", "a".repeat(1_017))));
        tell("publish past the limit", &publish(&format!("forged/{}", "a".repeat(1_018))));
        tell("retained", &messaging::publish("forged/ok", b"x", Options::RETAINED));
        let protection = Protection::Signed;
        tell("signed", &messaging::publish("forged/ok", b"x", Options { protection, ..Options::LOCAL }));
        for filter in ["forged/+", "forged/+/a", "#", "$timer/#", "$dead-letter/echo", "+/count", "forged/#/a", "a+"] {
            tell(&format!("subscribe {filter}"), &messaging::subscribe(filter));
        }
        tell("subscribe empty", &messaging::subscribe(""));
        tell("subscribe shared", &messaging::subscribe("$share/group/forged/ok"));
        tell("request", &messaging::request("bystander/echo", b"x", Duration::from_secs(1)));
        Ok(TopicForger)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        Ok(())
    }
}

fn publish(topic: &str) -> Result<()> {
    messaging::publish(topic, b"x", Options::LOCAL)
}

ae!(TopicForger);
