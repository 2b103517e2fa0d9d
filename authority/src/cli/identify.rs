//! `m2m-authority order-identification` and `m2m-authority identify`.

use std::path::PathBuf;

use anyhow::Context;
use m2m_trust::identity::AuthorityId;

use super::terminal;
use crate::misbehaviour::{identify, order_identification, parse_digest};

const ORDER_BYTES_MAX: u64 = 512;

/// Arguments of `m2m-authority order-identification`.
#[derive(Debug, clap::Args)]
pub(super) struct OrderArgs {
    /// The folder of the domain
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The hash of the request, from the decision log of AA or MEF
    #[arg(value_name = "HASH")]
    request: String,
    /// Which MEF
    #[arg(long, value_name = "NAME", default_value = "mef")]
    mef: String,
    /// Where to write the order
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `m2m-authority identify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the domain
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The hash of the request, from the decision log of AA or MEF
    #[arg(value_name = "HASH")]
    request: String,
    /// The root's order
    #[arg(long, value_name = "FILE")]
    order: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn order(args: &OrderArgs) -> anyhow::Result<()> {
    let function = AuthorityId::parse(&args.mef).context("--mef")?;
    let order = order_identification(&args.folder, function, parse_digest(&args.request)?)?;
    terminal::write(&args.out, &order)?;
    if args.json {
        return terminal::json(&serde_json::json!({ "file": args.out }));
    }
    terminal::say(format_args!("the order is in `{}` and counts for a day", args.out.display()));
    Ok(())
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let order = terminal::read(&args.order, ORDER_BYTES_MAX)?;
    let device = identify(&args.folder, parse_digest(&args.request)?, &order)?;
    if args.json {
        return terminal::json(&serde_json::json!({ "canonical-id": device.to_string() }));
    }
    terminal::say(device);
    Ok(())
}
