//! The bounded queue between those who append and the one thread that writes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::counts::Counts;
use super::error::AppendError;
use super::event::Event;

/// Lines that may wait to be written. Calls are refused beyond.
pub(super) const QUEUE_LINES_MAX: usize = 8192;
/// How long a life-cycle line waits for room; it is counted as lost beyond.
const ROOM_WAIT: Duration = Duration::from_millis(50);
/// How often whoever waits without a runtime looks.
const GLANCE: Duration = Duration::from_millis(1);

/// The time of a line; a parameter so that tests can set it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A line's place in the order of appends: tickets grow, and the lines of the file stand in the order of their tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// Whether lines can be made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// They can.
    Healthy,
    /// They cannot; it is tried again every second.
    Degraded {
        /// Since when.
        since: SystemTime,
        /// What failed.
        why: String,
    },
}

/// A line that was taken and is not durable yet.
pub(super) struct Pending {
    /// Zero for a line that nobody waits for.
    pub(super) ticket: u64,
    pub(super) time: SystemTime,
    pub(super) event: Event,
}

/// How far the writer has come; what [`Shared::durable`] waits for.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) durable: u64,
    pub(super) degraded: Option<String>,
    pub(super) ended: bool,
}

/// What appenders and the writer share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    /// The writer waits here for lines.
    work: Condvar,
    /// Life-cycle lines wait here for room.
    room: Condvar,
    pub(super) progress: watch::Sender<Progress>,
    /// AEs with counts that are not written yet.
    dirty: Mutex<Vec<Arc<Counts>>>,
    pub(super) clock: Clock,
}

pub(super) struct Queue {
    pub(super) lines: VecDeque<Pending>,
    /// Lines taken and not durable: those above and those that the writer holds.
    pub(super) outstanding: usize,
    issued: u64,
    /// When the oldest of `lines` came.
    pub(super) oldest: Option<Instant>,
    /// Somebody waits for a line to be durable.
    pub(super) urgent: bool,
    pub(super) closing: bool,
    pub(super) state: State,
    /// Lines that were not taken.
    pub(super) lost: u64,
}

impl Queue {
    fn push(&mut self, time: SystemTime, event: Event) -> Ticket {
        self.issued += 1;
        self.outstanding += 1;
        self.oldest.get_or_insert_with(Instant::now);
        self.lines.push_back(Pending { ticket: self.issued, time, event });
        Ticket(self.issued)
    }

    /// Whether so many lines wait that the writer should not linger.
    pub(super) fn is_pressed(&self) -> bool {
        self.lines.len() >= QUEUE_LINES_MAX / 2
    }
}

impl Shared {
    pub(super) fn new(clock: Clock) -> Shared {
        Shared {
            queue: Mutex::new(Queue {
                lines: VecDeque::new(),
                outstanding: 0,
                issued: 0,
                oldest: None,
                urgent: false,
                closing: false,
                state: State::Healthy,
                lost: 0,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            progress: watch::Sender::new(Progress::default()),
            dirty: Mutex::new(Vec::new()),
            clock,
        }
    }

    /// Takes a line while fewer than `limit` wait; if it does not, the caller knows.
    pub(super) fn append(&self, event: Event, limit: usize) -> Result<Ticket, AppendError> {
        let mut queue = self.lock();
        let refused = if queue.closing {
            AppendError::Closed
        } else if let State::Degraded { why, .. } = &queue.state {
            AppendError::Degraded { why: why.clone() }
        } else if queue.outstanding >= limit {
            AppendError::Full
        } else {
            return Ok(self.push(&mut queue, event));
        };
        queue.lost += 1;
        Err(refused)
    }

    /// Takes a line about what has happened already: also while degraded, as long as there is room.
    pub(super) fn note(&self, event: Event) {
        let mut queue = self.lock();
        if queue.outstanding >= QUEUE_LINES_MAX && queue.state == State::Healthy {
            queue = self
                .room
                .wait_timeout_while(queue, ROOM_WAIT, |queue| queue.outstanding >= QUEUE_LINES_MAX && !queue.closing)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if queue.outstanding >= QUEUE_LINES_MAX || queue.closing {
            queue.lost += 1;
        } else {
            self.push(&mut queue, event);
        }
    }

    /// Takes a line of the writer's own, whatever the room.
    pub(super) fn force(&self, queue: &mut Queue, event: Event) {
        queue.push((self.clock)(), event);
    }

    fn push(&self, queue: &mut Queue, event: Event) -> Ticket {
        // The time is read under the lock, so that lines stand in the order of their times.
        let ticket = queue.push((self.clock)(), event);
        if queue.lines.len() == 1 || queue.is_pressed() {
            self.work.notify_one();
        }
        ticket
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer's wait, for at most `timeout`.
    pub(super) fn wait<'q>(&self, queue: MutexGuard<'q, Queue>, timeout: Duration) -> MutexGuard<'q, Queue> {
        self.work.wait_timeout(queue, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn room_made(&self) {
        self.room.notify_all();
    }

    /// Has the writer finish and end.
    pub(super) fn begin_closing(&self) {
        self.lock().closing = true;
        self.work.notify_one();
        self.room.notify_all();
    }

    pub(super) fn mark_dirty(&self, counts: Arc<Counts>) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
    }

    pub(super) fn take_dirty(&self) -> Vec<Arc<Counts>> {
        std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the line of `ticket` is durable, and has the writer hurry.
    pub(super) async fn durable(&self, ticket: Ticket) -> Result<(), AppendError> {
        let mut progress = self.progress.subscribe();
        self.hurry(ticket, &progress.borrow());
        match progress.wait_for(|progress| progress.is_over(ticket)).await {
            Ok(progress) => progress.of(ticket),
            Err(_) => Err(AppendError::Closed),
        }
    }

    /// As [`Shared::durable`], for whoever runs on no runtime.
    pub(super) fn durable_blocking(&self, ticket: Ticket) -> Result<(), AppendError> {
        let progress = self.progress.subscribe();
        self.hurry(ticket, &progress.borrow());
        while !progress.borrow().is_over(ticket) {
            std::thread::sleep(GLANCE);
        }
        progress.borrow().of(ticket)
    }

    fn hurry(&self, ticket: Ticket, progress: &Progress) {
        if progress.durable < ticket.0 {
            self.lock().urgent = true;
            self.work.notify_one();
        }
    }
}

impl Progress {
    /// Nothing is to be waited for any more.
    fn is_over(&self, ticket: Ticket) -> bool {
        self.durable >= ticket.0 || self.degraded.is_some() || self.ended
    }

    fn of(&self, ticket: Ticket) -> Result<(), AppendError> {
        match &self.degraded {
            _ if self.durable >= ticket.0 => Ok(()),
            Some(why) => Err(AppendError::Degraded { why: why.clone() }),
            None => Err(AppendError::Closed),
        }
    }
}
