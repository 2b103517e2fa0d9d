//! Tests of the whole audit; each file is one property.

mod degraded;
mod full_disk;
mod life;
mod shown;
mod tampering;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use ed25519_dalek::{Signer, SigningKey};

use super::*;

/// A Secure Environment of the tests: keeps its head in memory and can be switched off.
#[derive(Default)]
pub(super) struct TestKeys {
    head: Mutex<Option<Head>>,
    away: AtomicBool,
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn framed(message: &[u8]) -> Vec<u8> {
    [b"test domain", message].concat()
}

fn checkpoint_key() -> CheckpointKey {
    CheckpointKey { public_key: signing_key().verifying_key().to_bytes(), signing_input: framed }
}

impl TestKeys {
    fn with_head(head: Option<Head>) -> Arc<TestKeys> {
        let keys = TestKeys::default();
        *keys.head.lock().unwrap() = head;
        Arc::new(keys)
    }

    fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn here(&self) -> Result<(), String> {
        match self.away.load(Ordering::SeqCst) {
            true => Err("restarting".to_owned()),
            false => Ok(()),
        }
    }
}

impl AuditKeys for TestKeys {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        self.here()?;
        Ok(signing_key().sign(&framed(message)).to_bytes())
    }

    fn checkpoint_key(&self) -> Result<CheckpointKey, String> {
        self.here()?;
        Ok(checkpoint_key())
    }

    fn record_head(&self, head: Head) -> Result<(), String> {
        self.here()?;
        let mut kept = self.head.lock().unwrap();
        assert!(kept.is_none_or(|kept| kept.seq < head.seq), "seq grows");
        *kept = Some(head);
        Ok(())
    }

    fn head(&self) -> Result<Option<Head>, String> {
        self.here()?;
        Ok(*self.head.lock().unwrap())
    }
}

/// A state folder with its Secure Environment.
pub(super) struct Node {
    folder: tempfile::TempDir,
    keys: Arc<TestKeys>,
}

impl Node {
    fn new() -> Node {
        Node { folder: tempfile::tempdir().unwrap(), keys: TestKeys::with_head(None) }
    }

    fn dir(&self) -> Dir {
        Dir::open_ambient_dir(self.folder.path(), ambient_authority()).unwrap()
    }

    fn open(&self) -> Result<Audit, AuditError> {
        Audit::open_with(&self.dir(), self.keys.clone(), system_clock(), quick())
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join(FILE)).unwrap()
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(FILE), bytes).unwrap();
    }

    fn head(&self) -> Option<Head> {
        self.keys.head().unwrap()
    }

    fn lines(&self) -> Vec<Line> {
        lines(&self.bytes())
    }
}

/// What the given closure would leave behind after a clean end.
fn recorded(fill: impl FnOnce(&Audit)) -> Node {
    let node = Node::new();
    let audit = node.open().unwrap();
    fill(&audit);
    audit.close().unwrap();
    node
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    read(bytes).map(|entry| entry.unwrap().line.expect("an audit line")).collect()
}

/// Intervals that a test need not wait for. Checkpoints come at the end only.
fn quick() -> Pace {
    Pace {
        group: Duration::from_millis(1),
        urgent: Duration::ZERO,
        counts: Duration::from_millis(5),
        checkpoint: Duration::from_secs(3600),
        retry: Duration::from_millis(5),
    }
}

/// A clock that stands still.
fn noon() -> Clock {
    let noon: SystemTime = UNIX_EPOCH + Duration::from_secs(1_772_366_400);
    Arc::new(move || noon)
}

fn call<'a>(operation: &'static str, subject: &'a str, effect: Effect) -> Call<'a> {
    Call { operation, subject, effect, rule: (effect == Effect::Allow).then_some("meter.toml:4"), text: None }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "waited too long: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn wait(future: impl Future<Output = Result<(), AppendError>>) -> Result<(), AppendError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
