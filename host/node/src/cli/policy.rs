//! `m2m-host policy check|explain`, by the evaluator that enforces.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use m2m_policy::{Algorithm, Call, Effect, Explanation, LogLevel, Policy, Protection};
use serde_json::json;

use super::terminal;

/// What to do with capability files.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Check files: their form, every setting, and their `[[test]]` blocks
    Check(CheckArgs),
    /// Say how one call is decided, by which rule, and what would change it
    Explain(Box<ExplainArgs>),
}

/// Arguments of `policy check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Capability files and ceilings
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `policy explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The capability file
    file: PathBuf,
    /// The call, as `messaging.publish` or `keys.sign`
    #[arg(long, value_name = "OPERATION")]
    call: String,
    /// The node's ceiling, decided over as well
    #[arg(long, value_name = "FILE")]
    ceiling: Option<PathBuf>,
    /// The topic
    #[arg(long)]
    topic: Option<String>,
    /// The topic filter
    #[arg(long)]
    filter: Option<String>,
    /// The alias of the key
    #[arg(long)]
    alias: Option<String>,
    /// The payload's size in bytes
    #[arg(long, value_name = "BYTES")]
    size: Option<usize>,
    /// Who sent it: `ae:NAME`, `system` or `service:SERVICE/OPERATION`
    #[arg(long)]
    sender: Option<String>,
    /// `local`, `signed` or `confidential`
    #[arg(long)]
    protection: Option<Protection>,
    /// To stay as the topic's last value
    #[arg(long)]
    retain: bool,
    /// The level of the log line
    #[arg(long)]
    level: Option<LogLevel>,
    /// The service, as `metering/report`
    #[arg(long)]
    service: Option<String>,
    /// The algorithm of the key to be made
    #[arg(long)]
    algorithm: Option<Algorithm>,
    /// The key is a child of the one with this alias
    #[arg(long)]
    child: bool,
    /// How long to wait for an answer, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout: Option<u32>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: PolicyCommand) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Check(args) => check(&args),
        PolicyCommand::Explain(args) => explain(&args),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut all_hold = true;
    for file in &args.files {
        let name = file.display().to_string();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                all_hold = false;
                match args.json {
                    true => terminal::json(
                        &json!({ "file": name, "ok": false, "errors": [{ "message": error.to_string() }] }),
                    )?,
                    false => terminal::error(&anyhow::Error::new(error).context(format!("`{name}`"))),
                }
                continue;
            }
        };
        let policy = Policy::parse(&name, &text);
        all_hold &= policy.is_ok();
        match (policy, args.json) {
            (Ok(policy), false) => print_holds(&name, &policy),
            (Err(error), false) => {
                let _ = writeln!(anstream::stderr(), "{}", error.render(true));
            }
            (policy, true) => terminal::json(&report(&name, &policy))?,
        }
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_holds(name: &str, policy: &Policy) {
    let whose = policy.ae().map_or_else(|| "ceiling".to_owned(), |ae| format!("ae `{ae}`"));
    terminal::say(format_args!("\x1b[32mok\x1b[0m {name}: {whose}, {} rules", policy.rules().len()));
    for warning in policy.warnings() {
        terminal::say(format_args!("  \x1b[33mwarning\x1b[0m {warning}"));
    }
}

fn report(name: &str, policy: &Result<Policy, m2m_policy::PolicyError>) -> serde_json::Value {
    match policy {
        Ok(policy) => json!({
            "file": name,
            "ok": true,
            "ae": policy.ae(),
            "rules": policy.rules().len(),
            "warnings": policy.warnings().iter()
                .map(|warning| json!({ "line": warning.line, "message": warning.message }))
                .collect::<Vec<_>>(),
        }),
        Err(error) => json!({
            "file": name,
            "ok": false,
            "errors": error.diagnostics().iter()
                .map(|error| json!({
                    "line": error.line, "column": error.column, "message": error.message, "help": error.help,
                }))
                .collect::<Vec<_>>(),
        }),
    }
}

/// Exit 0 when the call is allowed, 1 when it is not, 2 when it is no call.
fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let mut policies = vec![load(&args.file)?];
    policies.extend(args.ceiling.as_deref().map(load).transpose()?);
    let call = args.call();
    let explained = call
        .with_request(|request| policies.iter().map(|policy| policy.explain(request)).collect::<Vec<Explanation>>());
    let explanations = match explained {
        Ok(explanations) => explanations,
        Err(error) => {
            terminal::error(&error.into());
            return Ok(ExitCode::from(2));
        }
    };
    // Right = capability file ∩ ceiling: the first that does not allow decides.
    let refusing = explanations.iter().find(|explanation| explanation.effect != Effect::Allow);
    if let Some(deciding) = refusing.or(explanations.first()) {
        if args.json {
            terminal::json(deciding)?;
        } else {
            terminal::say(deciding);
        }
    }
    Ok(if refusing.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(file: &Path) -> anyhow::Result<Policy> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("`{name}`"))?;
    Policy::parse(&name, &text).map_err(|error| anyhow::anyhow!("the file is refused:\n{error}"))
}

impl ExplainArgs {
    fn call(&self) -> Call {
        Call {
            topic: self.topic.clone(),
            filter: self.filter.clone(),
            alias: self.alias.clone(),
            size_bytes: self.size,
            sender: self.sender.clone(),
            protection: self.protection,
            retain: self.retain.then_some(true),
            level: self.level,
            service: self.service.clone(),
            algorithm: self.algorithm,
            child: self.child.then_some(true),
            timeout_ms: self.timeout,
            ..Call::new(&self.call)
        }
    }
}
