//! Writes one of every message, with what is needed to check it by other programs: `samples DIR`.
//!
//! With `samples DIR handshake` it makes an association with a peer on standard input and output, a line in hexadecimal
//! for each message; the peer plays the addressed pseudonym, whose keys are in the index.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead, Write};
use std::path::Path;

use ciborium::Value;
use m2m_trust::aif::Scope;
use m2m_trust::association::{Target, initiate};
use m2m_trust::authorization::{AuthorizationReceived, Grant, ProofReceived};
use m2m_trust::broadcast::{BroadcastSender, Outgoing};
use m2m_trust::certificate::Receiver;
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::codec;
use m2m_trust::dev::{DevDomain, DevPseudonym, RepeatableRng, START, services};
use m2m_trust::enrolment::{EnrolmentReceived, Terms};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::Signer;
use m2m_trust::revocation::{
    Block, Crl, CrlBatch, IdentificationOrder, Reason, Report, ReportedMessage, RevocationOrder, Revocations,
};
use m2m_trust::seal::{self, Kind, Purpose, Suite};

const TOPIC: &str = "metering/zone-4/flow";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("usage: samples DIR [handshake]");
    match arguments.next().as_deref() {
        Some("handshake") => handshake(),
        _ => Samples::new(Suite::X25519).write(Path::new(&folder)),
    }
}

/// Messages with the CDDL rule that they follow.
struct Samples {
    domain: DevDomain,
    rng: RepeatableRng,
    messages: Vec<(&'static str, &'static str, Vec<u8>)>,
    index: serde_json::Map<String, serde_json::Value>,
}

impl Samples {
    fn new(suite: Suite) -> Self {
        let (domain, rng) = (DevDomain::new("samples", suite), RepeatableRng::new("messages"));
        Self { domain, rng, messages: Vec::new(), index: serde_json::Map::new() }
    }

    fn write(mut self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        self.add("trust-bundle", "trust-bundle", self.domain.signed_bundle());
        self.initialization();
        self.enrolment();
        self.authorization();
        let pseudonym = self.domain.pseudonym(reports());
        self.broadcasts(&pseudonym);
        self.revocation(&pseudonym);
        self.xwing();
        self.keys(&pseudonym);
        let mut rules = serde_json::Map::new();
        for (name, rule, message) in &self.messages {
            std::fs::write(folder.join(format!("{name}.cbor")), message).expect("the folder is writable");
            rules.insert((*name).to_owned(), (*rule).into());
        }
        self.index.insert("messages".to_owned(), rules.into());
        let index = serde_json::to_string_pretty(&self.index).expect("text");
        std::fs::write(folder.join("index.json"), index).expect("the folder is writable");
    }

    fn add(&mut self, name: &'static str, rule: &'static str, message: Vec<u8>) {
        self.messages.push((name, rule, message));
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.index.insert(name.to_owned(), hex(bytes).into());
    }

    fn initialization(&mut self) {
        let initialization = Initialization {
            domain: self.domain.bundle.domain,
            roots: vec![self.domain.root.public_key()],
            bundle: self.domain.signed_bundle().into(),
            credential: self.domain.node().initial_credential.into(),
        };
        self.add("initialization", "initialization", initialization.encode());
    }

    fn enrolment(&mut self) {
        let node = self.domain.node();
        let key = self.domain.signing_key();
        let challenge = self.domain.challenge(START);
        let enrolling = self.domain.enrolment_node(&node, &key, reports());
        let (request, awaiting) =
            enrolling.answer(&challenge, &ClockFloor::default(), &mut self.rng).expect("a good challenge");
        let purpose = Purpose { kind: Kind::Enrolment, recipient: "mef", context: &[] };
        let (content, reply_key) = seal::open(&request, &purpose, &self.domain.mef.sealing).expect("sealed to the MEF");
        let received = self.domain.mef_enrolment().receive(&request, START, &self.domain.mef_log);
        let EnrolmentReceived::Application(application) = received.expect("a good request") else { unreachable!() };
        let authorities = vec![self.domain.aa.id.clone()];
        let terms = Terms { scope: reports(), quota: 96, seconds: 1000, authorities };
        let outcome =
            self.domain.mef_enrolment().grant(&application, &terms, START, &mut self.rng).expect("keys in memory");
        let mut floor = ClockFloor::default();
        let enrolled = awaiting.finish(&outcome.reply, &self.domain.bundle, &mut floor).expect("a good reply");
        let reply = reply_key.open(Kind::Enrolment, &outcome.reply).expect("under the reply key");
        self.note("enrolment reply key", &reply_key_bytes(&reply_key));
        self.add("initial-credential", "initial-credential", node.initial_credential);
        self.add("challenge", "challenge", challenge);
        self.add("enrolment-request.sealed", "sealed", request);
        self.add("enrolment-request", "enrolment-request", content);
        self.add("enrolment-reply.sealed", "sealed-reply", outcome.reply);
        self.add("enrolment-reply", "enrolment-reply", reply);
        self.add("subscription-credential", "subscription-credential", enrolled.credential);
        self.add("clock-floor", "clock-floor", codec::encode(&floor));
    }

    fn authorization(&mut self) {
        let mut node = self.domain.node();
        let subscription = self.domain.enrol(&mut node, reports(), 96);
        let slot = self.domain.slot();
        let keys = self.domain.pseudonyms(&[slot, slot]);
        let (request, _) = self.domain.request(&subscription, &keys, reports());
        let purpose = Purpose { kind: Kind::Authorization, recipient: "aa", context: &[] };
        let (content, reply_key) = seal::open(&request, &purpose, &self.domain.aa.sealing).expect("sealed to the AA");
        let received = self.domain.aa_authorization().receive(&request, START, &self.domain.aa_log);
        let AuthorizationReceived::Query(query) = received.expect("a good request") else { unreachable!() };
        let answer = self.domain.mef_authorization().answer(query.query(), START, &self.domain.mef_log);
        let Ok(ProofReceived::Granted(answer)) = answer else { unreachable!() };
        let decided = self.domain.aa_authorization().decide(&query, &answer.answer, Grant::default(), &mut self.rng);
        let reply = decided.expect("a good answer").reply;
        self.add("authorization-request.sealed", "sealed", request);
        self.add("authorization-request", "authorization-request", content);
        self.add("proof-query", "proof-query", query.query().to_vec());
        self.add("proof-answer", "proof-answer", answer.answer);
        self.add(
            "authorization-reply",
            "authorization-reply",
            reply_key.open(Kind::Authorization, &reply).expect("ours"),
        );
        self.add("authorization-reply.sealed", "sealed-reply", reply);
    }

    fn broadcasts(&mut self, pseudonym: &DevPseudonym) {
        self.add("certificate", "certificate", pseudonym.certificate.encoded.clone());
        let mut sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut self.rng);
        let outgoing = Outgoing {
            topic: TOPIC,
            service: services::METERING,
            operation: services::report(),
            data: b"17 l/min",
            location: None,
            expiry: None,
            wanted: Vec::new(),
        };
        let rules = [
            ("broadcast-with-certificate", "broadcast-with-certificate"),
            ("broadcast-with-digest", "broadcast-with-digest"),
        ];
        for (name, rule) in rules {
            let signed = sender.sign(&outgoing, self.domain.now(0), &self.domain.bundle.domain, &pseudonym.signer);
            self.add(name, rule, signed.expect("keys in memory"));
        }
    }

    fn revocation(&mut self, pseudonym: &DevPseudonym) {
        let (domain, aa, mef, ma) = (&self.domain.bundle.domain, &self.domain.aa, &self.domain.mef, &self.domain.ma);
        let certificate = pseudonym.certificate.certificate.digest();
        let crl = Crl {
            issuer: aa.id.clone(),
            sequence: 1,
            this_update: START,
            next_update: START.plus(600),
            batches: vec![CrlBatch { slot: self.domain.slot(), seed: [1; 32], numbers: 4 }],
            certificates: vec![certificate],
        };
        let order = RevocationOrder {
            issuer: ma.id.clone(),
            id: [1; 16],
            authority: aa.id.clone(),
            certificate,
            reason: Reason::Misbehaviour,
            time: START,
        };
        let crl = crl.issue(domain, &aa.signing).expect("keys in memory");
        let order = order.issue(domain, &ma.signing).expect("keys in memory");
        let (issuer, enrolment_function) = (aa.id.clone(), mef.id.clone());
        let block = Block { issuer, enrolment_function, shared: certificate, order: order.clone().into() };
        let block = block.issue(domain, &aa.signing).expect("keys in memory");
        let broadcast = self.messages.last().expect("broadcasts come before").2.clone();
        let message = ReportedMessage { topic: TOPIC.to_owned(), message: broadcast.into() };
        let report = Report { certificate: pseudonym.certificate.encoded.clone().into(), messages: vec![message] };
        self.add("revocation-list", "revocation-list", crl);
        self.add("revocation-order", "revocation-order", order);
        self.add("block", "block", block);
        self.add("report", "report", report.encode());
        let enrolment_function = self.domain.mef.id.clone();
        let order = IdentificationOrder { id: [1; 16], enrolment_function, shared: certificate, time: START };
        let order = order.issue(&self.domain.bundle.domain, &self.domain.root).expect("keys in memory");
        self.add("identification-order", "identification-order", order);
    }

    /// The default suite, which the other programs know the shape of only.
    fn xwing(&mut self) {
        let mut other = DevDomain::new("samples", Suite::XWing);
        let mut node = other.node();
        let subscription = other.enrol(&mut node, reports(), 96);
        let keys = other.pseudonyms(&[other.slot()]);
        let (request, _) = other.request(&subscription, &keys, reports());
        self.add("authorization-request.x-wing", "sealed-x-wing", request);
        self.add("trust-bundle.x-wing", "trust-bundle", other.signed_bundle());
    }

    fn keys(&mut self, pseudonym: &DevPseudonym) {
        self.note("domain", &self.domain.bundle.domain.0.clone());
        self.note("topic", TOPIC.as_bytes());
        let aa = self.domain.aa.signing.public_key().to_bytes();
        self.note("aa", &aa);
        let mef = self.domain.mef.sealing.expose().to_vec();
        self.note("mef private", &mef);
        self.note("pseudonym", &pseudonym.signer.public_key().to_bytes());
    }
}

/// Initiator of an association; the other program answers as the addressed pseudonym.
fn handshake() {
    let mut domain = DevDomain::new("handshake", Suite::X25519);
    let (own, peer) = (domain.pseudonym(reports()), domain.pseudonym(reports()));
    let (revocations, now) = (Revocations::default(), domain.now(0));
    let receiver = Receiver { bundle: &domain.bundle, revocations: &revocations, region: None };
    let certificate = &peer.certificate.certificate;
    let target = Target { certificate, service: services::METERING, operation: services::report() };
    let mut rng = RepeatableRng::new("ephemeral");
    let (opening, awaiting) = initiate(&own.own(), &target, &receiver, now, &mut rng).expect("both certificates fit");
    let prologue = Value::Array(vec![
        1.into(),
        Value::Bytes(domain.bundle.domain.0.to_vec()),
        services::METERING.0.into(),
        0.into(),
        Value::Bytes(certificate.digest().0.to_vec()),
        Value::Bytes(awaiting.id().0.to_vec()),
    ]);
    let mut encoded = Vec::new();
    ciborium::into_writer(&prologue, &mut encoded).expect("memory is writable");
    for line in [peer.agreement.expose().as_slice(), &peer.certificate.encoded, &encoded, &opening] {
        say(line);
    }
    let (confirmation, mut association) = awaiting.answered(&hear(), &receiver, now).expect("a good answer");
    say(&confirmation);
    say(association.handshake_hash().to_vec().as_slice());
    say(&association.seal(b"hello", now).expect("it is new"));
    let heard = association.open(&hear(), now).expect("a good message");
    say(&heard);
}

fn reports() -> Scope {
    Scope::empty().with(services::METERING, services::report())
}

fn reply_key_bytes(key: &seal::ReplyKey) -> Vec<u8> {
    codec::encode(key).split_off(2)
}

fn say(bytes: &[u8]) {
    println!("{}", hex(bytes));
    std::io::stdout().flush().expect("standard output is open");
}

fn hear() -> Vec<u8> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("standard input is open");
    let line = line.trim();
    (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
