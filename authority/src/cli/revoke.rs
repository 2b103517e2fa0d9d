//! `m2m-authority revoke`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::StatusCode;
use clap::ValueEnum;
use m2m_trust::revocation::Reason;

use super::terminal;
use crate::domain::Domain;
use crate::http::{self, Client};
use crate::misbehaviour::{REPORT_BYTES_MAX, order_revocation};
use crate::settings::{Role, Settings};

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 65_536;

/// Arguments of `m2m-authority revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the domain
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The report, as a node wrote it
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// Why
    #[arg(long, value_enum)]
    reason: ReasonName,
    /// The AA's URL, where it is not that of the domain
    #[arg(long, value_name = "URL", conflicts_with = "out")]
    url: Option<String>,
    /// Write the order to a file instead of bringing it to the AA
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReasonName {
    /// Its holder sent what it must not send
    Misbehaviour,
    /// Its keys are in other hands
    Compromise,
    /// Its holder left the system
    Withdrawn,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let reason = match args.reason {
        ReasonName::Misbehaviour => Reason::Misbehaviour,
        ReasonName::Compromise => Reason::Compromise,
        ReasonName::Withdrawn => Reason::Withdrawn,
    };
    let ordered = order_revocation(&args.folder, &terminal::read(&args.report, REPORT_BYTES_MAX as u64)?, reason)?;
    let authority = ordered.order.authority.as_str();
    let delivered = match &args.out {
        Some(path) => {
            terminal::write(path, &ordered.signed)?;
            format!("the order is in `{}`", path.display())
        }
        None => {
            let domain = Domain::in_folder(&args.folder)?;
            let url = args.url.as_deref().or_else(|| domain.url(Role::Aa, authority));
            let url = url.with_context(|| format!("`{authority}` has no URL in domain.json; give one with --url"))?;
            deliver(args, url, ordered.signed)?;
            format!("`{authority}` has revoked the batch")
        }
    };
    if args.json {
        return terminal::json(&serde_json::json!({
            "order": hex::encode(ordered.order.id),
            "certificate": ordered.order.certificate.to_string(),
            "authority": authority,
            "delivered": args.out.is_none(),
        }));
    }
    terminal::say(format_args!("order {}: {delivered}", hex::encode(ordered.order.id)));
    Ok(())
}

fn deliver(args: &Args, url: &str, order: Vec<u8>) -> anyhow::Result<()> {
    let settings = Settings::read(&args.folder.join(Role::Ma.name()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = Client::new(PATIENCE, settings.client.ca.as_deref())?;
        anyhow::Ok(client.post(&format!("{url}/order"), http::COSE, order, ANSWER_BYTES_MAX).await?)
    });
    let answer = answer.with_context(|| format!("the AA at {url} did not take the order"))?;
    match (answer.status, answer.problem()) {
        (StatusCode::NO_CONTENT, _) => Ok(()),
        (_, Some(problem)) => bail!("the AA at {url} refuses the order: {} ({})", problem.detail, problem.title),
        (status, None) => bail!("the AA at {url} refuses the order: status {status}"),
    }
}
