//! The node: everything that `node.toml` names, put together and running.

mod admission;
mod provision;
mod report;

pub(crate) use provision::{Evidence, Offline};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_policy::{Policy, PolicyError};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::audit::{self, Audit, AuditError, NodeEvent};
use crate::control;
use crate::control::Answers;
use crate::dead_letter::DeadLetters;
use crate::digest::Sha256Digest;
use crate::engine::{EngineError, EngineSize, NodeEngine};
use crate::manifest::{AeEntry, LinkSection, Manifest, ManifestError, SecureEnvironmentSection};
use crate::node_keys::NodeKeys;
use crate::partitions::PartitionsError;
use crate::state::{ProvisioningChannel, SecureEnvironment, StateError, StateFolder};
use crate::status::NodeReport;
use crate::supervisor::Supervisor;
use crate::timers;
use crate::transport::Bus;
use crate::transport::link::{End, Ready};
use crate::trust::{Trust, TrustError};
use admission::{Admission, Candidate};
use report::Reporter;

/// How long AEs have to stop, once the node does.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// And how long to be cut off, if they do not.
const CUT_OFF_PATIENCE: Duration = Duration::from_secs(2);

/// A running node. Dropped without [`Node::stop`], it is cut off.
pub struct Node {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    audit: Audit,
    secure_environment: SecureEnvironment,
    reporter: Reporter,
    state: StateFolder,
}

/// Why a node does not start. A single AE that is refused does not keep the others from running; see [`NodeReport`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file could not be read.
    #[error("`{path}`: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// `node.toml` is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The ceiling is wrong.
    #[error("the node's ceiling is refused:\n{0}")]
    Ceiling(PolicyError),
    /// The file named as ceiling is the capability file of an AE.
    #[error("`{0}` is no ceiling: it begins with `ae = …`, and a ceiling with `ceiling = true`")]
    NoCeiling(String),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The audit cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The Secure Environment refuses the node's own keys.
    #[error("the Secure Environment: {0}")]
    NodeKeys(#[from] m2m_secure_environment::Error),
    /// The ties of AEs to partitions cannot be used.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// Enrolment, certificates or pseudonyms cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No engine for this node on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The files of a node, before anything is started.
pub struct Files {
    base: Dir,
    base_path: PathBuf,
    manifest: Manifest,
    ceiling: Arc<Policy>,
    ceiling_digest: m2m_trust::identity::Digest,
}

impl Files {
    /// Reads `node.toml` and the ceiling.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn read(node_toml: &Path) -> Result<Self, StartError> {
        let base_path = match node_toml.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let name = node_toml.file_name().map_or_else(|| "node.toml".into(), |name| name.to_string_lossy());
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| StartError::Io { path, error }
        };
        let base = Dir::open_ambient_dir(&base_path, ambient_authority()).map_err(io(&base_path))?;
        let text = base.read_to_string(&*name).map_err(io(node_toml))?;
        let manifest = Manifest::parse(&name, &text)?;
        let ceiling_name = manifest.node.ceiling.to_string();
        let text = base.read_to_string(&manifest.node.ceiling).map_err(io(&base_path.join(&manifest.node.ceiling)))?;
        let ceiling = Policy::parse(&ceiling_name, &text).map_err(StartError::Ceiling)?;
        if !ceiling.is_ceiling() {
            return Err(StartError::NoCeiling(ceiling_name));
        }
        let ceiling_digest = m2m_trust::identity::Digest(Sha256Digest::of(text.as_bytes()).0);
        Ok(Self { base, base_path, manifest, ceiling: Arc::new(ceiling), ceiling_digest })
    }

    /// Opens and locks the state folder.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn state(&self) -> Result<StateFolder, StateError> {
        StateFolder::open(&self.base, &self.base_path, &self.manifest)
    }

    /// Where the state folder is, whether or not it is there.
    pub fn state_path(&self) -> PathBuf {
        self.base_path.join(&self.manifest.node.state)
    }

    /// Unlocks the Secure Environment in an open state folder.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn secure_environment(
        &self,
        state: &StateFolder,
    ) -> Result<(SecureEnvironment, ProvisioningChannel), StateError> {
        let SecureEnvironmentSection { root_key } = &self.manifest.secure_environment;
        state.secure_environment(&self.base_path, root_key)
    }

    /// This node's end of the link, made where it makes it.
    fn link(&self) -> Result<Option<Ready>, StartError> {
        let Some(link) = &self.manifest.link else { return Ok(None) };
        let (path, end) = match link.as_ref() {
            LinkSection::Connect(path) => (path, End::Connect as fn(PathBuf) -> End),
            LinkSection::Listen(path) => (path, End::Listen as fn(PathBuf) -> End),
        };
        let path = self.base_path.join(path);
        Ready::new(end(path.clone())).map(Some).map_err(|error| StartError::Io { path, error })
    }
}

impl Node {
    /// Starts what `node.toml` describes. `progress` is told each step.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(node_toml: &Path, progress: &mut (dyn FnMut(&str) + Send)) -> Result<Self, StartError> {
        let files = Files::read(node_toml)?;
        let state = files.state()?;
        let control = bind_control(&state)?;
        progress("unlocking the Secure Environment");
        let (secure_environment, provisioning) = files.secure_environment(&state)?;
        let keys = Arc::new(NodeKeys::open(&secure_environment.channel, &secure_environment.management)?);
        progress("checking the audit");
        let audit = Audit::open(state.dir(), Arc::clone(&keys) as Arc<dyn audit::AuditKeys>, audit::system_clock())?;
        audit.node(NodeEvent::Started { version: env!("CARGO_PKG_VERSION").to_owned() });
        let node = Self::start_aes(files, state, secure_environment, provisioning, &keys, &audit, progress).await;
        let node = node.map(|node| node.serve_control(control));
        if node.is_err() {
            audit.node(NodeEvent::Stopped);
            let _ = audit.close();
        }
        node
    }

    async fn start_aes(
        files: Files,
        state: StateFolder,
        secure_environment: SecureEnvironment,
        provisioning: ProvisioningChannel,
        keys: &Arc<NodeKeys>,
        audit: &Audit,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Self, StartError> {
        let bus = Arc::new(Bus::default());
        let dead_letters = DeadLetters::new(&bus);
        let candidates: Vec<_> = files.manifest.aes.iter().map(|entry| Candidate::read(&files.base, entry)).collect();
        let evidence = Evidence::of(&files, &candidates);
        let link = files.link()?;
        let trust = provision::open(&files, &state, &secure_environment, provisioning, evidence, audit)?;
        let trust = if link.is_some() { trust.map(Trust::with_link) } else { trust };
        let mut reporter =
            Reporter::new(&files.manifest, &secure_environment, keys, audit, &dead_letters, trust.as_ref());
        let engine = Arc::new(NodeEngine::new(size(&candidates))?);
        reporter.allocation(engine.allocation());
        let mut admission = Admission::new(
            &files,
            &state,
            &engine,
            &secure_environment,
            keys,
            audit,
            &bus,
            &dead_letters,
            trust.as_ref(),
        )?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut listens_to = Vec::new();
        for (entry, candidate) in files.manifest.aes.iter().zip(candidates) {
            progress(&format!("loading `{}`", entry.ae_name()));
            let wants = candidate.as_ref().map(|candidate| candidate.listens_to(&files.ceiling)).unwrap_or_default();
            match candidate.and_then(|candidate| admission.admit(entry, candidate)) {
                Ok(admitted) => {
                    listens_to.extend(wants);
                    reporter.admitted(&admitted);
                    tasks.spawn(Supervisor { actor: admitted.actor, bus: Arc::clone(&bus) }.run(stopping.clone()));
                }
                Err(why) => {
                    tracing::error!(ae = &*entry.ae_name(), "refused: {why}");
                    audit.recorder(&entry.ae_name()).event(audit::AeEvent::Refused { text: why.to_string() });
                    reporter.refused(entry, &why.to_string());
                }
            }
        }
        listens_to.sort();
        listens_to.dedup();
        let silences = trust.as_ref().map(|trust| trust.start(link, &bus, &listens_to, &mut tasks, &stopping));
        for entry in files.manifest.aes {
            start_timers(&mut tasks, &bus, entry, silences.as_ref(), &stopping);
        }
        Ok(Self { stop, tasks, audit: audit.clone(), secure_environment, reporter, state })
    }

    fn serve_control(mut self, listener: UnixListener) -> Self {
        let reporter = self.reporter.clone();
        self.tasks.spawn(control::serve(listener, Arc::new(reporter) as Arc<dyn Answers>, self.stop.subscribe()));
        self
    }

    /// What it is doing.
    pub fn report(&self) -> NodeReport {
        self.reporter.report()
    }

    /// Stops AEs, then the audit, then the Secure Environment.
    ///
    /// # Errors
    /// When the last lines of the audit could not be written.
    pub async fn stop(mut self) -> Result<(), AuditError> {
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_PATIENCE, all).await.is_err() {
            tracing::warn!("some AEs did not stop within {} s and were cut off", STOP_PATIENCE.as_secs());
        }
        let _ = tokio::time::timeout(CUT_OFF_PATIENCE, self.tasks.shutdown()).await;
        let _ = std::fs::remove_file(self.state.path().join(control::SOCKET));
        self.audit.node(NodeEvent::Stopped);
        let audit = self.audit.clone();
        let closed = tokio::task::spawn_blocking(move || audit.close()).await;
        if let Err(error) = self.secure_environment.management.shutdown() {
            tracing::warn!("the Secure Environment: {error}");
        }
        closed.unwrap_or_else(|error| Err(AuditError::Unfinished(error.to_string())))
    }
}

/// Before anything runs, since it can fail: a path of a socket has at most 107 bytes.
fn bind_control(state: &StateFolder) -> Result<UnixListener, StartError> {
    let path = state.path().join(control::SOCKET);
    // Whoever left it there is gone: the state folder is locked.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map_err(|error| StartError::Io { path, error })
}

fn size(candidates: &[Result<Candidate, admission::RefusedAe>]) -> EngineSize {
    let limits = || candidates.iter().flatten().map(|candidate| *candidate.policy.limits());
    EngineSize {
        aes: limits().count(),
        memory_bytes: limits().map(|limits| limits.memory_bytes).max().unwrap_or(0),
        table_elements: limits().map(|limits| limits.table_elements as usize).max().unwrap_or(0),
    }
}

fn start_timers(
    tasks: &mut JoinSet<()>,
    bus: &Arc<Bus>,
    entry: AeEntry,
    silences: Option<&watch::Receiver<u64>>,
    stopping: &watch::Receiver<bool>,
) {
    let ae = entry.ae_name();
    for timer in entry.timers {
        tasks.spawn(timers::run(Arc::clone(bus), Arc::clone(&ae), timer, silences.cloned(), stopping.clone()));
    }
}
