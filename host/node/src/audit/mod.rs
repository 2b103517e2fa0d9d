//! The audit: a hash-chained file of what AEs asked for and what the node decided.
//!
//! A call that is listed is appended before its effect; lines become durable in groups, within 50 ms, and the Secure
//! Environment keeps the newest line's number and hash, so that a cut tail is noticed. All other calls are counted by the
//! second. Signed checkpoints let somebody without the Secure Environment check a copy of the file ([`verify`]).
//!
//! INVARIANT (append before effect): a caller that got a [`Ticket`] knows its line stands before every later one; a caller
//! that got an error must answer `unavailable` and do nothing.
//!
//! When lines cannot be written (full disk, Secure Environment away) the audit is [`State::Degraded`]: listed calls are
//! refused, counts go on in memory, and it is tried again every second. Lines that were taken before are kept and written
//! first.
//!
//! Texts from guests are allegations: cut to [`ALLEGATION_BYTES_MAX`] and escaped as JSON strings, so no text can end a
//! line or begin one.
//!
//! | kind | says |
//! |---|---|
//! | `call` | one call: generate, destroy, rotate, provisioning, and refused ones up to [`DENIALS_LISTED_PER_SECOND`] an AE |
//! | `calls` | how many calls of an AE ended so, by operation and rule |
//! | `ae` | started, stopped, fault, restarted, failed, refused |
//! | `node` | started, stopped, provisioning, messages-refused, degraded, recovered, lost, torn |
//! | `checkpoint` | Ed25519 over the line before |
//! | `break` | the first line after [`restart`] |

mod check;
mod counts;
mod defect;
mod error;
mod event;
mod keys;
mod line;
mod lines;
mod queue;
mod recorder;
mod restart;
mod store;
#[cfg(test)]
mod tests;
mod time;
mod writer;

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use cap_std::fs::Dir;

pub use check::{CheckError, CheckpointKey, Report, verify};
pub use counts::{DENIALS_LISTED_PER_SECOND, RuleKey, Total};
pub use defect::{Broken, Defect};
pub use error::{AppendError, AuditError};
pub use event::{ALLEGATION_BYTES_MAX, AeEvent, Effect, Event, NodeEvent};
pub use keys::AuditKeys;
pub use line::{Head, Line};
pub use lines::{Entry, read};
pub use queue::{Clock, State, Ticket};
pub use recorder::{Call, Counter, Recorder};
pub use restart::{Restarted, restart};
pub use store::FILE;
pub use time::{parse_rfc3339, parse_span, rfc3339};
pub use writer::Pace;

use check::{Checked, check};
use queue::Shared;
use store::{Sink, open_locked, sync_names};
use writer::{End, Writer};

/// The open audit of a node; clones are handles of the same one. Dropping the last handle closes it without waiting.
#[derive(Clone)]
pub struct Audit {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<Result<(), String>>>>,
}

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(SystemTime::now)
}

impl Audit {
    /// Opens or creates `audit.jsonl` in the state folder, checks all of it, and starts the writer.
    ///
    /// An incomplete last line, which a killed process leaves, is removed and noted, provided that it stands behind the
    /// recorded head. Whole lines behind the head are kept: they were written in the moment before a crash.
    ///
    /// # Errors
    /// [`AuditError::Broken`] when the chain does not hold or ends before the recorded head; the node must not start then.
    /// [`AuditError::Locked`] when another process has it open. Otherwise those of the file and the Secure Environment.
    pub fn open(dir: &Dir, keys: Arc<dyn AuditKeys>, clock: Clock) -> Result<Audit, AuditError> {
        Audit::open_with(dir, keys, clock, Pace::default())
    }

    /// [`Audit::open`] with other intervals.
    ///
    /// # Errors
    /// As [`Audit::open`].
    pub fn open_with(dir: &Dir, keys: Arc<dyn AuditKeys>, clock: Clock, pace: Pace) -> Result<Audit, AuditError> {
        let (file, checked) = open_checked(dir, keys.as_ref())?;
        Audit::start(Box::new(file), &checked, keys, clock, pace)
    }

    fn start(
        sink: Box<dyn Sink>,
        checked: &Checked,
        keys: Arc<dyn AuditKeys>,
        clock: Clock,
        pace: Pace,
    ) -> Result<Audit, AuditError> {
        let shared = Arc::new(Shared::new(clock));
        let end = End { head: checked.report.end, bytes: checked.whole_bytes, unsigned: checked.report.unsigned };
        let writer = Writer::new(Arc::clone(&shared), sink, keys, pace, end);
        let writer = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        let handle = Arc::new(Handle { shared, writer: Mutex::new(Some(writer)) });
        let audit = Audit { handle };
        if checked.torn_bytes > 0 {
            audit.node(NodeEvent::Torn { bytes: checked.torn_bytes });
        }
        Ok(audit)
    }

    /// Records a step in the node's life. Waits at most 50 ms, and only when the queue is full.
    pub fn node(&self, event: NodeEvent) {
        self.handle.shared.note(Event::Node { event });
    }

    /// Records a step in the node's life before it is taken, and waits until the line is durable. Blocks for the time of an
    /// `fsync`.
    ///
    /// # Errors
    /// As [`Audit::durable`]; the step must not be taken then.
    pub fn node_durably(&self, event: NodeEvent) -> Result<(), AppendError> {
        let ticket = self.handle.shared.append(Event::Node { event }, queue::QUEUE_LINES_MAX)?;
        self.handle.shared.durable_blocking(ticket)
    }

    /// The way into the audit for one AE. The node's own calls go under a name that no AE can have.
    pub fn recorder(&self, ae: &str) -> Recorder {
        Recorder::new(ae, Arc::clone(&self.handle.shared))
    }

    /// Whether lines can be made durable.
    pub fn state(&self) -> State {
        self.handle.shared.lock().state.clone()
    }

    /// Waits until the line of `ticket`, and every one before it, is on the disk and recorded by the Secure Environment.
    ///
    /// # Errors
    /// [`AppendError::Degraded`] when that fails: the line may still be written later, the call must not have its effect.
    /// [`AppendError::Closed`] when the audit ended before.
    pub async fn durable(&self, ticket: Ticket) -> Result<(), AppendError> {
        self.handle.shared.durable(ticket).await
    }

    /// Writes what waits, the counts and a checkpoint, and ends the writer. Blocks for the time of an `fsync`; call it
    /// outside the runtime's workers. Every handle is closed then; a second call does nothing.
    ///
    /// # Errors
    /// [`AuditError::Unfinished`] when the last lines could not be made durable.
    pub fn close(&self) -> Result<(), AuditError> {
        self.handle.shared.begin_closing();
        let writer = self.handle.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match writer.map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(why))) => Err(AuditError::Unfinished(why)),
            Some(Err(_)) => Err(AuditError::Unfinished("the writer ended early".to_owned())),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.begin_closing();
    }
}

/// Opens, locks and checks the file, and brings file and recorded head to the same line.
fn open_checked(dir: &Dir, keys: &dyn AuditKeys) -> Result<(File, Checked), AuditError> {
    let recorded = keys.head().map_err(AuditError::Keys)?;
    let key = keys.checkpoint_key().map_err(AuditError::Keys)?;
    let exists = dir.try_exists(FILE)?;
    if let (Some(head), false) = (recorded, exists) {
        return Err(AuditError::Broken(Broken { line: 1, seq: None, what: Defect::CutOff { recorded: head.seq } }));
    }
    let file = open_locked(dir, FILE, true)?;
    if !exists {
        sync_names(dir)?;
    }
    let checked = check(&file, Some(&key), recorded)?;
    if checked.torn_bytes > 0 {
        file.set_len(checked.whole_bytes)?;
    }
    let end = checked.report.end;
    if end.seq > 0 && recorded != Some(end) {
        file.sync_all()?;
        // Where that fails, as on a full disk, the first group that is written records a newer one.
        if let Err(error) = keys.record_head(end) {
            tracing::warn!("the newest line of the audit could not be recorded: {error}");
        }
    }
    Ok((file, checked))
}
