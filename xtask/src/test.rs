//! `cargo xtask test`: everything that CI runs.

use std::process::Command;

use anyhow::Context;

use crate::process::{cargo, run};
use crate::root::{root, target};
use crate::{guests, tidy};

const CARGO_DENY_VERSION: &str = "0.20.2";

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the tests: no format, lints or licences
    #[arg(long)]
    tests_only: bool,
}

pub(crate) fn run_step(name: &str, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    eprintln!("── {name}");
    act().with_context(|| name.to_owned())
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.tests_only {
        run_step("format", || run_cargo(&["fmt", "--all", "--check"]))?;
        run_step("import table", tidy::run)?;
    }
    run_step("guests", || guests::build_all().map(drop))?;
    run_step("tests", || run_cargo(&["test", "--workspace", "--no-fail-fast"]))?;
    run_step("tests of the examples", || {
        run(cargo()
            .args(["test", "--manifest-path", "examples/Cargo.toml", "--target-dir"])
            .arg(target().join("examples")))
    })?;
    if !args.tests_only {
        run_step("lints", || run_cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        run_step("licences, sources and duplicates", deny)?;
    }
    Ok(())
}

fn run_cargo(args: &[&str]) -> anyhow::Result<()> {
    run(cargo().args(args))
}

/// Advisories need a database from the network; a CI that has it runs `cargo deny check`.
fn deny() -> anyhow::Result<()> {
    let tools = target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        let install = ["install", "cargo-deny", "--quiet", "--locked", "--version", CARGO_DENY_VERSION, "--root"];
        run(cargo().args(install).arg(&tools).env("CARGO_TARGET_DIR", target().join("tools-build")))?;
    }
    run(Command::new(program).current_dir(root()).args(["check", "bans", "licenses", "sources"]))
}
