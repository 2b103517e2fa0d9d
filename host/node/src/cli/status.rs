//! `m2m-host status`.

use std::process::ExitCode;

use anyhow::Context;
use m2m_provisioning::LifeCycle;

use super::NodeToml;
use super::terminal;
use crate::control;
use crate::node::Files;
use crate::status::{AeReport, Life, NodeReport};
use crate::transport::outbound::OutboundReport;

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
    match &report.trust {
        Some(trust) => life_cycle(trust),
        None => terminal::say("  life cycle          takes part in no M2M system: no `[trust]` in node.toml"),
    }
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

/// Where a node is in its life, and what it waits for.
pub(super) fn life_cycle(trust: &LifeCycle) {
    let stage = serde_json::to_value(trust.stage).ok();
    let stage = stage.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    terminal::say(format_args!("  life cycle          {stage} since {}", terminal::time(trust.since)));
    if let Some(why) = &trust.waits_for {
        terminal::say(format_args!("    waits for         {why}"));
    }
    terminal::say(format_args!(
        "    so far            {} enrolments, {} certificates ({} unused), {} changes of pseudonym",
        trust.enrolments, trust.certificates, trust.certificates_held, trust.pseudonym_changes
    ));
    let ends = [("subscription until", trust.subscribed_until), ("revocations until", trust.revocations_until)];
    for (what, until) in ends.into_iter().filter_map(|(what, until)| Some((what, until?))) {
        terminal::say(format_args!("    {what:<17} {}", terminal::time(until)));
    }
    for (cause, count) in &trust.refused {
        terminal::say(format_args!("    refused           {count} messages: {cause}"));
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
        "  messages   {} delivered (median {} µs, p99 {} µs), {} waiting, {} dropped, {} missed, {} failed",
        ae.delivered, ae.latency.median_us, ae.latency.p99_us, ae.waiting, ae.dropped, ae.missed, ae.messages_failed
    ));
    let out = &ae.outbound;
    if *out != OutboundReport::default() {
        let dropped: Vec<_> =
            out.dropped.iter().map(|(reason, count)| format!(", {count} dropped: {reason}")).collect();
        terminal::say(format_args!("  way out    {} sent, {} waiting{}", out.sent, out.waiting, dropped.concat()));
    }
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
