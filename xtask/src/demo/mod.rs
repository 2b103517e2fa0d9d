//! `cargo xtask demo`: a trust domain, two nodes that enrol in it, and the examples on them over the whole metering series;
//! then what happened.

mod domain;
mod interceptor;
mod node;
mod stage;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::process::build_programs;
use crate::{guests, root};
use domain::{Domain, Ports};
use interceptor::Interceptor;
use node::RunningNode;
use stage::Stage;
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
    /// The folder for domain and nodes; whatever a demo left there is removed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let components = guests::build_examples()?;
    eprintln!("host and authority: building");
    let programs = build_programs()?;
    let dir = args.dir.clone().unwrap_or_else(|| root::target().join("demo"));
    let with_rogue = !args.without_rogue;
    let ports = Ports::free()?;
    let stage = Stage::set(&dir, &components, ports, with_rogue)?;

    eprintln!("domain: MEF, AA and relay");
    let domain = Domain::start(&programs.authority, &stage.domain(), ports)?;
    for node in [stage.meter(), stage.control()] {
        node::initialize(&programs.host, &node, &domain)?;
    }
    let interceptor = Interceptor::start(&stage.intercepted(), &stage.link())?;
    let mut control = RunningNode::start(&programs.host, &stage.control())?;
    let mut meter = RunningNode::start(&programs.host, &stage.meter())?;
    let watched = watch(&mut meter, &mut control, with_rogue);
    let reports = (meter.status(), control.status());
    meter.stop()?;
    let log = control.stop()?;
    watched?;
    let audits = [stage.meter(), stage.control()].map(|node| node::verify_audit(&programs.host, &node));
    let [meter_audit, control_audit] = audits;
    let audits = [meter_audit?, control_audit?];
    let summary = Summary::new(&[reports.0?, reports.1?], &log, audits, &interceptor, &dir);
    if args.json {
        let _ = writeln!(anstream::stdout(), "{}", serde_json::to_string(&summary)?);
    } else {
        summary.print();
    }
    Ok(())
}

/// Until every reading is delivered and every attempt is made.
fn watch(meter: &mut RunningNode, control: &mut RunningNode, with_rogue: bool) -> anyhow::Result<()> {
    let bar = ProgressBar::new(READINGS);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} readings {msg}") {
        bar.set_style(style);
    }
    let started = Instant::now();
    loop {
        let delivered = summary::delivered_readings(&control.status()?);
        let attempts = control.log().attempts().len();
        bar.set_position(delivered);
        if with_rogue {
            bar.set_message(format!("{attempts} attempts of `rogue`"));
        }
        if delivered >= READINGS
            && control.log().is_complete("leak-detector")
            && (!with_rogue || control.log().is_complete("rogue"))
        {
            bar.finish_and_clear();
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("after {} s: {delivered} of {READINGS} readings, {attempts} attempts", PATIENCE.as_secs());
        }
        control.check_alive()?;
        meter.check_alive()?;
        std::thread::sleep(POLL);
    }
}
