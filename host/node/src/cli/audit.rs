//! `m2m-host audit verify|show|restart`.
//!
//! The functions take what is open already: the caller finds the state folder, unlocks the Secure Environment and hands
//! over a writer that strips colour where it is not wanted. Each returns the process's exit code.

mod show;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::audit::{self, AuditKeys, Broken, CheckError, CheckpointKey, Clock, Head, Report};

pub(super) use show::{Filter, show};

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Done.
pub(super) const EXIT_OK: u8 = 0;
/// The audit is broken, or could not be read.
pub(super) const EXIT_FAILED: u8 = 1;

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check that no line was changed, dropped, moved or cut off
    Verify(VerifyArgs),
    /// Print lines
    Show(ShowArgs),
    /// Set a broken audit aside and start a new one that names it
    Restart(RestartArgs),
}

/// Arguments of `audit verify`.
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The node's file: its key and its newest line are compared, too
    #[arg(long, value_name = "NODE.TOML", default_value = "node.toml", conflicts_with = "file")]
    pub node: PathBuf,
    /// A copy of the audit, on any machine
    #[arg(value_name = "FILE", requires = "public_key")]
    pub file: Option<PathBuf>,
    /// The audit's public key, which `m2m-host status` shows: 64 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "file")]
    pub public_key: Option<PublicKey>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `audit show`.
#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// Only what is about this AE
    #[arg(long, value_name = "NAME")]
    pub ae: Option<String>,
    /// Only calls that were not allowed
    #[arg(long)]
    pub denied: bool,
    /// Only what is newer: a time (2026-03-01T12:00:00Z) or a span (10min, 2h, 7d)
    #[arg(long, value_name = "TIME|SPAN")]
    pub since: Option<Since>,
    /// The lines as they are in the file
    #[arg(long)]
    pub json: bool,
    /// The node's file
    #[arg(long, value_name = "NODE.TOML", default_value = "node.toml", conflicts_with = "file")]
    pub node: PathBuf,
    /// A file instead of the node's own
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `audit restart`.
#[derive(Args, Debug)]
pub(super) struct RestartArgs {
    /// Why; it becomes part of the new audit
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The node's file
    #[arg(long, value_name = "NODE.TOML", default_value = "node.toml")]
    pub node: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// An Ed25519 public key, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublicKey(pub [u8; 32]);

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).map_err(|_| "expected 64 hexadecimal digits".to_owned())?;
        Ok(PublicKey(key))
    }
}

/// A point in time, absolute or before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From this time on.
    Time(SystemTime),
    /// From so long ago on.
    Ago(Duration),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = audit::parse_rfc3339(text).map(Since::Time);
        time.or_else(|| audit::parse_span(text).map(Since::Ago))
            .ok_or_else(|| "expected a UTC time as 2026-03-01T12:00:00Z or a span as 10min, 2h, 7d".to_owned())
    }
}

impl Since {
    /// The time that is meant, seen from `now`.
    pub(in crate::cli) fn resolve(self, now: SystemTime) -> SystemTime {
        match self {
            Since::Time(time) => time,
            Since::Ago(span) => now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

/// Against what a file is checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trust {
    /// The key of the checkpoints.
    pub key: Option<CheckpointKey>,
    /// The newest line that the Secure Environment recorded.
    pub head: Option<Head>,
}

impl Trust {
    /// All that a node's own Secure Environment knows.
    ///
    /// # Errors
    /// When the Secure Environment does not answer.
    pub(in crate::cli) fn of(keys: &dyn AuditKeys) -> Result<Trust, String> {
        Ok(Trust { key: Some(keys.checkpoint_key()?), head: keys.head()? })
    }
}

/// `audit verify`.
///
/// # Errors
/// Those of `out`.
pub(super) fn verify(input: impl Read, trust: Trust, json: bool, out: &mut dyn Write) -> io::Result<u8> {
    match audit::verify(input, trust.key.as_ref(), trust.head) {
        Ok(report) => {
            print_report(&report, json, out)?;
            Ok(EXIT_OK)
        }
        Err(CheckError::Broken(broken)) => {
            print_broken(&broken, json, out)?;
            Ok(EXIT_FAILED)
        }
        Err(error @ CheckError::Io(_)) => {
            print_error(&error.to_string(), json, out)?;
            Ok(EXIT_FAILED)
        }
    }
}

fn print_report(report: &Report, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let value = json!({
            "result": "holds", "lines": report.lines, "checkpoints": report.checkpoints,
            "signatures-checked": report.signatures_checked, "head-checked": report.head_checked,
            "last-seq": report.end.seq, "last-hash": hex::encode(report.end.hash),
            "lines-after-last-checkpoint": report.unsigned,
        });
        return writeln!(out, "{value}");
    }
    writeln!(
        out,
        "the audit holds: {} lines, {} checkpoints, last seq {}",
        report.lines, report.checkpoints, report.end.seq
    )?;
    if !report.signatures_checked {
        writeln!(out, "  not checked: the signatures of the checkpoints, for lack of a public key")?;
    }
    if !report.head_checked {
        writeln!(
            out,
            "  not checked: whether the file goes on after seq {} (only the node's Secure Environment knows); {} lines \
             at the end are not signed yet",
            report.end.seq, report.unsigned
        )?;
    }
    Ok(())
}

fn print_broken(broken: &Broken, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let value = json!({
            "result": "broken", "line": broken.line, "seq": broken.seq, "what": broken.what.name(),
            "text": broken.what.to_string(),
        });
        return writeln!(out, "{value}");
    }
    let seq = broken.seq.map_or(String::new(), |seq| format!(" (seq {seq})"));
    writeln!(out, "{RED}the audit is broken{RESET}: line {}{seq}: {}", broken.line, broken.what)
}

fn print_error(text: &str, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        writeln!(out, "{}", json!({ "result": "failed", "text": text }))
    } else {
        writeln!(out, "{RED}failed{RESET}: {text}")
    }
}

/// `audit restart`.
///
/// # Errors
/// Those of `out`.
pub(super) fn restart(
    dir: &Dir,
    keys: &Arc<dyn AuditKeys>,
    clock: &Clock,
    args: &RestartArgs,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let done = match audit::restart(dir, keys, clock, &args.reason) {
        Ok(done) => done,
        Err(error) => {
            print_error(&error.to_string(), args.json, out)?;
            return Ok(EXIT_FAILED);
        }
    };
    if args.json {
        let value = json!({
            "result": "restarted", "kept-as": done.kept_as, "found": done.found, "seq": done.head.seq,
        });
        writeln!(out, "{value}")?;
    } else {
        let kept = done.kept_as.as_deref().unwrap_or("nothing: it was missing");
        writeln!(out, "a new audit begins at seq {}; of the old one ({}) is kept: {kept}", done.head.seq, done.found)?;
    }
    Ok(EXIT_OK)
}
