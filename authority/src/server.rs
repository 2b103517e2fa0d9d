//! A role as a server: opened from its folder, served until told to stop.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use m2m_trust::bundle::{self, Authority};
use m2m_trust::keys::Signer;
use m2m_trust::seal::Recipient;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use crate::aa::{self, Aa};
use crate::clock::Clock;
use crate::domain::{Domain, DomainError};
use crate::enrolment_policy::{self, EnrolmentPolicy};
use crate::http::{self, Client, TlsError};
use crate::journal::Journal;
use crate::keys::{KeyStore, KeyStoreError, Sealing, Signing};
use crate::mef::{self, Mef};
use crate::problem::Problem;
use crate::relay::{self, Counts, Relay};
use crate::settings::{Role, Settings};
use crate::snippet::FileError;
use crate::store::{RedbAaStore, RedbMefStore, StoreError};
use crate::work::blocking;

/// The file of what an MEF or AA remembers, in the folder of the role.
pub const STORE_FILE_NAME: &str = "store.redb";
/// How often what is due is forgotten, and a relay's counts are logged.
const ROUND: Duration = Duration::from_secs(30);

/// Why a role cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `authority.toml` or `enrolment.toml`.
    #[error(transparent)]
    File(#[from] FileError),
    /// Domain or bundle.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The bundle does not list the authority.
    #[error("the trust bundle lists no {role} `{id}`")]
    NotListed {
        /// The role of the folder.
        role: Role,
        /// The name in its settings.
        id: String,
    },
    /// The bundle lists the authority with keys that it does not hold.
    #[error("the trust bundle lists `{0}` with another key than the one in its key store")]
    OtherKey(String),
    /// Not a server's role.
    #[error("{0} is kept offline and is no server: expected the folder of mef, aa or relay")]
    Offline(Role),
}

/// A role that is ready to be served.
pub struct Server {
    settings: Settings,
    kind: Kind,
    clock: Clock,
    tls: Option<TlsAcceptor>,
}

enum Kind {
    Mef(Arc<Mef>),
    Aa(Arc<Aa>),
    Relay(Arc<Relay>, Arc<Journal>),
}

/// Serves the role in `folder` on `listener` until `stop` is true or its sender is gone.
///
/// # Errors
/// [`ServeError`], before anything is served.
pub async fn serve(folder: &Path, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<(), ServeError> {
    let folder = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || Server::open(&folder, Clock::system())).await;
    let server = opened.map_err(|error| StoreError(error.to_string()))??;
    server.serve(listener, stop).await;
    Ok(())
}

impl Server {
    /// Opens keys, store and policy of the role in `folder`. Blocks.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, ServeError> {
        let settings = Settings::read(folder)?;
        let journal = Journal::new(folder, settings.log.file_bytes, settings.log.files);
        let kind = match settings.role {
            Role::Mef => Kind::Mef(Arc::new(open_mef(folder, &settings, journal, clock.clone())?)),
            Role::Aa => Kind::Aa(Arc::new(open_aa(folder, &settings, journal, clock.clone())?)),
            Role::Relay => Kind::Relay(Arc::new(open_relay(&settings)?), Arc::new(journal)),
            offline => return Err(ServeError::Offline(offline)),
        };
        let tls = settings.tls.as_ref().map(http::server_tls).transpose()?.map(TlsAcceptor::from);
        Ok(Self { settings, kind, clock, tls })
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Serves until `stop` is true or its sender is gone, then lets requests in work end.
    pub async fn serve(self, listener: TcpListener, stop: watch::Receiver<bool>) {
        let Self { settings, kind, clock, tls } = self;
        let health = serde_json::json!({
            "role": settings.role,
            "id": settings.id.as_str(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        let (router, tasks): (Router, Vec<tokio::task::JoinHandle<()>>) = match kind {
            Kind::Mef(mef) => {
                let pruning = Arc::clone(&mef);
                let prune = prune_in_time(move || pruning.prune(), stop.clone());
                (mef::router(mef), vec![tokio::spawn(prune)])
            }
            Kind::Aa(aa) => {
                let pruning = Arc::clone(&aa);
                let prune = prune_in_time(move || pruning.prune(), stop.clone());
                let (publish, deliver) = (Arc::clone(&aa), Arc::clone(&aa));
                let tasks = vec![
                    tokio::spawn(prune),
                    tokio::spawn(publish.publish_in_time(stop.clone())),
                    tokio::spawn(deliver.deliver_blocks(stop.clone())),
                ];
                (aa::router(aa), tasks)
            }
            Kind::Relay(relay, journal) => {
                let counts = Arc::clone(&relay.counts);
                (relay::router(relay), vec![tokio::spawn(log_counts(counts, journal, clock, stop.clone()))])
            }
        };
        let router = router.route("/health", get(move || std::future::ready(axum_json(&health)))).fallback(not_found);
        http::serve(listener, tls, router, settings.limits, stop).await;
        for task in tasks {
            let _ = task.await;
        }
    }
}

async fn not_found() -> Problem {
    Problem::not_found("no-such-path", "there is nothing under this path")
}

fn axum_json(value: &serde_json::Value) -> axum::response::Response {
    http::message("application/json", value.to_string().into_bytes())
}

/// The keys of a role, once it is certain that the bundle lists them.
fn listed_keys(folder: &Path, settings: &Settings, domain: &Domain) -> Result<(Signing, Sealing), ServeError> {
    let store = KeyStore::open(folder, &settings.root_key)?;
    let (signing, sealing) = (store.signing()?, store.sealing()?);
    let role = if settings.role == Role::Mef { bundle::Role::Enrolment } else { bundle::Role::Authorization };
    let mut listed =
        domain.bundle.authorities.iter().filter(|entry| entry.role == role && entry.id == settings.id).peekable();
    let id = settings.id.to_string();
    if listed.peek().is_none() {
        return Err(ServeError::NotListed { role: settings.role, id });
    }
    let public = sealing.sealing_key();
    let is_own = |entry: &Authority| {
        entry.key == signing.public_key()
            && entry.sealing_key.as_ref().is_some_and(|key| key.0.as_slice() == public.as_bytes())
    };
    if listed.any(is_own) { Ok((signing, sealing)) } else { Err(ServeError::OtherKey(id)) }
}

fn open_mef(folder: &Path, settings: &Settings, journal: Journal, clock: Clock) -> Result<Mef, ServeError> {
    let domain = Domain::of(settings)?;
    let (signing, sealing) = listed_keys(folder, settings, &domain)?;
    let policy = EnrolmentPolicy::read(&folder.join(enrolment_policy::FILE_NAME), &domain.bundle)?;
    Ok(Mef {
        id: settings.id.clone(),
        domain,
        signing,
        sealing,
        store: Arc::new(RedbMefStore::open(&store_path(folder))?),
        policy,
        journal,
        clock,
        retention_epochs: settings.retention.epochs,
        receive: settings.limits.receive,
        requests: settings.limits.requests.get(),
    })
}

fn open_aa(folder: &Path, settings: &Settings, journal: Journal, clock: Clock) -> Result<Aa, ServeError> {
    let domain = Domain::of(settings)?;
    let (signing, sealing) = listed_keys(folder, settings, &domain)?;
    Ok(Aa {
        id: settings.id.clone(),
        domain,
        signing,
        sealing,
        store: Arc::new(RedbAaStore::open(&store_path(folder))?),
        journal,
        clock,
        client: Client::new(settings.limits.peer, settings.client.ca.as_deref())?,
        functions: settings.peers.clone(),
        list_period: settings.revocations.period,
        retention_epochs: settings.retention.epochs,
        receive: settings.limits.receive,
        requests: settings.limits.requests.get(),
        blocks: Notify::new(),
    })
}

fn open_relay(settings: &Settings) -> Result<Relay, ServeError> {
    Ok(Relay {
        // An AA answers after its MEF did.
        client: Client::new(settings.limits.peer * 2, settings.client.ca.as_deref())?,
        authorities: settings.peers.clone(),
        counts: Arc::new(Counts::default()),
        receive: settings.limits.receive,
        requests: settings.limits.requests.get(),
    })
}

/// Where the store of the role in `folder` is.
#[must_use]
pub fn store_path(folder: &Path) -> PathBuf {
    folder.join(STORE_FILE_NAME)
}

async fn prune_in_time(prune: impl Fn() -> Result<u64, Problem> + Clone + Send + 'static, stop: watch::Receiver<bool>) {
    every_round(stop, || {
        let prune = prune.clone();
        async move {
            if let Ok(records @ 1..) = blocking(prune).await {
                tracing::debug!(records, "forgotten");
            }
        }
    })
    .await;
}

async fn log_counts(counts: Arc<Counts>, journal: Arc<Journal>, clock: Clock, stop: watch::Receiver<bool>) {
    let log = || {
        if let Some(passed) = counts.take()
            && let Err(error) = journal.record(clock.now(), &passed)
        {
            tracing::error!(%error, "the counts could not be logged");
        }
    };
    every_round(stop, || async { log() }).await;
    log();
}

async fn every_round<F: Future<Output = ()>>(mut stop: watch::Receiver<bool>, mut job: impl FnMut() -> F) {
    loop {
        job().await;
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
