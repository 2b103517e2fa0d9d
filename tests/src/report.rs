//! `m2m-host status --json`, as far as the tests ask. Read as a program of somebody else's would read it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The node.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeReport {
    /// `healthy`, or `degraded …`.
    pub audit: String,
    /// In hexadecimal.
    pub audit_public_key: String,
    /// Where the node is in an M2M system.
    pub trust: Option<LifeCycle>,
    /// In the order of `node.toml`.
    pub aes: Vec<AeReport>,
    /// The last dead letters.
    pub dead_letters: Vec<serde_json::Value>,
}

/// Where a node is in an M2M system.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LifeCycle {
    /// `uninitialized`, `initialized`, `enrolling`, `enrolled`, `authorized`.
    pub stage: String,
    /// In words.
    pub waits_for: Option<String>,
    /// So far.
    pub enrolments: u64,
    /// So far.
    pub certificates: u64,
    /// So far.
    pub pseudonym_changes: u64,
    /// Messages that were not believed, by cause.
    pub refused: BTreeMap<String, u64>,
}

/// What is on its way out of a node.
#[derive(Debug, Clone, Deserialize)]
pub struct OutboundReport {
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that left.
    pub sent: u64,
    /// Messages that were given up, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// One AE.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AeReport {
    /// Its name.
    pub name: String,
    /// `running`, `failed`, `refused`, …
    pub life: String,
    /// Why it was refused.
    #[serde(default)]
    pub refused: String,
    /// What its memories hold.
    pub memory_bytes: u64,
    /// Messages handed over.
    pub delivered: u64,
    /// Messages it answered with an error.
    pub messages_failed: u64,
    /// What it sends to other nodes.
    pub outbound: OutboundReport,
    /// How often it was restarted.
    pub restarts: u64,
    /// How often an instance ended by a fault.
    pub fault_count: u64,
    /// The last of them.
    pub faults: Vec<FaultReport>,
    /// What it asked for.
    pub calls: Vec<CallReport>,
}

/// One fault.
#[derive(Debug, Clone, Deserialize)]
pub struct FaultReport {
    /// `memory`, `forged-handle`, …
    pub kind: String,
    /// In words.
    pub text: String,
}

/// Calls that were answered alike.
#[derive(Debug, Clone, Deserialize)]
pub struct CallReport {
    /// As in a capability file.
    pub operation: String,
    /// `allow`, `deny`, …
    pub effect: String,
    /// `file:line`.
    #[serde(default)]
    pub rule: String,
    /// How often.
    pub count: u64,
}

impl NodeReport {
    /// The node takes part in an M2M system.
    pub fn life_cycle(&self) -> &LifeCycle {
        self.trust.as_ref().expect("a life cycle")
    }

    /// The AE of this name.
    pub fn ae(&self, name: &str) -> &AeReport {
        self.aes.iter().find(|ae| ae.name == name).unwrap_or_else(|| panic!("no AE is named `{name}`"))
    }
}

impl AeReport {
    /// How many calls of an operation had this effect.
    pub fn count(&self, operation: &str, effect: &str) -> u64 {
        let calls = self.calls.iter().filter(|call| call.operation == operation && call.effect == effect);
        calls.map(|call| call.count).sum()
    }
}
