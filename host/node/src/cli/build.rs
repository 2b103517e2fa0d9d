//! `m2m-host build`: an AE's folder into a component beside its `node.toml`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use m2m_guest_toolchain::{BuildRequest, Output, Toolchain};

use super::terminal::{self, Progress};

/// Arguments of `m2m-host build`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder with the AE's `Cargo.toml`
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where compiled guests are kept; AEs that share it build the standard library once
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let progress = Progress::start();
    let toolchain = Toolchain::find(&|step| progress.step(step))?;
    drop(progress);
    if !args.json {
        terminal::say(format_args!("building with {}", toolchain.describe()));
    }
    let target_dir = args.target_dir.clone().unwrap_or_else(|| args.dir.join("target"));
    let built = toolchain.build(&BuildRequest::new(&args.dir, target_dir).output(Output::Inherit))?;
    for component in built {
        let file = args.dir.join(format!("{}.wasm", component.name));
        std::fs::copy(&component.path, &file).with_context(|| format!("`{}`", file.display()))?;
        if args.json {
            terminal::json(&serde_json::json!({
                "name": component.name, "file": file, "bytes": component.size_bytes, "digest": component.digest(),
            }))?;
        } else {
            terminal::say(format_args!("{}: {} bytes, {}", file.display(), component.size_bytes, component.digest()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
