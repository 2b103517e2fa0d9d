//! `m2m-host enrol`: one attempt to enrol, with a person watching.

use std::process::ExitCode;

use anyhow::{Context, bail};
use m2m_provisioning::{LifeCycle, Stage};
use serde::Serialize;

use super::NodeToml;
use super::init::no_trust;
use super::status::life_cycle;
use super::terminal::{self, Progress};
use crate::control;
use crate::node::{Files, Offline, StartError};
use crate::state::StateError;

/// Arguments of `m2m-host enrol`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeToml,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    /// What the subscription allows.
    operations: Vec<String>,
    /// Until when, seconds since 1970.
    until: u64,
    /// Certificates in an epoch.
    quota: u32,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let node = match Offline::open(args.node.path()) {
        Ok(Some(node)) => node,
        Ok(None) => bail!(no_trust(&args.node)),
        Err(StartError::State(StateError::InUse(_))) => return runtime.block_on(ask_running(args)),
        Err(error) => return Err(error.into()),
    };
    let progress = Progress::start();
    let enrolled = runtime.block_on(node.provisioning().enrol(&mut |step| progress.step(step)));
    drop(progress);
    node.close()?;
    let subscribed = enrolled.context("not enrolled")?;
    let report = Report { operations: subscribed.operations, until: subscribed.until.0, quota: subscribed.quota };
    if args.json {
        terminal::json(&report)?;
    } else {
        let until = terminal::time(report.until);
        terminal::say(format_args!("enrolled until {until} for {}", report.operations.join(", ")));
        terminal::say(format_args!("{} certificates an epoch; `m2m-host run` fetches them", report.quota));
    }
    Ok(ExitCode::SUCCESS)
}

/// A node that runs enrols by itself, and holds its keys: there is nothing to do but to ask it.
async fn ask_running(args: &Args) -> anyhow::Result<ExitCode> {
    let state = Files::read(args.node.path())?.state_path();
    let report = control::ask_status(&state).await.context("a node runs on this state folder and does not answer")?;
    let Some(trust) = report.trust else { bail!(no_trust(&args.node)) };
    if args.json {
        terminal::json(&trust)?;
    } else {
        terminal::say("The node runs, and enrols by itself. It is");
        life_cycle(&trust);
    }
    Ok(if is_enrolled(&trust) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_enrolled(trust: &LifeCycle) -> bool {
    trust.stage >= Stage::Enrolled
}
