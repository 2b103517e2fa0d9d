//! `m2m-authority serve`.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use super::terminal;
use crate::clock::Clock;
use crate::server::Server;

/// Arguments of `m2m-authority serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which role of the domain; without it DIR is the role's own folder
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// The folder of the domain, or of the role
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write the log as JSON lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    /// Enrolment function
    Mef,
    /// Authorization authority
    Aa,
    /// Hides nodes' addresses from AAs
    Relay,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let _flushed_at_the_end = log_to_stderr(args.json);
    let folder = match args.role {
        Some(RoleName::Mef) => args.folder.join("mef"),
        Some(RoleName::Aa) => args.folder.join("aa"),
        Some(RoleName::Relay) => args.folder.join("relay"),
        None => args.folder.clone(),
    };
    let server = Server::open(&folder, Clock::system())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(server))
}

async fn serve(server: Server) -> anyhow::Result<()> {
    let settings = server.settings();
    let address = settings.listen.context("`listen` is missing in authority.toml: expected as `127.0.0.1:7101`")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("no signal handler")?;
    let mut terminated = signal(SignalKind::terminate()).context("no signal handler")?;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(role = settings.role.name(), id = settings.id.as_str(), %address, "serving");
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(server.serve(listener, stopped));
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    serving.await.context("the server failed")?;
    tracing::info!("stopped");
    Ok(())
}

/// `RUST_LOG` chooses what is written; by default what a person needs to know. From a thread of its own: a reader who stops reading
/// must not stop the server, so lines are lost then.
fn log_to_stderr(json: bool) -> WorkerGuard {
    let (stderr, guard) = tracing_appender::non_blocking(std::io::stderr());
    // What libraries say at finer levels names addresses, so the authority's own words are all that is written.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("m2m_authority=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(terminal::stderr_has_colour()).init();
    }
    guard
}
