//! Asks what the node may do for it, for more, and for another pseudonym.

use m2m_guest_sdk::authorization::{self, Service};
use m2m_guest_sdk::{ApplicationEntity, Message, Result, ae, info, messaging};

struct RightAsker;

impl ApplicationEntity for RightAsker {
    fn init() -> Result<Self> {
        messaging::subscribe(tell::GO)?;
        Ok(RightAsker)
    }

    fn on_message(&mut self, _: Message) -> Result<()> {
        let services = authorization::services();
        match &services {
            Ok(services) => info!("services: {}", names(services)),
            refused => tell::tell("services", refused),
        }
        for service in ["metering/report", "metering/command", "heating/report"] {
            tell::tell(&format!("request {service}"), &authorization::request(service));
        }
        tell::tell("change", &authorization::change_pseudonym());
        Ok(())
    }
}

/// Each with whether it lasts.
fn names(services: &[Service]) -> String {
    services.iter().map(|service| format!("[{} {}]", service.name, service.until > 0)).collect()
}

ae!(RightAsker);
