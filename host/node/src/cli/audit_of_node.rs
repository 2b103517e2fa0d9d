//! Finds the audit that a command means, with the keys that it is checked against.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, bail};

use super::audit::{self, AuditCommand, Filter, RestartArgs, ShowArgs, Trust, VerifyArgs};
use crate::audit::{AuditKeys, FILE, system_clock};
use crate::control;
use crate::node::Files;
use crate::node_keys::{NodeKeys, checkpoint_key};
use crate::state::{StateError, StateFolder};

/// Longer than any line.
const LINE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn run(command: AuditCommand) -> anyhow::Result<ExitCode> {
    let code = match command {
        AuditCommand::Verify(args) => verify(&args),
        AuditCommand::Show(args) => show(&args),
        AuditCommand::Restart(args) => restart(&args),
    };
    code.map(ExitCode::from)
}

fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (lines, trust) = match &args.file {
        Some(file) => {
            let key = args.public_key.map(|key| checkpoint_key(key.0));
            (Box::new(open(file)?) as Box<dyn Read>, Trust { key, head: None })
        }
        None => of_node(&args.node)?,
    };
    Ok(audit::verify(lines, trust, args.json, &mut anstream::stdout())?)
}

/// A node that stands still is asked for its newest line; a running one holds its keys, and tells the public one.
fn of_node(node_toml: &Path) -> anyhow::Result<(Box<dyn Read>, Trust)> {
    let files = Files::read(node_toml)?;
    let (state, path) = (files.state_path(), files.state_path().join(FILE));
    if !state.exists() {
        bail!("no node has run here: `m2m-host run` makes its state in `{}`", state.display());
    }
    match unlock(&files) {
        Ok((_state, keys)) => {
            let trust = Trust::of(&keys).map_err(anyhow::Error::msg)?;
            // Where a newest line is recorded and there is no file, all of it is cut off.
            let lines: Box<dyn Read> = if path.exists() { Box::new(open(&path)?) } else { Box::new(std::io::empty()) };
            Ok((lines, trust))
        }
        Err(error) if matches!(error.downcast_ref(), Some(StateError::InUse(_))) => {
            let trust = trust_of_running(&state)?;
            let mut file = open(&path)?;
            let whole = whole_lines(&mut file)?;
            Ok((Box::new(file.take(whole)), trust))
        }
        Err(error) => Err(error),
    }
}

/// The length of the whole lines: the last one may be on its way.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(length - start).read_to_end(&mut end)?;
    file.rewind()?;
    let after = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline as u64 + 1);
    Ok(start + after)
}

fn trust_of_running(state: &Path) -> anyhow::Result<Trust> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(control::ask_status(state)).context("the node runs and does not answer")?;
    let mut key = [0; 32];
    hex::decode_to_slice(&report.audit_public_key, &mut key).context("the node's audit key")?;
    Ok(Trust { key: Some(checkpoint_key(key)), head: None })
}

fn show(args: &ShowArgs) -> anyhow::Result<u8> {
    let file = match &args.file {
        Some(file) => open(file)?,
        None => open(&Files::read(&args.node)?.state_path().join(FILE))?,
    };
    Ok(audit::show(file, &Filter::of(args, SystemTime::now()), args.json, &mut anstream::stdout())?)
}

fn restart(args: &RestartArgs) -> anyhow::Result<u8> {
    let (state, keys) = unlock(&Files::read(&args.node)?)?;
    let keys: Arc<dyn AuditKeys> = Arc::new(keys);
    Ok(audit::restart(state.dir(), &keys, &system_clock(), args, &mut anstream::stdout())?)
}

fn unlock(files: &Files) -> anyhow::Result<(StateFolder, NodeKeys)> {
    let state = files.state()?;
    let (secure_environment, _) = files.secure_environment(&state)?;
    let keys = NodeKeys::open(&secure_environment.channel, &secure_environment.management)?;
    Ok((state, keys))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("`{}`", path.display()))
}
