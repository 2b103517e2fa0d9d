//! A trust domain behind an HTTP server that can do everything wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m2m_trust::authorization::{AuthorizationReceived, Grant, ProofReceived};
use m2m_trust::credential::{Confirmation, HardwareVersion, InitialCredential, Profile, SecureEnvironmentType};
use m2m_trust::dev::{DevDomain, RepeatableRng};
use m2m_trust::enrolment::{EnrolmentReceived, EnrolmentStatus, Terms};
use m2m_trust::identity::{CanonicalId, Seconds};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::{PublicKey, Signer};
use m2m_trust::revocation::{Crl, CrlBatch};
use m2m_trust::seal::Suite;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::world::TestClock;

pub(crate) const CHALLENGE: &str = "/mef/enrolment/challenge";
pub(crate) const ENROLMENT: &str = "/mef/enrolment";
pub(crate) const AUTHORIZATION: &str = "/aa/authorization";
pub(crate) const REVOCATIONS: &str = "/aa/revocations";
pub(crate) const AA_BUNDLE: &str = "/aa/bundle";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before anything is done.
    Down,
    /// 503, and to come back after a second.
    Busy,
    /// No answer at all.
    Slow,
    /// The request is handled, and the answer lost.
    Lost,
    /// The request is handled, and half of the answer sent.
    Half,
    /// The answer is something else.
    Garbage,
    /// The answer is empty.
    Empty,
    /// The answer is that to the last request of this kind, whoever made it.
    Other,
    /// 400.
    Rejected,
    /// An answer without end.
    Endless,
    /// The request is handled twice.
    Twice,
}

pub(crate) const FAULTS: [Fault; 11] = [
    Fault::Down,
    Fault::Busy,
    Fault::Slow,
    Fault::Lost,
    Fault::Half,
    Fault::Garbage,
    Fault::Empty,
    Fault::Other,
    Fault::Rejected,
    Fault::Endless,
    Fault::Twice,
];

/// The authorities, in one place.
pub(crate) struct Authorities {
    pub(crate) domain: Mutex<DevDomain>,
    pub(crate) address: String,
    pub(crate) quota: Mutex<u32>,
    pub(crate) enrolment: Mutex<Option<EnrolmentStatus>>,
    pub(crate) crl: Mutex<(u64, Vec<CrlBatch>)>,
    pub(crate) crl_seconds: u64,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    pub(crate) requests: Mutex<HashMap<String, Vec<Vec<u8>>>>,
    last_answers: Mutex<HashMap<String, Vec<u8>>>,
    clock: Arc<TestClock>,
    draws: Mutex<u64>,
}

impl Authorities {
    pub(crate) async fn start(word: &str, clock: Arc<TestClock>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authorities = Arc::new(Self {
            domain: Mutex::new(DevDomain::new(word, Suite::X25519)),
            address: format!("http://{}", listener.local_addr().unwrap()),
            quota: Mutex::new(100),
            enrolment: Mutex::new(None),
            crl: Mutex::new((1, Vec::new())),
            crl_seconds: 3600,
            faults: Mutex::default(),
            requests: Mutex::default(),
            last_answers: Mutex::default(),
            clock,
            draws: Mutex::new(0),
        });
        let serving = Arc::clone(&authorities);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        authorities
    }

    /// The next requests to `path` go wrong like this.
    pub(crate) fn fail(&self, path: &str, faults: &[Fault]) {
        self.faults.lock().unwrap().entry(path.to_owned()).or_default().extend(faults);
    }

    /// How many requests came.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests.lock().unwrap().get(path).map_or(0, Vec::len)
    }

    /// Certificates that the MEF has counted, over all subscriptions and epochs.
    pub(crate) fn counted(&self) -> u32 {
        self.domain.lock().unwrap().mef_log.used.values().sum()
    }

    pub(crate) fn initialization(&self, device: &PublicKey) -> Vec<u8> {
        let mut domain = self.domain.lock().unwrap();
        let credential = InitialCredential {
            confirmation: Confirmation(*device),
            canonical_id: CanonicalId::random(domain.rng.bytes()),
            manufacturer: domain.rng.bytes(),
            hardware_model: b"gateway".to_vec().into(),
            hardware_version: HardwareVersion { version: "1".to_owned() },
            certifications: None,
            profile: Profile {
                software_stability: 1,
                hardware_stability: 1,
                attack_resistance: 1,
                service_functions: vec![],
                secure_environment: SecureEnvironmentType::Library,
            },
        };
        let credential = credential.issue(&domain.bundle.domain, &domain.manufacturer.signing).unwrap();
        let roots = vec![domain.root.public_key()];
        let bundle = domain.signed_bundle().into();
        Initialization { domain: domain.bundle.domain, roots, bundle, credential: credential.into() }.encode()
    }

    fn rng(&self) -> RepeatableRng {
        let mut draws = self.draws.lock().unwrap();
        *draws += 1;
        RepeatableRng::new(&format!("draw {draws} {}", self.address))
    }

    fn now(&self) -> Seconds {
        use crate::Clock;
        self.clock.now().seconds()
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let (path, body) = read_request(&mut stream).await?;
        self.requests.lock().unwrap().entry(path.clone()).or_default().push(body.clone());
        let fault = self.faults.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
        let mut stream = stream.into_inner();
        match fault {
            Some(Fault::Down) => return None,
            Some(Fault::Busy) => {
                return respond(&mut stream, "503 Busy\r\nretry-after: 1", b"{\"title\":\"mef-down\"}").await;
            }
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return None;
            }
            Some(Fault::Rejected) => return respond(&mut stream, "400 Bad", b"{\"title\":\"malformed\"}").await,
            Some(Fault::Garbage) => return respond(&mut stream, "200 OK", &[0xa1, 0x01, 0x02, 0xff]).await,
            Some(Fault::Empty) => return respond(&mut stream, "200 OK", b"").await,
            Some(Fault::Endless) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await.ok()?;
                while stream.write_all(&[7; 65_536]).await.is_ok() {}
                return None;
            }
            Some(Fault::Other) => {
                let other = self.last_answers.lock().unwrap().get(&path).cloned();
                return respond(&mut stream, "200 OK", &other.unwrap_or_default()).await;
            }
            _ => {}
        }
        let mut answer = self.answer(&path, &body);
        if fault == Some(Fault::Twice) {
            answer = self.answer(&path, &body);
        }
        match (fault, answer) {
            (Some(Fault::Lost), _) => None,
            (Some(Fault::Half), Ok(answer)) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&answer[..answer.len() / 2]).await.ok()
            }
            (_, Ok(answer)) => {
                self.last_answers.lock().unwrap().insert(path, answer.clone());
                respond(&mut stream, "200 OK", &answer).await
            }
            (_, Err(error)) => {
                eprintln!("{path}: {error}");
                respond(&mut stream, "400 Bad", b"{\"title\":\"refused\"}").await
            }
        }
    }

    fn answer(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let now = self.now();
        match path {
            CHALLENGE => Ok(self.domain.lock().unwrap().challenge(now)),
            ENROLMENT => self.enrol(body, now),
            AUTHORIZATION => self.authorize(body, now),
            REVOCATIONS => Ok(self.crl(now)),
            AA_BUNDLE | "/mef/bundle" => Ok(self.domain.lock().unwrap().signed_bundle()),
            other => Err(format!("no `{other}`")),
        }
    }

    fn enrol(&self, body: &[u8], now: Seconds) -> Result<Vec<u8>, String> {
        let mut domain = self.domain.lock().unwrap();
        let received = domain.mef_enrolment().receive(body, now, &domain.mef_log);
        let application = match received.map_err(|error| error.to_string())? {
            EnrolmentReceived::Repeated(reply) => return Ok(reply),
            EnrolmentReceived::Application(application) => application,
        };
        let outcome = match *self.enrolment.lock().unwrap() {
            Some(status) => domain.mef_enrolment().refuse(&application, status, now, &mut self.rng()),
            None => {
                let (scope, quota) = (application.wanted.clone(), *self.quota.lock().unwrap());
                let terms = Terms { scope, quota, seconds: 1_000_000, authorities: vec![domain.aa.id.clone()] };
                domain.mef_enrolment().grant(&application, &terms, now, &mut self.rng())
            }
        };
        let outcome = outcome.map_err(|error| error.to_string())?;
        domain.mef_log.enrolled(&outcome);
        Ok(outcome.reply)
    }

    fn authorize(&self, body: &[u8], now: Seconds) -> Result<Vec<u8>, String> {
        let mut domain = self.domain.lock().unwrap();
        let received = domain.aa_authorization().receive(body, now, &domain.aa_log);
        let query = match received.map_err(|error| error.to_string())? {
            AuthorizationReceived::Repeated(reply) => return Ok(reply),
            AuthorizationReceived::Query(query) => query,
        };
        let answer = domain.mef_authorization().answer(query.query(), now, &domain.mef_log);
        let answer = match answer {
            Ok(ProofReceived::Repeated(answer)) => answer,
            Ok(ProofReceived::Granted(proof)) => {
                domain.mef_log.proved(&proof);
                proof.answer
            }
            Err(refusal) => refusal.answer.ok_or_else(|| refusal.cause.to_string())?,
        };
        let outcome = domain.aa_authorization().decide(&query, &answer, Grant::default(), &mut self.rng());
        let outcome = outcome.map_err(|error| error.to_string())?;
        domain.aa_log.authorized(&outcome);
        Ok(outcome.reply)
    }

    pub(crate) fn crl(&self, now: Seconds) -> Vec<u8> {
        let domain = self.domain.lock().unwrap();
        let (sequence, batches) = self.crl.lock().unwrap().clone();
        let crl = Crl {
            issuer: domain.aa.id.clone(),
            sequence,
            this_update: now,
            next_update: now.plus(self.crl_seconds),
            batches,
            certificates: vec![],
        };
        crl.issue(&domain.bundle.domain, &domain.aa.signing).unwrap()
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((path, body))
}

async fn respond(stream: &mut TcpStream, head: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    stream.shutdown().await.ok()
}
