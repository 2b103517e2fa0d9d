//! `m2m-authority report`.

use std::path::PathBuf;

use super::terminal;
use crate::domain::Domain;
use crate::misbehaviour::{REPORT_BYTES_MAX, VerifiedReport, verify_report};

/// Arguments of `m2m-authority report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the domain
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The report, as a node wrote it
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let domain = Domain::in_folder(&args.folder)?;
    let report = verify_report(&domain, &terminal::read(&args.report, REPORT_BYTES_MAX as u64)?)?;
    let shown = show(&domain, &report);
    if args.json {
        return terminal::json(&shown);
    }
    let certificate = &report.certificate;
    terminal::say(format_args!("certificate  {}", certificate.digest()));
    terminal::say(format_args!("issued by    {}", certificate.issuer()));
    terminal::say(format_args!("slot         {}", certificate.claims().linkage.slot));
    terminal::say(format_args!("permissions  {}", names(&domain, &report).join(", ")));
    for (topic, message) in &report.messages {
        let text = String::from_utf8_lossy(&message.data).escape_debug().to_string();
        terminal::say(format_args!("  {}  {}  {text}", message.time.0, topic.escape_debug()));
    }
    Ok(())
}

fn show(domain: &Domain, report: &VerifiedReport) -> serde_json::Value {
    let messages = report.messages.iter().map(|(topic, message)| {
        serde_json::json!({ "topic": topic, "time-us": message.time.0, "data": hex::encode(&message.data.0) })
    });
    serde_json::json!({
        "certificate": report.certificate.digest().to_string(),
        "authority": report.certificate.issuer().as_str(),
        "slot": report.certificate.claims().linkage.slot.0,
        "permissions": names(domain, report),
        "messages": messages.collect::<Vec<_>>(),
    })
}

fn names(domain: &Domain, report: &VerifiedReport) -> Vec<String> {
    let scope = &report.certificate.claims().scope;
    scope.operations().filter_map(|(service, operation)| domain.bundle.operation_name(service, operation)).collect()
}
