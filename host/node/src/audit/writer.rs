//! The thread that writes: lines in groups, one `fsync` a group, then the head to the Secure Environment.
//!
//! INVARIANT (durable prefix): the file is the durable lines, then perhaps lines of a group that is not durable yet. After
//! any failure it is cut back to the durable lines and the group is written again, because a failed `fsync` may have
//! dropped what was written before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::event::{Event, NodeEvent};
use super::keys::AuditKeys;
use super::line::{Head, render};
use super::queue::{Pending, Queue, Shared, State};
use super::store::Sink;

/// Lines after which a checkpoint is due.
const CHECKPOINT_LINES: u64 = 1000;
/// Bytes that are written at once.
const WRITE_BYTES: usize = 64 * 1024;

/// The writer's intervals.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest that a line waits for its group.
    pub group: Duration,
    /// The same when somebody waits for a line to be durable.
    pub urgent: Duration,
    /// How often counts are written.
    pub counts: Duration,
    /// The longest from a line to a checkpoint over it.
    pub checkpoint: Duration,
    /// How often a failed write is tried again.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            group: Duration::from_millis(50),
            urgent: Duration::from_millis(2),
            counts: Duration::from_secs(1),
            checkpoint: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        }
    }
}

/// An end of the file: its last line, its length, and how many lines no checkpoint covers.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) head: Head,
    pub(super) bytes: u64,
    pub(super) unsigned: u64,
}

/// What the writer knows of the file, and what it still has to write.
pub(super) struct Writer {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
    keys: Arc<dyn AuditKeys>,
    pace: Pace,
    /// Taken from the queue, not durable yet.
    backlog: VecDeque<Pending>,
    durable: End,
    /// The last line that the Secure Environment is known to have recorded.
    recorded: Head,
    /// Ticket of the last durable line.
    ticket: u64,
    /// The file may hold more than the durable lines.
    overhang: bool,
    next_counts: Instant,
    next_checkpoint: Instant,
    next_retry: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        sink: Box<dyn Sink>,
        keys: Arc<dyn AuditKeys>,
        pace: Pace,
        end: End,
    ) -> Writer {
        let now = Instant::now();
        Writer {
            shared,
            sink,
            keys,
            pace,
            backlog: VecDeque::new(),
            durable: end,
            recorded: end.head,
            ticket: 0,
            overhang: false,
            next_counts: now + pace.counts,
            next_checkpoint: now + pace.checkpoint,
            next_retry: None,
        }
    }

    /// Writes until the audit is closed. The error is why the last lines could not be written.
    pub(super) fn run(mut self) -> Result<(), String> {
        let _ended = Ended(Arc::clone(&self.shared));
        loop {
            let closing = self.collect();
            let result = self.commit(closing);
            self.publish(&result);
            if closing {
                return result;
            }
        }
    }

    /// Waits until there is something to do and takes all lines. True when it is the last time.
    fn collect(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        while !queue.closing {
            let wait = self.due(&queue).saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            queue = shared.wait(queue, wait);
        }
        let closing = queue.closing;
        if queue.state == State::Healthy && queue.lost > 0 {
            let lines = std::mem::take(&mut queue.lost);
            let event = NodeEvent::Lost { lines };
            shared.force(&mut queue, Event::Node { event });
        }
        queue.oldest = None;
        queue.urgent = false;
        self.backlog.append(&mut queue.lines);
        drop(queue);
        self.collect_counts(closing);
        closing
    }

    fn due(&self, queue: &Queue) -> Instant {
        if let Some(retry) = self.next_retry {
            return retry;
        }
        let linger = if queue.is_pressed() {
            Duration::ZERO
        } else if queue.urgent {
            self.pace.urgent
        } else {
            self.pace.group
        };
        let group = queue.oldest.map(|oldest| oldest + linger);
        let checkpoint = (self.durable.unsigned > 0).then_some(self.next_checkpoint);
        [group, checkpoint].into_iter().flatten().fold(self.next_counts, Instant::min)
    }

    /// Counts stay where they are while nothing can be written: there they take no room.
    fn collect_counts(&mut self, closing: bool) {
        let now = Instant::now();
        if !closing && (now < self.next_counts || self.next_retry.is_some()) {
            return;
        }
        self.next_counts = now + self.pace.counts;
        let time = (self.shared.clock)();
        let backlog = &mut self.backlog;
        for counts in self.shared.take_dirty() {
            counts.take(|event| {
                backlog.push_back(Pending { ticket: 0, time, event });
            });
        }
    }

    /// Makes the backlog durable, with a checkpoint where one is due, and records the new head.
    fn commit(&mut self, closing: bool) -> Result<(), String> {
        if self.overhang {
            self.sink
                .truncate(self.durable.bytes)
                .map_err(|error| format!("cannot cut back an incomplete line: {error}"))?;
            self.overhang = false;
        }
        let (end, signed) = self.write(closing)?;
        if end.head != self.durable.head {
            self.sink.sync().map_err(|error| format!("cannot sync: {error}"))?;
            self.overhang = false;
            self.durable = end;
            let last = self.backlog.iter().map(|line| line.ticket).max();
            self.ticket = self.ticket.max(last.unwrap_or(0));
            self.backlog.clear();
        }
        if self.recorded != self.durable.head {
            self.keys
                .record_head(self.durable.head)
                .map_err(|error| format!("the Secure Environment did not record the head: {error}"))?;
            self.recorded = self.durable.head;
        }
        signed
    }

    /// Writes the backlog behind the durable lines. A checkpoint that cannot be signed does not hold up the lines.
    fn write(&mut self, closing: bool) -> Result<(End, Result<(), String>), String> {
        let mut end = self.durable;
        let mut signed = Ok(());
        let mut out = Vec::new();
        let backlog = std::mem::take(&mut self.backlog);
        let mut failed = None;
        for line in &backlog {
            let step = self.line(&mut out, &mut end, line.time, &line.event);
            let step = step.and_then(|()| {
                if end.unsigned >= CHECKPOINT_LINES && signed.is_ok() {
                    signed = self.checkpoint(&mut out, &mut end);
                }
                self.flush(&mut out, WRITE_BYTES)
            });
            if let Err(error) = step {
                failed = Some(error);
                break;
            }
        }
        self.backlog = backlog;
        if let Some(error) = failed {
            return Err(error);
        }
        let due = closing || Instant::now() >= self.next_checkpoint;
        if end.unsigned > 0 && due && signed.is_ok() {
            signed = self.checkpoint(&mut out, &mut end);
        }
        self.flush(&mut out, 1)?;
        Ok((end, signed))
    }

    fn line(&self, out: &mut Vec<u8>, end: &mut End, time: SystemTime, event: &Event) -> Result<(), String> {
        let before = out.len();
        end.head = render(out, end.head, time, event).map_err(|error| error.to_string())?;
        end.bytes += (out.len() - before) as u64;
        end.unsigned += 1;
        Ok(())
    }

    fn checkpoint(&mut self, out: &mut Vec<u8>, end: &mut End) -> Result<(), String> {
        let signature = self
            .keys
            .sign(&end.head.signing_bytes())
            .map_err(|error| format!("the Secure Environment did not sign a checkpoint: {error}"))?;
        let signature = hex::encode(signature);
        let time = (self.shared.clock)();
        self.line(out, end, time, &Event::Checkpoint { signature })?;
        end.unsigned = 0;
        self.next_checkpoint = Instant::now() + self.pace.checkpoint;
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>, at_least: usize) -> Result<(), String> {
        if out.len() < at_least {
            return Ok(());
        }
        self.overhang = true;
        self.sink.append(out).map_err(|error| format!("cannot write: {error}"))?;
        out.clear();
        Ok(())
    }

    /// Tells everybody how the commit ended.
    fn publish(&mut self, result: &Result<(), String>) {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        match (result, &queue.state) {
            (Ok(()), State::Healthy) => {}
            (Ok(()), State::Degraded { .. }) => {
                self.next_retry = None;
                queue.state = State::Healthy;
                let lost = std::mem::take(&mut queue.lost);
                tracing::info!(lost, "the audit is written again");
                let event = NodeEvent::Recovered { lost };
                shared.force(&mut queue, Event::Node { event });
            }
            (Err(why), State::Healthy) => {
                self.next_retry = Some(Instant::now() + self.pace.retry);
                queue.state = State::Degraded { since: (shared.clock)(), why: why.clone() };
                tracing::warn!(%why, "the audit cannot be written; listed calls are refused");
                let event = NodeEvent::Degraded { why: why.clone() };
                shared.force(&mut queue, Event::Node { event });
            }
            (Err(_), State::Degraded { .. }) => {
                self.next_retry = Some(Instant::now() + self.pace.retry);
            }
        }
        queue.outstanding = queue.lines.len() + self.backlog.len();
        drop(queue);
        shared.room_made();
        shared.progress.send_modify(|progress| {
            if self.recorded == self.durable.head {
                progress.durable = self.ticket;
            }
            progress.degraded = result.as_ref().err().cloned();
        });
    }
}

/// Whatever ends the writer, nobody waits for it afterwards.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.begin_closing();
        self.0.progress.send_modify(|progress| progress.ended = true);
    }
}
