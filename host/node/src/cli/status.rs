//! `m2m-host status`.

use std::process::ExitCode;

use anyhow::Context;

use super::NodeToml;
use super::terminal;
use crate::control;
use crate::node::Files;
use crate::status::{AeReport, Life, NodeReport};

/// Arguments of `m2m-host status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeToml,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let state = Files::read(args.node.path())?.state_path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(control::ask_status(&state)).with_context(|| {
        format!("no node answers for `{}`: start it with `m2m-host run`", args.node.path().display())
    })?;
    if args.json {
        terminal::json(&report)?;
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &NodeReport) {
    terminal::say(format_args!("\x1b[1m{}\x1b[0m  m2m-host {}", report.node, report.version));
    terminal::say(format_args!("  life cycle          {}", report.enrolment));
    terminal::say(format_args!("  audit               {}", report.audit));
    terminal::say(format_args!("  audit key           {}", report.audit_public_key));
    let se = &report.secure_environment;
    terminal::say(format_args!("  secure environment  {}, root key from {}", se.protection, se.root_key));
    for missing in &se.missing {
        terminal::say(format_args!("    missing           {missing}"));
    }
    terminal::say(format_args!("  instances           {}", report.allocation));
    for ae in &report.aes {
        print_ae(ae);
    }
    for letter in &report.dead_letters {
        let text = |key: &str| letter[key].as_str().unwrap_or_default().escape_debug().to_string();
        terminal::say(format_args!("\ndead letter of {}: {} ({})", text("ae"), text("topic"), text("why")));
    }
}

fn print_ae(ae: &AeReport) {
    let colour = match ae.life {
        Life::Running => "32",
        Life::Starting | Life::Restarting | Life::Stopped => "33",
        Life::Failed | Life::Refused => "31",
    };
    let life = format!("{:?}", ae.life).to_lowercase();
    terminal::say(format_args!("\n\x1b[1m{}\x1b[0m  \x1b[{colour}m{life}\x1b[0m", ae.name));
    if let Some(why) = &ae.refused {
        terminal::say(format_args!("  {why}"));
        return;
    }
    let pinned = if ae.digest_pinned { "pinned" } else { "not pinned" };
    terminal::say(format_args!("  component  {} ({pinned})", ae.component.as_deref().unwrap_or("-")));
    terminal::say(format_args!(
        "  messages   {} delivered (median {} µs, p99 {} µs), {} waiting, {} dropped, {} failed",
        ae.delivered, ae.latency.median_us, ae.latency.p99_us, ae.waiting, ae.dropped, ae.messages_failed
    ));
    terminal::say(format_args!(
        "  instance   {} KiB, {} faults, {} restarts",
        ae.memory_bytes / 1024,
        ae.fault_count,
        ae.restarts
    ));
    for fault in &ae.faults {
        terminal::say(format_args!("    fault    {}: {}", fault.kind, fault.text));
    }
    for call in &ae.calls {
        let rule = call.rule.as_deref().unwrap_or("no rule");
        terminal::say(format_args!("    {:<10} {:<26} {:>8}  {rule}", call.effect, call.operation, call.count));
    }
}
