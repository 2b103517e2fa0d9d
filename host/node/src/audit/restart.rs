//! Starts a new chain in place of a broken one, which is kept.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use cap_std::fs::Dir;
use sha2::{Digest, Sha256};

use super::check::{CheckError, check};
use super::error::AuditError;
use super::event::{Event, bounded};
use super::keys::AuditKeys;
use super::line::{Head, render};
use super::queue::Clock;
use super::store::{FILE, Sink, open_locked, sync_names};

/// The new chain until it is complete.
const NEW_FILE: &str = "audit.jsonl.new";

/// What [`restart`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The name under which the broken file is kept; `None` when there was none left.
    pub kept_as: Option<String>,
    /// What was wrong with it.
    pub found: String,
    /// The first line of the new chain.
    pub head: Head,
}

/// Renames a broken `audit.jsonl` to `audit-broken-<n>.jsonl` and begins a new chain whose first line names it, its digest,
/// what was wrong and `reason`. The new chain's numbers go on behind the recorded head, so they never go back.
///
/// When it is cut off half-way the node still refuses to start, and the same command finishes the work.
///
/// # Errors
/// [`AuditError::NotBroken`] when the chain holds, [`AuditError::NoReason`] when `reason` is blank,
/// [`AuditError::Locked`] while a node runs, and those of the file system and of the Secure Environment.
pub fn restart(dir: &Dir, keys: &Arc<dyn AuditKeys>, clock: &Clock, reason: &str) -> Result<Restarted, AuditError> {
    if reason.trim().is_empty() {
        return Err(AuditError::NoReason);
    }
    let recorded = keys.head().map_err(AuditError::Keys)?;
    let (old, found) = examine(dir, keys, recorded)?;
    let kept_as = old.as_ref().map(|_| free_name(dir)).transpose()?;
    let digest = old.map(digest_of).transpose()?;
    let event = Event::Break { file: kept_as.clone(), digest, found: found.clone(), reason: bounded(reason) };
    let before = Head { seq: recorded.map_or(0, |head| head.seq), hash: [0; 32] };
    let mut line = Vec::new();
    let head = render(&mut line, before, clock(), &event).map_err(|error| AuditError::Io(io::Error::other(error)))?;
    write_new(dir, &line)?;
    if let Some(name) = &kept_as {
        dir.rename(FILE, dir, name)?;
    }
    dir.rename(NEW_FILE, dir, FILE)?;
    sync_names(dir)?;
    keys.record_head(head).map_err(AuditError::Keys)?;
    Ok(Restarted { kept_as, found, head })
}

/// The broken file, locked, and what is wrong with it.
fn examine(dir: &Dir, keys: &Arc<dyn AuditKeys>, recorded: Option<Head>) -> Result<(Option<File>, String), AuditError> {
    let file = match open_locked(dir, FILE, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match recorded {
                Some(_) => Ok((None, "the file was missing".to_owned())),
                None => Err(AuditError::NotBroken { lines: 0 }),
            };
        }
        other => other?,
    };
    let key = keys.checkpoint_key().map_err(AuditError::Keys)?;
    match check(&file, Some(&key), recorded) {
        Ok(checked) => Err(AuditError::NotBroken { lines: checked.report.lines }),
        Err(CheckError::Broken(broken)) => Ok((Some(file), broken.to_string())),
        Err(CheckError::Io(error)) => Err(AuditError::Io(error)),
    }
}

fn write_new(dir: &Dir, line: &[u8]) -> Result<(), AuditError> {
    let mut file = open_locked(dir, NEW_FILE, true)?;
    // What a restart that was cut off left behind.
    file.truncate(0)?;
    file.append(line)?;
    file.sync()?;
    Ok(())
}

fn digest_of(mut file: File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(format!("sha256:{}", hex::encode(digest.finalize())));
        };
        digest.update(bytes);
    }
}

fn free_name(dir: &Dir) -> io::Result<String> {
    for number in 1..u32::MAX {
        let name = format!("audit-broken-{number}.jsonl");
        if !dir.try_exists(&name)? {
            return Ok(name);
        }
    }
    Err(io::Error::other("no free name `audit-broken-<n>.jsonl`"))
}
