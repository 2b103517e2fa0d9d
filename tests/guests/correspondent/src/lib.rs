//! Speaks to other nodes as far as it is let, and tells what it hears: a signed report and a confidential command with every
//! beat, each with its number, and an answer to whoever commands. A number that is not taken comes again with the next beat.

use m2m_guest_sdk::messaging::{self, Options};
use m2m_guest_sdk::{ApplicationEntity, Message, Protection, Result, Sender, ae, info};

const REPORT: &str = "trust/1/report";
const COMMAND: &str = "trust/1/command";
const STATUS: &str = "trust/1/status";

#[derive(Default)]
struct Correspondent {
    reports: u32,
    commands: u32,
}

impl ApplicationEntity for Correspondent {
    fn init() -> Result<Self> {
        for filter in [tell::GO, "trust/+/report", "trust/+/command", "trust/+/status"] {
            tell::tell(&format!("subscribe {filter}"), &messaging::subscribe(filter));
        }
        Ok(Correspondent::default())
    }

    fn on_message(&mut self, message: Message) -> Result<()> {
        if message.topic == tell::GO {
            self.speak();
            return Ok(());
        }
        let said = String::from_utf8_lossy(&message.payload);
        info!("heard {} {said} {} {}", message.topic, who(&message.sender), how(message.protection));
        if message.topic == COMMAND {
            tell::tell(&format!("answer {said}"), &message.send_to_peer(STATUS, &message.payload));
        }
        Ok(())
    }
}

impl Correspondent {
    fn speak(&mut self) {
        say(REPORT, Options::SIGNED, &mut self.reports);
        say(COMMAND, Options::CONFIDENTIAL, &mut self.commands);
    }
}

fn say(topic: &str, options: Options, taken: &mut u32) {
    let number = (*taken + 1).to_string();
    let answer = messaging::publish(topic, number.as_bytes(), options);
    tell::tell(&format!("{topic} {number}"), &answer);
    *taken += u32::from(answer.is_ok());
}

fn who(sender: &Sender) -> String {
    match sender {
        Sender::Ae(name) => format!("ae:{name}"),
        Sender::Node(rights) => format!("node:{}", rights.join(",")),
        Sender::Device => "device".to_owned(),
        Sender::System => "system".to_owned(),
    }
}

fn how(protection: Protection) -> &'static str {
    match protection {
        Protection::Local => "local",
        Protection::Signed => "signed",
        Protection::Confidential => "confidential",
        Protection::Unauthenticated => "unauthenticated",
    }
}

ae!(Correspondent);
