//! Puts a [`NodeReport`] together from what the parts of the node know.

use std::sync::Arc;

use super::admission::Admitted;
use crate::audit::{self, Audit, AuditKeys};
use crate::capability::Mediator;
use crate::control::Answers;
use crate::dead_letter::DeadLetters;
use crate::engine::Allocation;
use crate::manifest::{AeEntry, Manifest, RootKey};
use crate::node_keys::NodeKeys;
use crate::state::SecureEnvironment;
use crate::status::{AeReport, AeStatus, CallReport, Latency, Life, NodeReport, SecureEnvironmentReport};
use crate::transport::mailbox::Mailbox;
use crate::transport::message::now_ms;
use crate::transport::outbound::{OutboundQueue, OutboundReport};
use crate::trust::Trust;

/// Cheap to clone; each clone reports the same node.
#[derive(Clone)]
pub(super) struct Reporter {
    head: NodeReport,
    audit: Audit,
    dead_letters: DeadLetters,
    trust: Option<Trust>,
    aes: Vec<Seat>,
}

/// One AE's place in the report.
#[derive(Clone)]
enum Seat {
    Running(Arc<Running>),
    Refused { name: String, why: String },
}

struct Running {
    component: String,
    digest_pinned: bool,
    status: Arc<AeStatus>,
    mailbox: Arc<Mailbox>,
    outbound: Option<OutboundQueue>,
    mediator: Arc<Mediator>,
}

impl Reporter {
    pub(super) fn new(
        manifest: &Manifest,
        secure_environment: &SecureEnvironment,
        keys: &NodeKeys,
        audit: &Audit,
        dead_letters: &DeadLetters,
        trust: Option<&Trust>,
    ) -> Self {
        let head = NodeReport {
            node: manifest.node.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: now_ms(),
            allocation: String::new(),
            audit: String::new(),
            audit_public_key: keys.checkpoint_key().map(|key| hex::encode(key.public_key)).unwrap_or_default(),
            secure_environment: secure_environment_report(manifest, secure_environment),
            trust: None,
            aes: Vec::new(),
            dead_letters: Vec::new(),
        };
        Self { head, audit: audit.clone(), dead_letters: dead_letters.clone(), trust: trust.cloned(), aes: Vec::new() }
    }

    pub(super) fn allocation(&mut self, allocation: Allocation) {
        self.head.allocation = word(&allocation);
    }

    pub(super) fn admitted(&mut self, admitted: &Admitted) {
        self.aes.push(Seat::Running(Arc::new(Running {
            component: admitted.component.to_string(),
            digest_pinned: admitted.digest_pinned,
            status: Arc::clone(&admitted.actor.status),
            mailbox: Arc::clone(&admitted.actor.mailbox),
            outbound: admitted.outbound.clone(),
            mediator: Arc::clone(admitted.actor.blueprint.mediator()),
        })));
    }

    pub(super) fn refused(&mut self, entry: &AeEntry, why: &str) {
        self.aes.push(Seat::Refused { name: entry.ae_name().to_string(), why: why.to_owned() });
    }

    pub(super) fn report(&self) -> NodeReport {
        let letters = self.dead_letters.last();
        NodeReport {
            audit: audit_state(&self.audit.state()),
            trust: self.trust.as_ref().map(Trust::life_cycle),
            aes: self.aes.iter().map(Seat::report).collect(),
            dead_letters: letters.iter().filter_map(|letter| serde_json::to_value(letter).ok()).collect(),
            ..self.head.clone()
        }
    }
}

impl Answers for Reporter {
    fn status(&self) -> NodeReport {
        self.report()
    }

    fn misbehaviour(&self, topic: &str) -> Result<Vec<u8>, String> {
        let trust =
            self.trust.as_ref().ok_or("the node takes part in no M2M system: its `node.toml` has no `[trust]`")?;
        let recent = trust.provisioning().speech().recent(topic);
        recent.ok_or_else(|| format!("no signed message on `{}` came in so far", topic.escape_debug()))
    }
}

impl Seat {
    fn report(&self) -> AeReport {
        match self {
            Self::Running(running) => running.report(),
            Self::Refused { name, why } => AeReport {
                name: name.clone(),
                life: Life::Refused,
                refused: Some(why.clone()),
                component: None,
                digest_pinned: false,
                memory_bytes: 0,
                delivered: 0,
                messages_failed: 0,
                waiting: 0,
                dropped: 0,
                missed: 0,
                outbound: OutboundReport::default(),
                latency: Latency::default(),
                restarts: 0,
                fault_count: 0,
                faults: Vec::new(),
                calls: Vec::new(),
            },
        }
    }
}

impl Running {
    fn report(&self) -> AeReport {
        let now = self.status.snapshot();
        AeReport {
            name: self.status.name.to_string(),
            life: now.life,
            refused: None,
            component: Some(self.component.clone()),
            digest_pinned: self.digest_pinned,
            memory_bytes: now.memory_bytes,
            delivered: now.delivered,
            messages_failed: now.messages_failed,
            waiting: self.mailbox.waiting(),
            dropped: self.mailbox.dropped(),
            missed: self.mailbox.missed(),
            outbound: self.outbound.as_ref().map(OutboundQueue::report).unwrap_or_default(),
            latency: now.latency,
            restarts: now.restarts,
            fault_count: now.fault_count,
            faults: now.faults,
            calls: self.mediator.recorder().totals().into_iter().map(CallReport::from).collect(),
        }
    }
}

impl From<audit::Total> for CallReport {
    fn from(total: audit::Total) -> Self {
        Self {
            operation: total.operation.to_owned(),
            effect: total.effect.name().to_owned(),
            rule: total.rule,
            count: total.count,
        }
    }
}

fn secure_environment_report(manifest: &Manifest, secure_environment: &SecureEnvironment) -> SecureEnvironmentReport {
    let root_key = match manifest.secure_environment.root_key {
        RootKey::Credential(_) => "credential",
        RootKey::PassphraseFile(_) => "passphrase",
    };
    let missing = [
        "process: keys are in the memory of the process that runs AEs",
        "state binding: keys open on any state of this machine",
        "rollback: an old copy of the state folder cannot be told from the newest",
    ];
    SecureEnvironmentReport {
        protection: word(&secure_environment.management.protection()),
        root_key: root_key.to_owned(),
        missing: missing.map(str::to_owned).to_vec(),
    }
}

fn audit_state(state: &audit::State) -> String {
    match state {
        audit::State::Healthy => "healthy".to_owned(),
        audit::State::Degraded { since, why } => {
            format!("degraded since {}: {why}; calls on keys that must be recorded are refused", audit::rfc3339(*since))
        }
    }
}

/// The word that a value is written as.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
