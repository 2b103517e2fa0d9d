//! `m2m-host init`: a node's beginning in an M2M system, before its first start.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;

use super::NodeToml;
use super::terminal;
use crate::node::Offline;

/// Where the device key is written for the manufacturer, where nothing else is said.
const DEVICE_FILE: &str = "device.json";

/// Arguments of `m2m-host init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeToml,
    /// Write what the manufacturer needs to this file [default: device.json, where nothing is installed]
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// Install what the manufacturer made for this node
    #[arg(long, value_name = "FILE")]
    initialization: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    device_key: String,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<PathBuf>,
    /// Version of the trust bundle that was installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<u64>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let initialization = args.initialization.as_ref();
    let initialization =
        initialization.map(|file| std::fs::read(file).with_context(|| format!("`{}`", file.display()))).transpose()?;
    let Some(node) = Offline::open(args.node.path())? else { bail!(no_trust(&args.node)) };
    let done = initialize(args, &node, initialization.as_deref());
    node.close()?;
    let report = done?;
    if args.json {
        terminal::json(&report)?;
    } else {
        report.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn initialize(args: &Args, node: &Offline, initialization: Option<&[u8]>) -> anyhow::Result<Report> {
    let request = node.provisioning().device()?;
    let default = initialization.is_none().then(|| PathBuf::from(DEVICE_FILE));
    let device = args.device.clone().or(default);
    if let Some(file) = &device {
        let mut text = serde_json::to_string_pretty(&request)?;
        text.push('\n');
        std::fs::write(file, text).with_context(|| format!("`{}`", file.display()))?;
    }
    let bundle = match (initialization, &args.initialization) {
        (Some(bytes), Some(file)) => {
            let installed = node.provisioning().install(bytes);
            Some(installed.with_context(|| format!("`{}` is not installed", file.display()))?)
        }
        _ => None,
    };
    Ok(Report { device_key: request.device_key, device, bundle })
}

/// What every command answers that has nothing to do on a node of its own.
pub(super) fn no_trust(node: &NodeToml) -> String {
    format!("`{}` has no `[trust]`: the node takes part in no M2M system", node.path().display())
}

impl Report {
    fn print(&self) {
        terminal::say(format_args!("device key  {}", self.device_key));
        if let Some(file) = &self.device {
            terminal::say(format_args!(
                "for the manufacturer: `{}`. What comes back goes in with `m2m-host init --initialization FILE`",
                file.display()
            ));
        }
        if let Some(bundle) = self.bundle {
            terminal::say(format_args!(
                "initialized, with trust bundle {bundle}. It enrols by itself when it runs, or now with `m2m-host enrol`"
            ));
        }
    }
}
