//! What a node is doing, for `m2m-host status`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use m2m_provisioning::LifeCycle;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::transport::message::{AeName, now_ms};
use crate::transport::outbound::OutboundReport;

/// How many faults of an AE are remembered.
const FAULTS_KEPT_MAX: usize = 64;
/// The longest delivery that is told from a longer one, in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Where an AE is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// Its instance is being made.
    Starting,
    /// It takes messages.
    Running,
    /// It waits to be restarted.
    Restarting,
    /// Its restarts are used up.
    Failed,
    /// It was not let in: capability file or component.
    Refused,
    /// The node stops.
    Stopped,
}

/// One fault, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultReport {
    /// As in the audit: `memory`, `forged-handle`.
    pub kind: String,
    /// In words.
    pub text: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// How long messages took from being taken to being handed over, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Latency {
    /// Half of them took at most this.
    pub median_us: u64,
    /// All but a hundredth took at most this.
    pub p99_us: u64,
}

/// What happened to one AE so far. Written by its supervisor, read by whoever asks.
pub(crate) struct AeStatus {
    pub(crate) name: AeName,
    inner: Mutex<Inner>,
}

struct Inner {
    life: Life,
    memory_bytes: u64,
    restarts: u64,
    fault_count: u64,
    faults: Vec<FaultReport>,
    delivered: u64,
    messages_failed: u64,
    latency_us: Option<Histogram<u64>>,
}

/// A copy of an [`AeStatus`].
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) life: Life,
    pub(crate) memory_bytes: u64,
    pub(crate) restarts: u64,
    pub(crate) fault_count: u64,
    pub(crate) faults: Vec<FaultReport>,
    pub(crate) delivered: u64,
    pub(crate) messages_failed: u64,
    pub(crate) latency: Latency,
}

impl AeStatus {
    pub(crate) fn new(name: &AeName) -> Self {
        let inner = Inner {
            life: Life::Starting,
            memory_bytes: 0,
            restarts: 0,
            fault_count: 0,
            faults: Vec::new(),
            delivered: 0,
            messages_failed: 0,
            latency_us: Histogram::new_with_max(LATENCY_US_MAX, 3).ok(),
        };
        Self { name: AeName::clone(name), inner: Mutex::new(inner) }
    }

    pub(crate) fn running(&self, memory_bytes: u64) {
        let mut inner = self.lock();
        inner.life = Life::Running;
        inner.memory_bytes = memory_bytes;
    }

    pub(crate) fn memory(&self, memory_bytes: u64) {
        self.lock().memory_bytes = memory_bytes;
    }

    pub(crate) fn delivered(&self, after: Duration) {
        let mut inner = self.lock();
        inner.delivered += 1;
        if let Some(latency) = &mut inner.latency_us {
            latency.saturating_record(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn message_failed(&self) {
        self.lock().messages_failed += 1;
    }

    pub(crate) fn fault(&self, fault: &Fault) {
        let mut inner = self.lock();
        inner.fault_count += 1;
        inner.memory_bytes = 0;
        if inner.faults.len() == FAULTS_KEPT_MAX {
            inner.faults.remove(0);
        }
        inner.faults.push(FaultReport { kind: fault.kind().to_owned(), text: fault.to_string(), at_ms: now_ms() });
    }

    pub(crate) fn restarting(&self) {
        let mut inner = self.lock();
        inner.life = Life::Restarting;
        inner.restarts += 1;
    }

    pub(crate) fn failed(&self) {
        self.lock().life = Life::Failed;
    }

    pub(crate) fn stopped(&self) {
        self.lock().life = Life::Stopped;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        Snapshot {
            life: inner.life,
            memory_bytes: inner.memory_bytes,
            restarts: inner.restarts,
            fault_count: inner.fault_count,
            faults: inner.faults.clone(),
            delivered: inner.delivered,
            messages_failed: inner.messages_failed,
            latency: inner.latency_us.as_ref().map(Latency::of).unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latency {
    fn of(microseconds: &Histogram<u64>) -> Self {
        Self { median_us: microseconds.value_at_quantile(0.5), p99_us: microseconds.value_at_quantile(0.99) }
    }
}

/// The whole node. The shape of `m2m-host status --json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeReport {
    /// As in `node.toml`.
    pub node: String,
    /// Of this host.
    pub version: String,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
    /// `pooling` or `on-demand`.
    pub allocation: String,
    /// `healthy`, or what cannot be written and since when.
    pub audit: String,
    /// The public key that verifies its checkpoints, in hexadecimal.
    pub audit_public_key: String,
    /// How key material is protected, and what a better protection would need.
    pub secure_environment: SecureEnvironmentReport,
    /// Where the node is in the life cycle of an M2M system; absent where it takes part in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<LifeCycle>,
    /// In the order of `node.toml`.
    pub aes: Vec<AeReport>,
    /// The last messages that no instance could handle.
    pub dead_letters: Vec<serde_json::Value>,
}

/// How key material is protected.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SecureEnvironmentReport {
    /// `in-process`, `process`, `tpm-sealed`, `token`.
    pub protection: String,
    /// `credential`, `passphrase`.
    pub root_key: String,
    /// Each with its reason.
    pub missing: Vec<String>,
}

/// One AE.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AeReport {
    /// As in `node.toml`.
    pub name: String,
    /// Where it is in its life.
    pub life: Life,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Of the component that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Whether `node.toml` or the capability file names that digest.
    pub digest_pinned: bool,
    /// What its memories hold.
    pub memory_bytes: u64,
    /// Messages handed over, each once.
    pub delivered: u64,
    /// Messages that it answered with an error.
    pub messages_failed: u64,
    /// Messages that wait.
    pub waiting: usize,
    /// Messages lost to a full mailbox, by grant.
    pub dropped: u64,
    /// Messages of other nodes that found no room.
    #[serde(default)]
    pub missed: u64,
    /// What is on its way out of the node.
    #[serde(default)]
    pub outbound: OutboundReport,
    /// From being taken to being handed over.
    pub latency: Latency,
    /// How often it was restarted.
    pub restarts: u64,
    /// How often an instance ended by a fault.
    pub fault_count: u64,
    /// The last of them.
    pub faults: Vec<FaultReport>,
    /// What it asked for, and how that was answered.
    pub calls: Vec<CallReport>,
}

/// How often an operation was answered so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CallReport {
    /// As in a capability file.
    pub operation: String,
    /// `allow`, `deny`, `too-large`, `exhausted`, `unavailable`.
    pub effect: String,
    /// `file:line` of the rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How often.
    pub count: u64,
}
