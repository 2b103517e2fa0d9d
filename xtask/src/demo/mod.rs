//! `cargo xtask demo`: the examples on one node, over the whole metering series, then what happened.

mod node;
mod stage;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::process::build_host;
use crate::{guests, root};
use node::RunningNode;
use summary::Summary;

/// How many readings the series has.
const READINGS: u64 = 1_268;
/// Longer than the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(200);

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// Leave out the AE that tries everything it must not do
    #[arg(long)]
    without_rogue: bool,
    /// The folder for the node; whatever a demo left there is removed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let components = guests::build_examples()?;
    eprintln!("host: building");
    let host = build_host()?;
    let dir = args.dir.clone().unwrap_or_else(|| root::target().join("demo"));
    let with_rogue = !args.without_rogue;
    stage::set(&dir, &components, with_rogue)?;
    let mut node = RunningNode::start(&host, &dir)?;
    let watched = watch(&mut node, with_rogue);
    let report = node.status();
    let log = node.stop()?;
    watched?;
    let audit = node::verify_audit(&host, &dir)?;
    let summary = Summary::new(&report?, &log, &audit, &dir);
    if args.json {
        let _ = writeln!(anstream::stdout(), "{}", serde_json::to_string(&summary)?);
    } else {
        summary.print();
    }
    Ok(())
}

/// Until every reading is delivered and every attempt is made.
fn watch(node: &mut RunningNode, with_rogue: bool) -> anyhow::Result<()> {
    let bar = ProgressBar::new(READINGS);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} readings {msg}") {
        bar.set_style(style);
    }
    let started = Instant::now();
    loop {
        let delivered = summary::delivered_readings(&node.status()?);
        let attempts = node.log().attempts().len();
        bar.set_position(delivered);
        if with_rogue {
            bar.set_message(format!("{attempts} attempts of `rogue`"));
        }
        if delivered >= READINGS
            && node.log().is_complete("leak-detector")
            && (!with_rogue || node.log().is_complete("rogue"))
        {
            bar.finish_and_clear();
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("after {} s: {delivered} of {READINGS} readings, {attempts} attempts", PATIENCE.as_secs());
        }
        node.check_alive()?;
        std::thread::sleep(POLL);
    }
}
