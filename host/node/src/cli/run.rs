//! `m2m-host run`.

use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::NodeToml;
use super::terminal::{self, Progress};
use crate::Node;
use crate::status::Life;

/// Arguments of `m2m-host run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeToml,
    /// Write the log as JSON lines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    log_to_stderr(args.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().event_interval(1).build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Args) -> anyhow::Result<ExitCode> {
    let mut interrupted = signal(SignalKind::interrupt()).context("no signal handler")?;
    let mut terminated = signal(SignalKind::terminate()).context("no signal handler")?;
    let progress = Progress::start();
    let node = Node::start(args.node.path(), &mut |step| progress.step(step)).await?;
    drop(progress);
    let report = node.report();
    let refused = report.aes.iter().filter(|ae| ae.life == Life::Refused).count();
    tracing::info!(node = report.node, aes = report.aes.len() - refused, refused, "running");
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    node.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// `RUST_LOG` chooses what is written; by default what a person needs to know.
fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(terminal::stderr_has_colour()).init();
    }
}

/// Standard error, which a closed pipe must not turn into a panic.
struct Stderr;

impl MakeWriter<'_> for Stderr {
    type Writer = std::io::Stderr;

    fn make_writer(&self) -> Self::Writer {
        std::io::stderr()
    }
}
