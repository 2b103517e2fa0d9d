//! The binary under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::paths::{root, target};

/// How a command of `m2m-host` ended.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// Standard output as one JSON value.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// `m2m-host` with these arguments, not started yet.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    program("m2m-host", dir, arguments)
}

/// `m2m-authority` with these arguments, not started yet.
pub(crate) fn authority(dir: &Path, arguments: &[&str]) -> Command {
    program("m2m-authority", dir, arguments)
}

fn program(name: &str, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries().join(name));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
    command
}

/// Where the everyday build is, brought up to date once in a process.
fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root()).stdin(Stdio::null());
        cargo.args(["build", "--quiet", "--workspace", "--bin", "m2m-host", "--bin", "m2m-authority"]);
        let output = cargo.output().unwrap_or_else(|error| panic!("cargo could not be started: {error}"));
        assert!(output.status.success(), "the binaries do not build:\n{}", String::from_utf8_lossy(&output.stderr));
        target().join("debug")
    })
}
