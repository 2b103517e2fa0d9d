//! A node against the real MEF, AA and relay, over HTTP and with the operating system's clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_authority::init::{Options, Ports, ServiceOption, init};
use m2m_provisioning::{Journal, LifeCycle, Link, Provisioning, Stage, Step, SystemClock, TrustSection};
use m2m_secure_environment::{Credential, InProcess, Partition, PartitionType};
use m2m_trust::enrolment::Measurements;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

struct Quiet;

impl Journal for Quiet {
    fn record(&self, _: &Step) -> Result<(), String> {
        Ok(())
    }
}

impl Link for Quiet {
    fn is_drained(&self) -> bool {
        true
    }

    fn leave(&self) {}

    fn renew(&self) {}
}

/// One authority that can be stopped and started again at the same address.
struct Role {
    folder: PathBuf,
    address: SocketAddr,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl Role {
    async fn start(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let folder = self.folder.clone();
        let task = tokio::spawn(async move { m2m_authority::serve(&folder, listener, stopped).await.unwrap() });
        self.running = Some((stop, task));
    }

    async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.send(true).unwrap();
            task.await.unwrap();
        }
    }
}

struct Domain {
    folder: PathBuf,
    mef: Role,
    aa: Role,
    relay: Role,
}

impl Domain {
    /// A domain with slots of ten seconds, none of its servers running.
    async fn new(place: &Path) -> Self {
        let folder = place.join("domain");
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        drop(listeners);
        let service = |name: &str, operations: &[&str]| ServiceOption {
            name: name.to_owned(),
            operations: operations.iter().map(|&operation| operation.to_owned()).collect(),
            event: false,
        };
        let options = Options {
            services: vec![service("metering", &["report", "command"]), service("alarm", &["raise"])],
            slot: Duration::from_secs(10),
            revocation_period: Duration::from_secs(10),
            ports: Ports { mef: addresses[0].port(), aa: addresses[1].port(), relay: addresses[2].port() },
            ..Options::default()
        };
        let made = folder.clone();
        tokio::task::spawn_blocking(move || init(&made, &options, &mut |_| ()).unwrap()).await.unwrap();
        let role = |name: &str, address| Role { folder: folder.join(name), address, running: None };
        let (mef, aa, relay) = (role("mef", addresses[0]), role("aa", addresses[1]), role("relay", addresses[2]));
        Self { folder, mef, aa, relay }
    }

    async fn start(&mut self) {
        for role in [&mut self.mef, &mut self.aa, &mut self.relay] {
            role.start().await;
        }
    }
}

struct Node {
    provisioning: Provisioning,
    _environment: InProcess,
}

impl Node {
    /// Initialized by the manufacturer of the domain.
    async fn new(place: &Path, domain: &Domain, obtain: &str) -> Self {
        for folder in ["keys", "trust"] {
            let path = place.join(folder);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let open = |folder: &str| Dir::open_ambient_dir(place.join(folder), ambient_authority()).unwrap();
        let root_key = Credential::new(vec![7; 32].into());
        let clock = Arc::new(m2m_secure_environment::SystemClock::new());
        let environment = InProcess::open(open("keys"), &root_key, clock).unwrap();
        let id = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
        let partition = Partition::new(environment.provisioning(), id);
        let (mef, relay) = (domain.mef.address, domain.relay.address);
        let section = format!(
            "mef = {{ id = \"mef\", url = \"http://{mef}\" }}\n\
             aa = {{ id = \"aa\", url = \"http://{relay}\", relay = true }}\n\
             obtain = {obtain}\ndwell = \"500 ms\"\nsilence = {{ min = \"100 ms\", max = \"300 ms\" }}\n"
        );
        let section: TrustSection = toml::from_str(&section).unwrap();
        let (clock, journal) = (Arc::new(SystemClock), Arc::new(Quiet));
        let provisioning =
            Provisioning::open(section, partition, open("trust"), Measurements::default(), clock, journal).unwrap();
        let request = serde_json::to_string(&provisioning.device().unwrap()).unwrap();
        let folder = domain.folder.clone();
        let manufactured = tokio::task::spawn_blocking(move || {
            let device = serde_json::from_str(&request).unwrap();
            m2m_authority::manufacture::manufacture(&folder, &device, &[]).unwrap()
        });
        provisioning.install(&manufactured.await.unwrap().initialization).unwrap();
        Self { provisioning, _environment: environment }
    }

    fn run(&self) -> watch::Sender<bool> {
        let (stop, stopped) = watch::channel(false);
        let provisioning = self.provisioning.clone();
        tokio::spawn(async move { provisioning.run(Arc::new(Quiet), stopped).await });
        stop
    }

    async fn until(&self, what: &str, wish: impl Fn(&LifeCycle) -> bool) -> LifeCycle {
        let began = Instant::now();
        loop {
            let life = self.provisioning.life_cycle();
            if wish(&life) {
                return life;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "waited in vain for {what}: {life:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_lives_through_slots_and_outages() {
    let place = tempfile::tempdir().unwrap();
    let mut domain = Domain::new(place.path()).await;
    let node = Node::new(place.path(), &domain, "[\"metering/report\", \"alarm/raise\"]").await;
    let _stop = node.run();
    let life = node.until("the absence of the MEF", |life| life.waits_for.is_some()).await;
    assert!(life.waits_for.unwrap().contains("enrolment function `mef`: `mef` not reachable"));

    // The MEF alone: enrolled, and waiting for the relay.
    domain.mef.start().await;
    let life = node.until("the absence of the relay", |life| life.stage == Stage::Enrolled && life.waits_for.is_some());
    assert!(life.await.waits_for.unwrap().contains("authorization authority `aa`"));

    // The MEF is gone when the AA asks for its word.
    domain.mef.stop().await;
    domain.aa.start().await;
    domain.relay.start().await;
    node.until("the AA's wait for the MEF", |life| {
        life.waits_for.as_deref().is_some_and(|waits| waits.contains("answers 503"))
    })
    .await;
    domain.mef.start().await;
    node.until("authorization", |life| life.stage == Stage::Authorized).await;
    let names = || node.provisioning.rights().services().into_iter().map(|right| right.name).collect::<HashSet<_>>();
    node.until("both services", |_| names().len() == 2).await;
    assert_eq!(names(), HashSet::from(["metering/report".to_owned(), "alarm/raise".to_owned()]));
    node.until("a revocation list", |life| life.revocations_until.is_some()).await;

    // All of them are gone for more than a slot, and the node goes on with what it fetched ahead.
    let changes = node.provisioning.life_cycle().pseudonym_changes;
    for role in [&mut domain.relay, &mut domain.aa, &mut domain.mef] {
        role.stop().await;
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(names().len(), 2);
    assert!(node.provisioning.life_cycle().pseudonym_changes >= changes + 2);
    // Whichever it needs first: the next list or the next certificates.
    let life =
        node.until("the absence of the AA", |life| life.waits_for.as_ref().is_some_and(|waits| waits.contains("`aa`")));
    let life = life.await;
    domain.start().await;
    let until = life.revocations_until;
    let again =
        node.until("a newer revocation list", |life| life.revocations_until > until && life.waits_for.is_none());
    assert_eq!(again.await.enrolments, 1);
}
