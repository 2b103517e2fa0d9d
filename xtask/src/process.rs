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

/// Runs it without showing anything, and gives its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let words = words(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{words}` could not be started"))?;
    if !output.status.success() {
        bail!("`{words}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// What integrators run.
pub(crate) struct Programs {
    pub(crate) host: PathBuf,
    pub(crate) authority: PathBuf,
}

/// Builds them in the everyday profile and says where they are.
pub(crate) fn build_programs() -> anyhow::Result<Programs> {
    // The whole workspace is named so that features, and with them builds, are those of `cargo test --workspace`.
    let bins = ["--bin", "m2m-host", "--bin", "m2m-authority"];
    must_succeed(cargo().args(["build", "--quiet", "--workspace"]).args(bins))?;
    let built = target().join("debug");
    Ok(Programs { host: built.join("m2m-host"), authority: built.join("m2m-authority") })
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
