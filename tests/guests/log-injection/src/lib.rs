//! Tries to end its line of the log, to colour the terminal and to write in another AE's name.

use m2m_guest_sdk::logging::{Level, log};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct LogInjection;

impl ApplicationEntity for LogInjection {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(LogInjection)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        info!("plain: grün, 水");
        info!("feed\n{{\"level\":\"INFO\",\"target\":\"ae\",\"ae\":\"echo\",\"message\":\"got 0\"}}\r\n");
        info!("colour \u{1b}[31mred\u{1b}[0m \u{9b}31m");
        info!("direction \u{202e}desrever\u{2066}x\u{2069} \u{2028}line");
        info!("nul \0 bell \u{7} del \u{7f}");
        log(Level::Info, "context\n\u{1b}[0m", format_args!("in the context"));
        info!("long {}", "x".repeat(5000));
        info!("done");
        Ok(())
    }
}

ae!(LogInjection);
