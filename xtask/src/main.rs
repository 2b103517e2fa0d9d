//! The project's own tasks. `cargo xtask help` lists them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod bench;
mod demo;
mod guests;
mod peers;
mod process;
mod root;
mod test;
mod tidy;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the examples and run them on a node, on a real metering series, with a summary at the end
    Demo(demo::Args),
    /// Everything: format, lints, import table, licences, all tests
    Test(test::Args),
    /// Measure what is promised in numbers
    Bench(bench::Args),
    /// Have our messages checked by other programs, alone
    Peers,
    /// Measure how well an observer follows a node through its changes of pseudonym, alone
    Privacy,
    /// Check the import table alone
    Tidy,
    /// Build the guests of the examples and of the tests
    Guests,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Peers => peers::MESSAGES.run(),
        Task::Privacy => peers::PRIVACY.run(),
        Task::Tidy => tidy::run(),
        Task::Guests => guests::build_all().map(|_| ()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "\x1b[1;31merror\x1b[0m: {error:#}");
            ExitCode::FAILURE
        }
    }
}
