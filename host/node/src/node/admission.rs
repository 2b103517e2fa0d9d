//! Letting an AE in: its capability file, its component, its imports, its keys; or saying exactly why not.

use std::sync::Arc;

use cap_std::fs::Dir;
use m2m_policy::{Policy, PolicyError, Protection, SenderPattern};
use m2m_secure_environment::Partition;
use m2m_trust::enrolment::Measurement;
use m2m_trust::identity::Digest;

use super::Files;
use crate::ae::{Actor, Blueprint};
use crate::audit::{AeEvent, Audit};
use crate::capability::Mediator;
use crate::dead_letter::DeadLetters;
use crate::digest::Sha256Digest;
use crate::engine::{CompileCache, ComponentBytes, IntakeError, NodeEngine};
use crate::linker::{self, LinkError};
use crate::manifest::AeEntry;
use crate::node_keys::NodeKeys;
use crate::partitions::{Partitions, PartitionsError};
use crate::services::{Services, authorization::Authorization, messaging::Messaging, security::Security};
use crate::state::{SecureEnvironment, StateError, StateFolder};
use crate::status::AeStatus;
use crate::transport::Bus;
use crate::transport::mailbox::Mailbox;
use crate::transport::outbound::OutboundQueue;
use crate::trust::Trust;

/// Why an AE is not let in. The node runs without it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedAe {
    #[error("`{path}`: {error}")]
    Io { path: String, error: std::io::Error },
    #[error("its capability file is refused:\n{0}")]
    Policy(#[from] PolicyError),
    #[error("`{policy}` is the capability file of `{names}`, and `{ae}` is expected: `ae = \"{ae}\"`")]
    OtherAe { policy: String, names: String, ae: String },
    #[error("`{policy}` is a ceiling, and the capability file of `{ae}` is expected: `ae = \"{ae}\"`")]
    Ceiling { policy: String, ae: String },
    #[error("the component `{path}` {error}")]
    Intake { path: String, error: IntakeError },
    #[error("the component `{path}` is malformed: {what}")]
    Malformed { path: String, what: String },
    #[error("the component `{path}` {error}")]
    Link { path: String, error: LinkError },
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
}

/// An AE whose files were read, before the engine is sized by them.
pub(crate) struct Candidate {
    pub(super) policy: Arc<Policy>,
    policy_digest: Sha256Digest,
    component: ComponentBytes,
    pub(super) digest_pinned: bool,
}

/// An AE that may run.
pub(crate) struct Admitted {
    pub(super) actor: Actor,
    pub(super) outbound: Option<OutboundQueue>,
    pub(super) component: Sha256Digest,
    pub(super) digest_pinned: bool,
}

impl Candidate {
    /// What is told of it at enrolment.
    pub(super) fn measurements(&self, ae: &str) -> [Measurement; 2] {
        let measured =
            |what: &str, digest: Sha256Digest| Measurement { name: format!("{what}:{ae}"), digest: Digest(digest.0) };
        [measured("policy", self.policy_digest), measured("component", self.component.digest())]
    }

    /// The operations that it would have confidential messages of, as far as the ceiling lets it.
    pub(super) fn listens_to(&self, ceiling: &Policy) -> Vec<String> {
        let services = |policy: &Policy| -> Vec<String> {
            let grants = policy.rules().iter().filter_map(|rule| rule.subscribe());
            let confidential = grants.filter(|grant| grant.protection.contains(Protection::Confidential));
            let senders = confidential.flat_map(|grant| grant.from.iter());
            senders
                .filter_map(|sender| match sender {
                    SenderPattern::Service(service) => Some(service.to_string()),
                    _ => None,
                })
                .collect()
        };
        let within = services(ceiling);
        services(&self.policy).into_iter().filter(|service| within.contains(service)).collect()
    }

    pub(super) fn read(base: &Dir, entry: &AeEntry) -> Result<Self, RefusedAe> {
        let (ae, file) = (entry.ae_name().to_string(), entry.policy.to_string());
        let text = base.read_to_string(&entry.policy).map_err(|error| RefusedAe::Io { path: file.clone(), error })?;
        let policy = Policy::parse(&file, &text)?;
        match policy.ae() {
            None => return Err(RefusedAe::Ceiling { policy: file, ae }),
            Some(names) if names != ae => return Err(RefusedAe::OtherAe { policy: file, names: names.to_owned(), ae }),
            Some(_) => {}
        }
        for warning in policy.warnings() {
            tracing::warn!(ae, "{warning}");
        }
        let component = read_component(base, entry, &policy)
            .map_err(|error| RefusedAe::Intake { path: entry.component.to_string(), error })?;
        let digest_pinned = entry.digest.is_some() || policy.component_digest().is_some();
        Ok(Self {
            policy_digest: Sha256Digest::of(text.as_bytes()),
            policy: Arc::new(policy),
            component,
            digest_pinned,
        })
    }
}

fn read_component(base: &Dir, entry: &AeEntry, policy: &Policy) -> Result<ComponentBytes, IntakeError> {
    let component = ComponentBytes::read(base, &entry.component)?;
    if let Some(digest) = entry.digest {
        component.check_digest(digest, "`digest` in node.toml")?;
    }
    if let Some(digest) = policy.component_digest() {
        component.check_digest(Sha256Digest(digest), "`component` in its capability file")?;
    }
    Ok(component)
}

/// What letting in needs of the node.
pub(super) struct Admission<'a> {
    ceiling: Arc<Policy>,
    engine: Arc<NodeEngine>,
    cache: CompileCache<'a>,
    partitions: Partitions<'a>,
    secure_environment: &'a SecureEnvironment,
    audit: &'a Audit,
    bus: &'a Arc<Bus>,
    dead_letters: &'a DeadLetters,
    trust: Option<&'a Trust>,
}

impl<'a> Admission<'a> {
    #[allow(clippy::too_many_arguments, reason = "one place puts the node together")]
    pub(super) fn new(
        files: &Files,
        state: &'a StateFolder,
        engine: &Arc<NodeEngine>,
        secure_environment: &'a SecureEnvironment,
        keys: &'a NodeKeys,
        audit: &'a Audit,
        bus: &'a Arc<Bus>,
        dead_letters: &'a DeadLetters,
        trust: Option<&'a Trust>,
    ) -> Result<Self, AdmissionError> {
        Ok(Self {
            ceiling: Arc::clone(&files.ceiling),
            engine: Arc::clone(engine),
            cache: CompileCache::new(state.folder("cache")?, keys),
            partitions: Partitions::open(state.dir(), keys)?,
            secure_environment,
            audit,
            bus,
            dead_letters,
            trust,
        })
    }

    pub(super) fn admit(&mut self, entry: &AeEntry, candidate: Candidate) -> Result<Admitted, RefusedAe> {
        let ae = entry.ae_name();
        let path = entry.component.to_string();
        let malformed = |error| RefusedAe::Malformed { path: path.clone(), what: format!("{error:#}") };
        let engine = self.engine.wasmtime();
        let component = self.cache.compile(engine, &candidate.component).map_err(malformed)?;
        let pre = linker::link(engine, &component, &candidate.policy)
            .map_err(|error| RefusedAe::Link { path: path.clone(), error })?;

        // From here on nothing is in its way: only what will run takes over keys.
        let digest = candidate.component.digest();
        let management = &*self.secure_environment.management;
        let partition = self.partitions.of(&ae, digest, entry.inherits_keys_of, management)?;
        let partition = Partition::new(Arc::clone(&self.secure_environment.channel), partition);

        let mailbox = Mailbox::new(candidate.policy.limits().mailbox);
        let (ceiling, rights) = (Arc::clone(&self.ceiling), self.trust.map(Trust::rights));
        let mediator = Arc::new(Mediator::new(candidate.policy, ceiling, rights, self.audit, &ae));
        let outbound = self.trust.and_then(Trust::queue);
        let messaging = Messaging::new(&ae, self.bus, &mailbox, outbound.clone(), &mediator);
        let authorization = Authorization::new(self.trust.map(Trust::provisioning), &mediator);
        let services = Services::new(&ae, Security::new(partition), messaging, authorization);
        let blueprint = Blueprint::new(Arc::clone(&self.engine), pre, Arc::clone(&mediator), services);
        mediator
            .recorder()
            .event(AeEvent::Started { component: digest.to_string(), policy: candidate.policy_digest.to_string() });
        let status = Arc::new(AeStatus::new(&ae));
        let actor = Actor { blueprint, mailbox, status, dead_letters: self.dead_letters.clone() };
        Ok(Admitted { actor, outbound, component: digest, digest_pinned: candidate.digest_pinned })
    }
}

/// What keeps all AEs out.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdmissionError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
}

impl From<AdmissionError> for super::StartError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::State(error) => Self::State(error),
            AdmissionError::Partitions(error) => Self::Partitions(error),
        }
    }
}
