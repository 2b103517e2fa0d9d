//! A node with its state, its Secure Environment, its clock and its link.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_secure_environment::{Credential, InProcess, Partition, PartitionId, PartitionType, SystemClock};
use m2m_trust::dev::START;
use m2m_trust::enrolment::Measurements;
use m2m_trust::identity::Micros;
use m2m_trust::keys::Signer;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::authorities::Authorities;
use crate::files::Files;
use crate::{Clock, Journal, LifeCycle, Link, Provisioning, ProvisioningError, Stage, Step, TrustSection};

/// Runs from [`START`] on, and can be set.
pub(crate) struct TestClock {
    began: Instant,
    ahead_us: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), ahead_us: AtomicU64::new(Micros::from(START).0 + 1_000_000) })
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.ahead_us.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, seconds: u64) {
        self.ahead_us.fetch_sub(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Micros {
        Micros(self.ahead_us.load(Ordering::SeqCst) + u64::try_from(self.began.elapsed().as_micros()).unwrap())
    }
}

/// A journal in memory.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) steps: Mutex<Vec<Step>>,
    pub(crate) full: Mutex<bool>,
}

impl Journal for Steps {
    fn record(&self, step: &Step) -> Result<(), String> {
        if *self.full.lock().unwrap() {
            return Err("no space left".to_owned());
        }
        self.steps.lock().unwrap().push(step.clone());
        Ok(())
    }
}

/// A link that counts.
#[derive(Default)]
pub(crate) struct CountingLink {
    pub(crate) left: AtomicU32,
    pub(crate) renewed: AtomicU32,
    pub(crate) busy: Mutex<bool>,
}

impl Link for CountingLink {
    fn is_drained(&self) -> bool {
        !*self.busy.lock().unwrap()
    }

    fn leave(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
    }

    fn renew(&self) {
        self.renewed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Files on which the power is cut: the write with the number `cut` is the last, done or not, and none succeeds after it.
pub(crate) struct CutFiles {
    pub(crate) dir: Dir,
    pub(crate) left: Arc<AtomicI64>,
    pub(crate) done: bool,
}

impl Files for CutFiles {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Files::read(&self.dir, name)
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            2.. => self.dir.replace(name, content),
            1 if self.done => {
                self.dir.replace(name, content)?;
                Err(io::Error::other("power cut"))
            }
            _ => Err(io::Error::other("power cut")),
        }
    }
}

/// What survives a restart.
pub(crate) struct Machine {
    place: tempfile::TempDir,
    environment: InProcess,
    partition: PartitionId,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) steps: Arc<Steps>,
    pub(crate) link: Arc<CountingLink>,
    pub(crate) section: String,
}

/// A running life.
pub(crate) struct Running {
    pub(crate) provisioning: Provisioning,
    _stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) const SHORT: &str = "dwell = \"100 ms\"\nsilence = { min = \"10 ms\", max = \"50 ms\" }\n";

impl Machine {
    pub(crate) async fn new(word: &str, obtain: &str) -> Self {
        Self::with(word, obtain, SHORT).await
    }

    pub(crate) async fn with(word: &str, obtain: &str, rest: &str) -> Self {
        let clock = TestClock::new();
        let authorities = Authorities::start(word, Arc::clone(&clock)).await;
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("keys")).unwrap();
        std::fs::create_dir(place.path().join("trust")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(place.path().join("keys"), mode).unwrap();
        let keys = Dir::open_ambient_dir(place.path().join("keys"), ambient_authority()).unwrap();
        let root_key = Credential::new(vec![7; 32].into());
        let environment = InProcess::open(keys, &root_key, Arc::new(SystemClock::new())).unwrap();
        let partition = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
        let address = &authorities.address;
        let section = format!(
            "mef = {{ id = \"mef\", url = \"{address}/mef\" }}\naa = {{ id = \"aa\", url = \"{address}/aa\" }}\nobtain = {obtain}\n{rest}"
        );
        let (steps, link) = Default::default();
        Self { place, environment, partition, clock, authorities, steps, link, section }
    }

    pub(crate) fn dir(&self) -> Dir {
        Dir::open_ambient_dir(self.place.path().join("trust"), ambient_authority()).unwrap()
    }

    pub(crate) fn partition(&self) -> Partition {
        Partition::new(self.environment.provisioning(), self.partition)
    }

    pub(crate) fn open_on(&self, files: Box<dyn Files>) -> Result<Provisioning, ProvisioningError> {
        let section: TrustSection = toml::from_str(&self.section).unwrap();
        let (clock, steps) = (self.clock.clone(), self.steps.clone());
        Provisioning::open_on(section, self.partition(), files, Measurements::default(), clock, steps)
    }

    pub(crate) fn open(&self) -> Result<Provisioning, ProvisioningError> {
        self.open_on(Box::new(self.dir()))
    }

    /// Opens a new node and installs its initialization.
    pub(crate) fn initialized(&self) -> Provisioning {
        let provisioning = self.open().unwrap();
        provisioning.install(&self.initialization(&provisioning)).unwrap();
        provisioning
    }

    pub(crate) fn initialization(&self, provisioning: &Provisioning) -> Vec<u8> {
        provisioning.device().unwrap();
        let device = provisioning.inner().keys.device().unwrap().unwrap();
        self.authorities.initialization(&device.public_key())
    }

    pub(crate) fn run(&self, provisioning: Provisioning) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (living, link) = (provisioning.clone(), self.link.clone());
        let task = tokio::spawn(async move { living.run(link, stopped).await });
        Running { provisioning, _stop: stop, task }
    }

    pub(crate) fn start(&self) -> Running {
        self.run(self.initialized())
    }
}

impl Running {
    /// Waits until the life cycle is as wished.
    pub(crate) async fn until(&self, what: &str, wish: impl Fn(&LifeCycle) -> bool) -> LifeCycle {
        let began = Instant::now();
        loop {
            let life = self.provisioning.life_cycle();
            if wish(&life) {
                return life;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}: {life:?}");
            assert!(!self.task.is_finished(), "ended before {what}: {life:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn authorized(&self) -> LifeCycle {
        self.until("authorization", |life| life.stage == Stage::Authorized && life.waits_for.is_none()).await
    }

    pub(crate) async fn speaking(&self) {
        let speaking = || self.provisioning.inner().standing.read().voice == crate::standing::Voice::Speaking;
        self.until("the end of silence", |_| speaking()).await;
    }
}
