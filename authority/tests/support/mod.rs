//! A trust domain whose servers run in this process, and nodes whose keys are in memory.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use m2m_authority::http::{Answer, CBOR, Client};
use m2m_authority::init::{Options, Ports, init};
use m2m_authority::manufacture::{Device, DeviceEnvironment, DeviceProfile, manufacture};
use m2m_trust::aif::Scope;
use m2m_trust::authorization::{
    AuthorizationError, AuthorizationNode, AwaitingAuthorization, Pseudonym, PseudonymCertificate,
};
use m2m_trust::broadcast::{BroadcastSender, Outgoing};
use m2m_trust::bundle::TrustBundle;
use m2m_trust::clock_floor::{ClockFloor, Now};
use m2m_trust::dev::{RepeatableRng, SealedKey, SigningKey};
use m2m_trust::enrolment::{
    AwaitingEnrolment, DebugStatus, Enrolled, EnrolmentError, EnrolmentNode, Measurement, Measurements,
};
use m2m_trust::identity::{AuthorityId, CanonicalId, Digest, Micros, Seconds, Slot};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::Signer;
use m2m_trust::revocation::{Report, ReportedMessage};
use m2m_trust::seal::Suite;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const BIG: usize = 1 << 20;

pub fn id(name: &str) -> AuthorityId {
    AuthorityId::parse(name).unwrap()
}

pub fn client() -> Client {
    Client::new(Duration::from_secs(20), None).unwrap()
}

pub fn title(answer: &Answer) -> String {
    answer.problem().unwrap_or_else(|| panic!("no problem but {} {:?}", answer.status, answer.body)).title
}

/// Folder, addresses and the servers that run.
pub struct Domain {
    place: TempDir,
    pub mef: SocketAddr,
    pub aa: SocketAddr,
    pub relay: SocketAddr,
    servers: Vec<(String, watch::Sender<bool>, JoinHandle<()>)>,
}

impl Domain {
    /// A domain whose MEF, AA and relay run.
    pub async fn start() -> Self {
        let mut domain = Self::make(|_| {}).await;
        for role in ["mef", "aa", "relay"] {
            domain.serve(role).await;
        }
        domain
    }

    /// A domain without a server.
    pub async fn make(adjust: impl FnOnce(&mut Options)) -> Self {
        let mut addresses = Vec::new();
        let mut held = Vec::new();
        for _ in 0..3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            held.push(listener);
        }
        let [mef, aa, relay] = addresses.try_into().unwrap();
        let place = tempfile::tempdir().unwrap();
        let ports = Ports { mef: mef.port(), aa: aa.port(), relay: relay.port() };
        let mut options = Options { ports, suite: Suite::X25519, ..Options::default() };
        adjust(&mut options);
        init(&place.path().join("domain"), &options, &mut |_| {}).unwrap();
        Self { place, mef, aa, relay, servers: Vec::new() }
    }

    pub fn folder(&self) -> PathBuf {
        self.place.path().join("domain")
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder().join(inside)
    }

    /// Appends to the settings of a role.
    pub fn adjust(&self, role: &str, text: &str) {
        let path = self.path(role).join("authority.toml");
        let settings = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{settings}\n{text}")).unwrap();
    }

    pub async fn serve(&mut self, role: &str) {
        self.serve_checked_by(role, &client()).await;
    }

    /// The same, waiting for it with a client that it speaks to, over http or https.
    pub async fn serve_checked_by(&mut self, role: &str, client: &Client) {
        let address = match role {
            "mef" => self.mef,
            "aa" => self.aa,
            _ => self.relay,
        };
        let listener = TcpListener::bind(address).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let folder = self.path(role);
        let serving = tokio::spawn(async move { m2m_authority::serve(&folder, listener, stopped).await.unwrap() });
        for _ in 0..200 {
            let (plain, tls) = (format!("http://{address}/health"), format!("https://{address}/health"));
            if client.get(&plain, BIG).await.is_ok() || client.get(&tls, BIG).await.is_ok() {
                break;
            }
            assert!(!serving.is_finished(), "{role} did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.servers.push((role.to_owned(), stop, serving));
    }

    pub async fn stop(&mut self, role: &str) {
        let at = self.servers.iter().position(|(name, ..)| name == role).unwrap();
        let (_, stop, serving) = self.servers.remove(at);
        stop.send_replace(true);
        serving.await.unwrap();
    }

    pub fn mef_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.mef)
    }

    pub fn aa_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.aa)
    }

    pub fn relay_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.relay)
    }

    /// A node that has its initialization.
    pub fn node(&self, word: &str) -> Node {
        Node::new(&self.folder(), word)
    }
}

/// A node, as far as the authorities see it.
pub struct Node {
    pub rng: RepeatableRng,
    pub device: SigningKey,
    pub canonical_id: CanonicalId,
    pub bundle: TrustBundle,
    pub credential: Vec<u8>,
    pub floor: ClockFloor,
    pub subscription: SigningKey,
    pub enrolled: Option<Enrolled>,
}

pub type Pseudonyms = Vec<Pseudonym<SigningKey, SealedKey>>;

impl Node {
    pub fn new(domain: &Path, word: &str) -> Self {
        let mut rng = RepeatableRng::new(word);
        let device = SigningKey::from_seed(rng.bytes()).unwrap();
        let request = Device {
            device_key: device.public_key().to_bytes(),
            profile: DeviceProfile {
                software_stability: 2,
                hardware_stability: 2,
                attack_resistance: 1,
                service_functions: vec!["security".to_owned()],
                secure_environment: DeviceEnvironment::Library,
            },
            model: "gateway-2".to_owned(),
            hardware_version: "1.2".to_owned(),
        };
        let manufactured = manufacture(domain, &request, &[]).unwrap();
        let initialization = Initialization::decode(&manufactured.initialization).unwrap();
        let mut floor = ClockFloor::default();
        let (bundle, _) = initialization.verify(&device.public_key(), &mut floor).unwrap();
        let subscription = SigningKey::from_seed(rng.bytes()).unwrap();
        Self {
            device,
            canonical_id: manufactured.canonical_id,
            bundle,
            credential: initialization.credential.0,
            floor,
            subscription,
            enrolled: None,
            rng,
        }
    }

    pub fn scope(&self, operation: &str) -> Scope {
        let (service, operation) = self.bundle.operation(operation).unwrap();
        Scope::empty().with(service, operation)
    }

    pub fn now(&self) -> Seconds {
        Seconds(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs())
    }

    pub fn slot(&self) -> Slot {
        self.bundle.schedule.slot(self.now())
    }

    /// The sealed answer to a challenge, for a new subscription key.
    pub fn answer(&mut self, challenge: &[u8], wanted: Scope) -> (Vec<u8>, AwaitingEnrolment) {
        self.subscription = SigningKey::from_seed(self.rng.bytes()).unwrap();
        let mef = id("mef");
        let host = Measurement { name: "host".to_owned(), digest: Digest::of(&[b"host binary"]) };
        let node = EnrolmentNode {
            bundle: &self.bundle,
            enrolment_function: &mef,
            initial_credential: &self.credential,
            device: &self.device,
            subscription: &self.subscription,
            wanted,
            measurements: Measurements(vec![host]),
            boots: 1,
            debug: DebugStatus::Disabled,
        };
        node.answer(challenge, &self.floor, &mut self.rng).unwrap()
    }

    pub async fn challenge(&self, domain: &Domain) -> Vec<u8> {
        let answer = client().post(&domain.mef_url("/enrolment/challenge"), CBOR, "", BIG).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body.to_vec()
    }

    /// A whole enrolment.
    pub async fn enrol(&mut self, domain: &Domain) -> Result<(), EnrolmentError> {
        let challenge = self.challenge(domain).await;
        let wanted = self.scope("metering/report");
        let (request, awaiting) = self.answer(&challenge, wanted);
        let answer = client().post(&domain.mef_url("/enrolment"), CBOR, request, BIG).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        self.enrolled = Some(awaiting.finish(&answer.body, &self.bundle, &mut self.floor)?);
        Ok(())
    }

    /// A request for `count` pseudonyms of the present slot.
    pub fn request(&mut self, count: usize) -> (Vec<u8>, AwaitingAuthorization, Vec<SealedKey>) {
        let (request, awaiting, pseudonyms) = self.request_for(count);
        (request, awaiting, pseudonyms.into_iter().map(|pseudonym| pseudonym.recipient).collect())
    }

    /// The same with all keys.
    pub fn request_for(&mut self, count: usize) -> (Vec<u8>, AwaitingAuthorization, Pseudonyms) {
        let slot = self.slot();
        let rng = &mut self.rng;
        let pseudonyms: Pseudonyms = (0..count)
            .map(|_| Pseudonym {
                slot,
                signer: SigningKey::from_seed(rng.bytes()).unwrap(),
                recipient: SealedKey::from_seed(Suite::X25519, rng.bytes()).unwrap(),
            })
            .collect();
        let (aa, mef) = (id("aa"), id("mef"));
        let node = AuthorizationNode {
            bundle: &self.bundle,
            authority: &aa,
            enrolment_function: &mef,
            subscription_credential: &self.enrolled.as_ref().expect("enrolled").credential,
            subscription: &self.subscription,
            scope: {
                let (service, operation) = self.bundle.operation("metering/report").unwrap();
                Scope::empty().with(service, operation)
            },
            epoch: self.bundle.schedule.epoch(slot),
        };
        let (request, awaiting) = node.request(&pseudonyms, &mut self.rng).unwrap();
        (request, awaiting, pseudonyms)
    }

    /// A whole authorization through the relay.
    pub async fn authorize(
        &mut self,
        domain: &Domain,
        count: usize,
    ) -> Result<Vec<PseudonymCertificate>, AuthorizationError> {
        let (request, awaiting, recipients) = self.request(count);
        let url = domain.relay_url("/aa/aa/authorization");
        let answer = client().post(&url, CBOR, request, BIG).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        awaiting.finish(&answer.body, &self.bundle, &recipients)
    }

    pub fn admitted(&self) -> Now {
        self.floor.admit(Micros::from(self.now())).unwrap()
    }

    /// A report of one message that was signed under a pseudonym.
    pub fn report(&mut self, own: &PseudonymCertificate, signer: &SigningKey) -> Vec<u8> {
        let (service, operation) = self.bundle.operation("metering/report").unwrap();
        let topic = "metering/zone-4/flow";
        let mut sender = BroadcastSender::new(own.clone(), &mut self.rng);
        let outgoing =
            Outgoing { topic, service, operation, data: b"-1 l/min", location: None, expiry: None, wanted: vec![] };
        let message = sender.sign(&outgoing, self.admitted(), &self.bundle.domain, signer).unwrap();
        let reported = ReportedMessage { topic: topic.to_owned(), message: message.into() };
        Report { certificate: own.encoded.clone().into(), messages: vec![reported] }.encode()
    }
}
