//! The command line. Every verb has `--json`; the exit code is 0 done, 1 refused or failed, 2 wrong usage.

mod audit;
mod audit_of_node;
mod build;
mod check;
mod enrol;
mod init;
mod new;
mod policy;
mod report;
mod run;
mod status;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Hosts M2M application entities (AEs) that it does not trust: each a WebAssembly component that reaches keys by handle and
/// messages, and nothing else, and a capability file decides every call.
#[derive(Debug, Parser)]
#[command(name = "m2m-host", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the folder of a new AE, with all that it needs to run
    New(new::Args),
    /// Build the AE in a folder into a component
    Build(build::Args),
    /// Say what a component imports and what it would need
    Check(check::Args),
    /// Begin a node's life in an M2M system: make its device key, take in what the manufacturer made for it
    Init(init::Args),
    /// Try to enrol a node that is initialized
    Enrol(enrol::Args),
    /// Run a node
    Run(run::Args),
    /// Show what a running node is doing
    Status(status::Args),
    /// Write what a running node heard on a topic to a file, to report who said it
    Report(report::Args),
    /// Check and explain capability files
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Verify and read the audit
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Parses the arguments of the process and does what they say.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Enrol(args) => enrol::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Policy(command) => policy::run(command),
        Command::Audit(command) => audit_of_node::run(command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "m2m-host", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        terminal::error(&error);
        ExitCode::FAILURE
    })
}

/// `node.toml` in the current folder, or the file that was given.
#[derive(Debug, clap::Args)]
struct NodeToml {
    /// The node's file
    #[arg(value_name = "NODE.TOML", default_value = "node.toml")]
    node_toml: PathBuf,
}

impl NodeToml {
    fn path(&self) -> &Path {
        &self.node_toml
    }
}
