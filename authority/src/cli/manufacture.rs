//! `m2m-authority manufacture`.

use std::path::PathBuf;

use anyhow::Context;

use super::terminal;
use crate::manufacture::{Device, manufacture};

const DEVICE_BYTES_MAX: u64 = 65_536;

/// Arguments of `m2m-authority manufacture`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the domain
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What the device says of itself, written by `m2m-host init`
    #[arg(value_name = "DEVICE.json")]
    device: PathBuf,
    /// Where to write what the node installs
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A certification of the product, as `https://registrar.example=platform`; can be repeated
    #[arg(long = "certification", value_name = "REGISTRAR=PLATFORM", value_parser = certification)]
    certifications: Vec<(String, String)>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let device = terminal::read(&args.device, DEVICE_BYTES_MAX)?;
    let device: Device = serde_json::from_slice(&device).with_context(|| format!("`{}`", args.device.display()))?;
    let manufactured = manufacture(&args.folder, &device, &args.certifications)?;
    terminal::write(&args.out, &manufactured.initialization)?;
    if args.json {
        let canonical_id = manufactured.canonical_id.to_string();
        return terminal::json(&serde_json::json!({ "canonical-id": canonical_id, "file": args.out }));
    }
    terminal::say(format_args!("canonical identity  {}", manufactured.canonical_id));
    terminal::say(format_args!("to install          m2m-host init --initialization {}", args.out.display()));
    Ok(())
}

fn certification(text: &str) -> Result<(String, String), &'static str> {
    let (registrar, platform) = text.split_once('=').ok_or("expected REGISTRAR=PLATFORM")?;
    Ok((registrar.to_owned(), platform.to_owned()))
}
