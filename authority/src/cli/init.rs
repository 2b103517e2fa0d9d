//! `m2m-authority init`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use m2m_trust::seal::Suite;

use super::terminal::{self, Progress};
use crate::init::{Options, Ports, ServiceOption, init};
use crate::settings::humantime_text;

/// Arguments of `m2m-authority init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to make
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What people call the domain
    #[arg(long, value_name = "NAME", default_value = "development")]
    domain: String,
    /// A service with its operations, as `metering=report,command`; can be repeated
    #[arg(long = "service", value_name = "NAME=OPERATIONS", value_parser = service)]
    services: Vec<ServiceOption>,
    /// The same for a service whose messages are events, which count for ten minutes instead of two seconds
    #[arg(long = "event-service", value_name = "NAME=OPERATIONS", value_parser = event_service)]
    event_services: Vec<ServiceOption>,
    /// What requests are sealed with
    #[arg(long, value_enum, default_value = "x-wing")]
    suite: SuiteName,
    /// Length of a slot
    #[arg(long, value_name = "DURATION", default_value = "1 h", value_parser = humantime_text::parse)]
    slot: Duration,
    /// Slots in an epoch, in which certificates are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 168)]
    slots_per_epoch: u32,
    /// Certificates for a service in a slot
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    per_slot: u32,
    /// Certificates that a subscription allows in an epoch; without it twice what all services need
    #[arg(long, value_name = "NUMBER")]
    quota: Option<u32>,
    /// How long a revocation list counts
    #[arg(long, value_name = "DURATION", default_value = "10 min", value_parser = humantime_text::parse)]
    revocation_period: Duration,
    /// Where the MEF listens on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 7101)]
    mef_port: u16,
    /// Where the AA listens on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 7103)]
    aa_port: u16,
    /// Where the relay listens on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 7105)]
    relay_port: u16,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SuiteName {
    /// X25519 and ML-KEM-768: what is recorded today stays closed to a quantum computer
    XWing,
    /// X25519 alone
    X25519,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let options = args.options();
    let progress = Progress::start();
    init(&args.folder, &options, &mut |step| progress.step(step))?;
    drop(progress);
    let folder = args.folder.display();
    if args.json {
        return terminal::json(&serde_json::json!({
            "folder": args.folder,
            "domain": crate::domain::Domain::in_folder(&args.folder)?.bundle.domain.to_string(),
            "mef": format!("http://127.0.0.1:{}", args.mef_port),
            "aa": format!("http://127.0.0.1:{}", args.aa_port),
            "relay": format!("http://127.0.0.1:{}", args.relay_port),
        }));
    }
    terminal::say(format_args!("made the trust domain `{}` in `{folder}`; next:", args.domain));
    for role in ["mef", "aa", "relay"] {
        terminal::say(format_args!("  m2m-authority serve --role {role} {folder}"));
    }
    terminal::say(format_args!("  m2m-authority manufacture {folder} device.json --out initialization.cbor"));
    Ok(())
}

impl Args {
    fn options(&self) -> Options {
        let given: Vec<_> = self.services.iter().chain(&self.event_services).cloned().collect();
        let services = if given.is_empty() { Options::default().services } else { given };
        Options {
            name: self.domain.clone(),
            services,
            suite: match self.suite {
                SuiteName::XWing => Suite::XWing,
                SuiteName::X25519 => Suite::X25519,
            },
            slot: self.slot,
            slots_per_epoch: self.slots_per_epoch,
            per_slot: self.per_slot,
            revocation_period: self.revocation_period,
            quota: self.quota,
            ports: Ports { mef: self.mef_port, aa: self.aa_port, relay: self.relay_port },
        }
    }
}

fn service(text: &str) -> Result<ServiceOption, String> {
    parse_service(text, false)
}

fn event_service(text: &str) -> Result<ServiceOption, String> {
    parse_service(text, true)
}

fn parse_service(text: &str, event: bool) -> Result<ServiceOption, String> {
    let is_name = |name: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=32).contains(&name.len()) && name.chars().all(fits)
    };
    let expected = || "expected a name, `=` and operations, each of a-z, 0-9 and `-`, as `metering=report,command`";
    let (name, operations) = text.split_once('=').ok_or_else(expected)?;
    let operations: Vec<_> = operations.split(',').map(str::to_owned).collect();
    if !is_name(name) || !operations.iter().all(|operation| is_name(operation)) {
        return Err(expected().to_owned());
    }
    Ok(ServiceOption { name: name.to_owned(), operations, event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_name_and_operations() {
        let metering = parse_service("metering=report,command", false).unwrap();
        assert_eq!((metering.name.as_str(), metering.operations.len()), ("metering", 2));
        for bad in ["metering", "=report", "metering=", "metering=report,,command", "Metering=report", "a/b=c"] {
            assert!(parse_service(bad, false).is_err(), "{bad}");
        }
    }
}
