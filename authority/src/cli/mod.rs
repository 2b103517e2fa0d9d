//! The command line. Every verb has `--json`; the exit code is 0 done, 1 refused or failed, 2 wrong usage.

mod identify;
mod init;
mod manufacture;
mod report;
mod revoke;
mod serve;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// The authorities of a trust domain: enrolment function (MEF), authorization authority (AA) and relay as servers; manufacturer,
/// misbehaviour authority (MA) and root as commands.
#[derive(Debug, Parser)]
#[command(name = "m2m-authority", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a trust domain for development, with a folder and keys for each role
    Init(init::Args),
    /// Run a role as a server
    Serve(serve::Args),
    /// As the manufacturer: sign what a device is, and pack what it needs to enrol
    Manufacture(manufacture::Args),
    /// As the MA: verify a report of misbehaviour and show it
    Report(report::Args),
    /// As the MA: order an AA to revoke the batch that a report is about
    Revoke(revoke::Args),
    /// As the root: order that an MEF names the node behind a request
    OrderIdentification(identify::OrderArgs),
    /// As the MEF: name the node behind a request, on a root's order
    Identify(identify::Args),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Parses the arguments of the process and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Manufacture(args) => manufacture::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Revoke(args) => revoke::run(&args),
        Command::OrderIdentification(args) => identify::order(&args),
        Command::Identify(args) => identify::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "m2m-authority", &mut std::io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::FAILURE
        }
    }
}
