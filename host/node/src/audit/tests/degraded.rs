//! When lines cannot be written: what is refused, what is kept, and what the file says afterwards.

use std::io;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::audit::store::Sink;

/// A file on a disk that can be full, and a sync that can fail.
struct Flaky {
    file: File,
    disk: Arc<Disk>,
}

struct Disk {
    /// Bytes that still fit.
    room: AtomicU64,
    sync_fails: AtomicBool,
}

impl Disk {
    fn set_room(&self, bytes: u64) {
        self.room.store(bytes, Ordering::SeqCst);
    }
}

impl Sink for Flaky {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.disk.room.load(Ordering::SeqCst);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.disk.room.store(room - fits as u64, Ordering::SeqCst);
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

fn open_flaky(node: &Node) -> (Audit, Arc<Disk>) {
    let disk = Arc::new(Disk { room: AtomicU64::new(u64::MAX), sync_fails: AtomicBool::new(false) });
    let (file, checked) = open_checked(&node.dir(), node.keys.as_ref()).unwrap();
    let sink = Box::new(Flaky { file, disk: disk.clone() });
    let audit = Audit::start(sink, &checked, node.keys.clone(), system_clock(), quick()).unwrap();
    (audit, disk)
}

fn is_degraded(audit: &Audit) -> bool {
    matches!(audit.state(), State::Degraded { .. })
}

/// Degrades by `fail`, checks what holds meanwhile, mends by `mend`, and gives the lines of the file.
fn through(fail: impl FnOnce(&Node, &Disk), mend: impl FnOnce(&Node, &Disk)) -> Vec<Line> {
    let node = Node::new();
    let (audit, disk) = open_flaky(&node);
    let meter = audit.recorder("meter");
    let ticket = meter.list(call("keys.generate", "before", Effect::Allow)).unwrap();
    wait(audit.durable(ticket)).unwrap();

    fail(&node, &disk);
    let ticket = meter.list(call("keys.generate", "taken", Effect::Allow)).unwrap();
    assert!(matches!(wait(audit.durable(ticket)), Err(AppendError::Degraded { .. })));
    wait_until("degraded", || is_degraded(&audit));
    let refused = meter.list(call("keys.generate", "refused", Effect::Allow));
    assert!(matches!(refused, Err(AppendError::Degraded { .. })), "{refused:?}");
    meter.deny(call("keys.sign", "denied", Effect::Deny));
    meter.count("keys.sign", Some((0, 1)), || "meter.toml:7".into());
    meter.event(AeEvent::Fault { fault: "trap".into(), text: "unreachable".into() });
    thread::sleep(Duration::from_millis(30));
    assert!(is_degraded(&audit), "it does not mend itself");

    mend(&node, &disk);
    wait_until("healthy", || audit.state() == State::Healthy);
    let ticket = meter.list(call("keys.generate", "after", Effect::Allow)).unwrap();
    assert_eq!(wait(audit.durable(ticket)), Ok(()));
    audit.close().unwrap();
    let report = verify(node.bytes().as_slice(), Some(&checkpoint_key()), node.head()).unwrap();
    assert_eq!(report.unsigned, 0);
    node.open().unwrap().close().unwrap();
    node.lines()
}

fn assert_told(lines: &[Line]) {
    let has = |what: &dyn Fn(&Event) -> bool| lines.iter().filter(|line| what(&line.event)).count();
    let listed = |wanted: &str| has(&|event| matches!(event, Event::Call { subject, .. } if subject == wanted));
    for (subject, times) in [("before", 1), ("taken", 1), ("refused", 0), ("denied", 0), ("after", 1)] {
        assert_eq!(listed(subject), times, "{subject}");
    }
    let node = |wanted: fn(&NodeEvent) -> bool| has(&|event| matches!(event, Event::Node { event } if wanted(event)));
    assert_eq!(node(|event| matches!(event, NodeEvent::Degraded { .. })), 1);
    assert_eq!(node(|event| matches!(event, NodeEvent::Recovered { lost: 2 })), 1);
    assert_eq!(has(&|event| matches!(event, Event::Ae { event: AeEvent::Fault { .. }, .. })), 1);
    let counted = |wanted| has(&|event| matches!(event, Event::Calls { effect, count: 1, .. } if *effect == wanted));
    for effect in [Effect::Unavailable, Effect::Deny, Effect::Allow] {
        assert_eq!(counted(effect), 1, "{effect:?}");
    }
}

#[test]
fn a_full_disk() {
    // In the middle of a line: what was written of it is cut back before it is tried again.
    for room in [0, 1, 100] {
        let lines = through(|_, disk| disk.set_room(room), |_, disk| disk.set_room(u64::MAX));
        assert_told(&lines);
    }
}

#[test]
fn a_sync_that_fails() {
    let lines = through(
        |_, disk| disk.sync_fails.store(true, Ordering::SeqCst),
        |_, disk| disk.sync_fails.store(false, Ordering::SeqCst),
    );
    assert_told(&lines);
}

#[test]
fn a_secure_environment_that_is_away() {
    let lines = through(|node, _| node.keys.set_away(true), |node, _| node.keys.set_away(false));
    assert_told(&lines);
}

#[test]
fn a_partial_line_is_cut_back_and_the_audit_can_be_closed_and_opened() {
    let node = Node::new();
    let (audit, disk) = open_flaky(&node);
    audit.node(NodeEvent::Started { version: "1".into() });
    wait_until("the first line", || node.head().is_some());
    disk.set_room(10);
    audit.node(NodeEvent::Stopped);
    wait_until("degraded", || is_degraded(&audit));
    assert!(matches!(audit.close(), Err(AuditError::Unfinished(_))));
    let report = node.open().map(|audit| audit.close());
    assert!(matches!(report, Ok(Ok(()))), "the incomplete line stands behind the head");
}

#[test]
fn a_checkpoint_that_cannot_be_signed_does_not_hold_up_the_lines() {
    let node = Node::new();
    let pace = Pace { checkpoint: Duration::ZERO, ..quick() };
    let keys = Arc::new(Unsigned(node.keys.clone()));
    let audit = Audit::open_with(&node.dir(), keys, system_clock(), pace).unwrap();
    audit.node(NodeEvent::Stopped);
    wait_until("degraded", || is_degraded(&audit));
    wait_until("the line", || node.head().is_some());
    assert!(matches!(node.lines()[0].event, Event::Node { event: NodeEvent::Stopped }));
}

/// Keeps heads, but does not sign.
struct Unsigned(Arc<TestKeys>);

impl AuditKeys for Unsigned {
    fn sign(&self, _: &[u8]) -> Result<[u8; 64], String> {
        Err("no signing key".to_owned())
    }

    fn checkpoint_key(&self) -> Result<CheckpointKey, String> {
        self.0.checkpoint_key()
    }

    fn record_head(&self, head: Head) -> Result<(), String> {
        self.0.record_head(head)
    }

    fn head(&self) -> Result<Option<Head>, String> {
        self.0.head()
    }
}

#[test]
fn a_full_queue_refuses_calls_and_says_later_how_many() {
    let node = Node::new();
    let slow = Pace { group: Duration::from_millis(300), ..quick() };
    let audit = Audit::open_with(&node.dir(), node.keys.clone(), system_clock(), slow).unwrap();
    let meter = audit.recorder("meter");
    // The writer is held up where it takes the lines.
    let refused = {
        let mut queue = audit.handle.shared.lock();
        queue.outstanding += queue::QUEUE_LINES_MAX;
        drop(queue);
        meter.list(call("keys.generate", "a", Effect::Allow))
    };
    assert_eq!(refused, Err(AppendError::Full));
    audit.handle.shared.lock().outstanding = 0;
    audit.close().unwrap();
    let lost =
        node.lines().iter().any(|line| matches!(line.event, Event::Node { event: NodeEvent::Lost { lines: 1 } }));
    assert!(lost);
}
