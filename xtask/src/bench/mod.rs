//! `cargo xtask bench`: what the project promises in numbers, measured. Not part of CI: the machine must have time for it.

mod trust;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// What the trust protocol costs on top of its cryptography
    Trust(trust::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.subject {
        Subject::Trust(args) => trust::run(args),
    }
}
