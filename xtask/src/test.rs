//! `cargo xtask test`: everything that CI runs.

use std::process::Command;

use anyhow::Context;

use crate::process::{cargo, must_succeed};
use crate::root::{root, target};
use crate::{guests, peers, tidy};

const CARGO_DENY_VERSION: &str = "0.20.2";

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the tests: no format, lints or licences
    #[arg(long)]
    tests_only: bool,
}

fn step(name: &str, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    eprintln!("── {name}");
    act().with_context(|| name.to_owned())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.tests_only {
        step("format", || run_cargo(&["fmt", "--all", "--check"]))?;
        step("import table", tidy::run)?;
    }
    step("guests", || guests::build_all().map(drop))?;
    step("tests", || run_cargo(&["test", "--workspace", "--no-fail-fast"]))?;
    step("messages as other programs read them", || peers::MESSAGES.run())?;
    step("privacy", || peers::PRIVACY.run())?;
    step("tests of the examples", || {
        must_succeed(
            cargo()
                .args(["test", "--manifest-path", "examples/Cargo.toml", "--target-dir"])
                .arg(target().join("examples")),
        )
    })?;
    if !args.tests_only {
        step("lints", || run_cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        step("licences, sources and duplicates", deny)?;
    }
    Ok(())
}

fn run_cargo(args: &[&str]) -> anyhow::Result<()> {
    must_succeed(cargo().args(args))
}

/// Advisories need a database from the network; a CI that has it runs `cargo deny check`.
fn deny() -> anyhow::Result<()> {
    let tools = target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        let install = ["install", "cargo-deny", "--quiet", "--locked", "--version", CARGO_DENY_VERSION, "--root"];
        must_succeed(cargo().args(install).arg(&tools).env("CARGO_TARGET_DIR", target().join("tools-build")))?;
    }
    must_succeed(Command::new(program).current_dir(root()).args(["check", "bans", "licenses", "sources"]))
}
