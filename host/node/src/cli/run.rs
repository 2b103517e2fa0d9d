//! `m2m-host run`.

use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

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
    let _flushed_at_the_end = log_to_stderr(args.json);
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
///
/// From a thread of its own: a reader who stops reading must not stop the node, so lines are lost then.
fn log_to_stderr(json: bool) -> WorkerGuard {
    let (stderr, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(terminal::stderr_has_colour()).init();
    }
    guard
}
