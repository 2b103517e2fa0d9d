//! `m2m-host status --json`, as far as the tests ask. Read as a program of somebody else's would read it.

use serde::Deserialize;

/// The node.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeReport {
    /// `healthy`, or `degraded …`.
    pub audit: String,
    /// In hexadecimal.
    pub audit_public_key: String,
    /// In the order of `node.toml`.
    pub aes: Vec<AeReport>,
    /// The last dead letters.
    pub dead_letters: Vec<serde_json::Value>,
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
