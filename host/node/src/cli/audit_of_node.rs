//! Finds the audit that a command means, with the keys that it is checked against.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;

use super::audit::{self, AuditCommand, Filter, RestartArgs, ShowArgs, Trust, VerifyArgs};
use crate::audit::{AuditKeys, FILE, system_clock};
use crate::control;
use crate::node::Files;
use crate::node_keys::{NodeKeys, checkpoint_key};
use crate::state::{StateError, StateFolder};

pub(super) fn run(command: AuditCommand) -> anyhow::Result<ExitCode> {
    let code = match command {
        AuditCommand::Verify(args) => verify(&args),
        AuditCommand::Show(args) => show(&args),
        AuditCommand::Restart(args) => restart(&args),
    };
    code.map(ExitCode::from)
}

fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let (file, trust) = match &args.file {
        Some(file) => {
            let key = args.public_key.map(|key| checkpoint_key(key.0));
            (open(file)?, Trust { key, head: None })
        }
        None => of_node(&args.node)?,
    };
    Ok(audit::verify(file, trust, args.json, &mut anstream::stdout())?)
}

/// A node that stands still is asked for its newest line; a running one holds its keys, and tells the public one.
fn of_node(node_toml: &Path) -> anyhow::Result<(File, Trust)> {
    let files = Files::read(node_toml)?;
    let path = files.state_path();
    let trust = match unlock(&files) {
        Ok((_state, keys)) => Trust::of(&keys).map_err(anyhow::Error::msg)?,
        Err(error) if matches!(error.downcast_ref(), Some(StateError::InUse(_))) => trust_of_running(&path)?,
        Err(error) => return Err(error),
    };
    Ok((open(&path.join(FILE))?, trust))
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
    let secure_environment = files.secure_environment(&state)?;
    let keys = NodeKeys::open(&secure_environment.channel, &secure_environment.management)?;
    Ok((state, keys))
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("`{}`", path.display()))
}
