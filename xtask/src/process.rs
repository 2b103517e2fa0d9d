//! Programs that are run and must succeed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::root::{root, target};

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Runs it, with its output where ours goes.
pub(crate) fn must_succeed(command: &mut Command) -> anyhow::Result<()> {
    let words = words(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("`{words}` could not be started"))?;
    if status.success() { Ok(()) } else { bail!("`{words}` failed: {status}") }
}

/// Builds `m2m-host` in the everyday profile and says where it is.
pub(crate) fn build_host() -> anyhow::Result<PathBuf> {
    // The whole workspace is named so that features, and with them builds, are those of `cargo test --workspace`.
    must_succeed(cargo().args(["build", "--quiet", "--workspace", "--bin", "m2m-host"]))?;
    Ok(target().join("debug/m2m-host"))
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
