//! A pseudonym whose keys never leave the Secure Environment: obtained, heard of, spoken to.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use cap_std::{ambient_authority, fs::Dir};
use m2m_secure_environment::{
    Algorithm, Credential, InProcess, KeyHandle, Partition, PartitionType, SystemClock, Template, Usage,
    trust::{NoiseKey, SealedKey, SigningKey},
};
use m2m_trust::{
    aif::Scope,
    association::{self, AssociationError, Opening, OwnPseudonym, Target},
    authorization::{AuthorizationNode, AuthorizationReceived, Grant, ProofReceived, Pseudonym, PseudonymCertificate},
    broadcast::{BroadcastReceiver, BroadcastSender, Expected, Outgoing},
    certificate::Receiver,
    dev::{DevDomain, RepeatableRng, START, services},
    revocation::Revocations,
    seal::Suite,
};

struct Node {
    _place: tempfile::TempDir,
    _environment: InProcess,
    batch: KeyHandle,
}

impl Node {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(place.path(), ambient_authority()).unwrap();
        let root_key = Credential::new(vec![7; 32].into());
        let environment = InProcess::open(dir, &root_key, Arc::new(SystemClock::new())).unwrap();
        let id = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
        let children = Usage::SIGN_RAW | Usage::UNSEAL_EXPORT | Usage::NOISE;
        let template = Template::new(Algorithm::HmacSha256, Usage::DERIVE | Usage::DESTROY)
            .persistent()
            .with_children([Algorithm::Ed25519, Algorithm::HpkeX25519], children);
        let batch = Partition::new(environment.provisioning(), id).generate("batch", &template).unwrap();
        Self { _place: place, _environment: environment, batch }
    }

    fn pseudonym(&self, domain: &DevDomain) -> Pseudonym<SigningKey, SealedKey> {
        let signing = Template::new(Algorithm::Ed25519, Usage::SIGN_RAW);
        let agreement = Template::new(Algorithm::HpkeX25519, Usage::UNSEAL_EXPORT | Usage::NOISE);
        Pseudonym {
            slot: domain.slot(),
            signer: SigningKey::open(self.batch.derive(b"signing", &signing).unwrap()).unwrap(),
            recipient: SealedKey::open(self.batch.derive(b"agreement", &agreement).unwrap()).unwrap(),
        }
    }
}

fn reports() -> Scope {
    Scope::empty().with(services::METERING, services::report())
}

/// What the MEF and the AA do with a request.
fn authorize(domain: &mut DevDomain, request: &[u8]) -> Vec<u8> {
    let received = domain.aa_authorization().receive(request, START, &domain.aa_log).unwrap();
    let AuthorizationReceived::Query(query) = received else { panic!("a new request") };
    let answer = domain.mef_authorization().answer(query.query(), START, &domain.mef_log).unwrap();
    let ProofReceived::Granted(proof) = answer else { panic!("a new query") };
    let mut rng = RepeatableRng::new("aa");
    domain.aa_authorization().decide(&query, &proof.answer, Grant::default(), &mut rng).unwrap().reply
}

fn certificate(domain: &mut DevDomain, pseudonym: &Pseudonym<SigningKey, SealedKey>) -> PseudonymCertificate {
    let mut factory_fresh = domain.node();
    let subscription = domain.enrol(&mut factory_fresh, reports(), 96);
    let node = AuthorizationNode {
        bundle: &domain.bundle,
        authority: &domain.aa.id,
        enrolment_function: &domain.mef.id,
        subscription_credential: &subscription.credential,
        subscription: &subscription.key,
        scope: reports(),
        epoch: domain.epoch(),
    };
    let (request, awaiting) = node.request(std::slice::from_ref(pseudonym), &mut RepeatableRng::new("node")).unwrap();
    let reply = authorize(domain, &request);
    let recipients = std::slice::from_ref(&pseudonym.recipient);
    awaiting.finish(&reply, &domain.bundle, recipients).unwrap().pop().unwrap()
}

#[test]
fn a_pseudonym_is_obtained_and_used_without_its_keys() {
    let mut domain = DevDomain::new("pseudonym", Suite::XWing);
    let node = Node::new();
    let pseudonym = node.pseudonym(&domain);
    let own = certificate(&mut domain, &pseudonym);
    let peer = domain.pseudonym(reports());
    let revocations = Revocations::default();
    let receiver = Receiver { bundle: &domain.bundle, revocations: &revocations, region: None };
    let now = domain.now(1_000_000);
    let mut rng = RepeatableRng::new("ids");

    // Heard by all.
    let (topic, service, operation) = ("metering/7/flow", services::METERING, services::report());
    let outgoing = Outgoing { topic, service, operation, data: b"42", location: None, expiry: None, wanted: vec![] };
    let mut sender = BroadcastSender::new(own.clone(), &mut rng);
    let message = sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer).unwrap();
    let expected = Expected { topic, service, operation };
    let heard = BroadcastReceiver::default().verify(&message, &expected, &receiver, now).unwrap();
    assert_eq!(heard.message.data.0, b"42");

    // Spoken to, whoever begins.
    let noise = Arc::new(NoiseKey::open(pseudonym.recipient.handle().clone()).unwrap());
    let own = OwnPseudonym { certificate: own, noise };
    for (initiator, responder) in [(&own, &peer.own()), (&peer.own(), &own)] {
        let target = Target { certificate: &responder.certificate.certificate, service, operation };
        let (opening, awaiting) = association::initiate(initiator, &target, &receiver, now, &mut rng).unwrap();
        let opening = Opening::decode(&opening).unwrap();
        let (answer, responding) = association::respond(&opening, responder, &receiver, now).unwrap();
        let (confirmation, mut here) = awaiting.answered(&answer, &receiver, now).unwrap();
        let mut there = responding.confirmed(&confirmation, &receiver, now).unwrap();
        assert_eq!(here.handshake_hash(), there.handshake_hash());
        let message = here.seal(b"confidential", now).unwrap();
        assert_eq!(there.open(&message, now).unwrap(), b"confidential");
        assert_eq!(there.open(&message, now), Err(AssociationError::Replay(0)));
        let message = there.seal(b"likewise", now).unwrap();
        assert_eq!(
            here.open(&message[..message.len() - 1], now)
                .map_err(|error| matches!(error, AssociationError::Malformed(_))),
            Err(true)
        );
        assert_eq!(here.open(&message, now).unwrap(), b"likewise");
    }

    // Over with its batch.
    let target = Target { certificate: &peer.certificate.certificate, service, operation };
    let (_, awaiting) = association::initiate(&own, &target, &receiver, now, &mut rng).unwrap();
    drop(awaiting);
    node.batch.destroy().unwrap();
    assert!(sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer).is_err());
    let refused = association::initiate(&own, &target, &receiver, now, &mut rng).map(|_| ());
    assert!(matches!(refused, Err(AssociationError::Unavailable(_))), "{refused:?}");
}
