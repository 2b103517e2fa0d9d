//! `m2m-host report`: what a node heard on a topic, for whoever decides on misbehaviour.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::NodeToml;
use super::terminal;
use crate::control;
use crate::node::Files;

/// Arguments of `m2m-host report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeToml,
    /// The topic that the messages came on
    #[arg(long)]
    topic: String,
    /// Where the report is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    topic: &'a str,
    out: PathBuf,
    bytes: usize,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let state = Files::read(args.node.path())?.state_path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(control::ask_report(&state, &args.topic)).with_context(|| {
        format!("no report from the node of `{}`, which has to be running", args.node.path().display())
    })?;
    std::fs::write(&args.out, &report).with_context(|| format!("`{}`", args.out.display()))?;
    if args.json {
        terminal::json(&Report { topic: &args.topic, out: args.out.clone(), bytes: report.len() })?;
    } else {
        terminal::say(format_args!(
            "the last messages on `{}` are in `{}`, {} bytes: `m2m-authority report` shows them",
            args.topic,
            args.out.display(),
            report.len()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
