//! For all messages: what is encoded decodes to itself, and no flipped bit passes.

use std::sync::OnceLock;

use m2m_trust::aif::{Operation, Scope};
use m2m_trust::authorization::{AuthorizationReceived, ProofReceived};
use m2m_trust::broadcast::{Broadcast, BroadcastReceiver, BroadcastSender, Expected, Location, Outgoing};
use m2m_trust::bundle::{Role, TrustBundle};
use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::codec::{self, Bytes};
use m2m_trust::credential::{InitialCredential, SubscriptionCredential};
use m2m_trust::dev::{DevDomain, DevPseudonym, MemoryLog, RepeatableRng, START, SealedKey, services};
use m2m_trust::enrolment::AwaitingEnrolment;
use m2m_trust::identity::{KeyId, Micros, ServiceId};
use m2m_trust::keys::Signer;
use m2m_trust::revocation::{Crl, Reason, RevocationOrder, Revocations};
use m2m_trust::seal::Suite;
use proptest::prelude::*;

use crate::support::{receiver, reports};

/// One of each message, and who would accept it.
struct Samples {
    domain: DevDomain,
    pseudonym: DevPseudonym,
    checks: Vec<(&'static str, Vec<u8>)>,
    awaiting: AwaitingEnrolment,
    keys: Vec<SealedKey>,
    awaiting_authorization: m2m_trust::authorization::AwaitingAuthorization,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let mut domain = DevDomain::new("properties", Suite::X25519);
        let mut rng = RepeatableRng::new("properties");
        let mut checks = vec![("bundle", domain.signed_bundle())];
        let pseudonym = domain.pseudonym(reports());
        checks.push(("certificate", pseudonym.certificate.encoded.clone()));
        // Enrolment.
        let mut node = domain.node();
        let subscription = domain.enrol(&mut node, reports(), 100);
        checks.push(("initial", node.initial_credential.clone()));
        checks.push(("subscription", subscription.credential.clone()));
        let (key, challenge) = (domain.signing_key(), domain.challenge(START));
        let enrolling = domain.enrolment_node(&node, &key, reports());
        let (request, awaiting) = enrolling.answer(&challenge, &ClockFloor::default(), &mut rng).unwrap();
        let received = domain.mef_enrolment().receive(&request, START, &domain.mef_log).unwrap();
        let m2m_trust::enrolment::EnrolmentReceived::Application(application) = received else { panic!() };
        let authorities = vec![domain.aa.id.clone()];
        let terms = m2m_trust::enrolment::Terms { scope: reports(), quota: 5, seconds: 1000, authorities };
        let outcome = domain.mef_enrolment().grant(&application, &terms, START, &mut rng).unwrap();
        checks.extend([("challenge", challenge), ("enrolment request", request), ("enrolment reply", outcome.reply)]);
        // Authorization.
        let slot = domain.slot();
        let pseudonyms = domain.pseudonyms(&[slot, slot]);
        let (request, awaiting_authorization) = domain.request(&subscription, &pseudonyms, reports());
        let received = domain.aa_authorization().receive(&request, START, &domain.aa_log).unwrap();
        let AuthorizationReceived::Query(query) = received else { panic!() };
        let answer = domain.mef_authorization().answer(query.query(), START, &domain.mef_log).unwrap();
        let ProofReceived::Granted(answer) = answer else { panic!() };
        let outcome = domain.aa_authorization().decide(&query, &answer.answer, Default::default(), &mut rng).unwrap();
        checks.extend([
            ("authorization request", request),
            ("query", query.query().to_vec()),
            ("authorization reply", outcome.reply),
        ]);
        let keys = pseudonyms.into_iter().map(|pseudonym| pseudonym.recipient).collect();
        // Broadcast, in both forms, and revocation.
        let mut sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut rng);
        for name in ["broadcast", "broadcast with digest"] {
            let outgoing = Outgoing {
                topic: "metering/zone-4/flow",
                service: services::METERING,
                operation: services::report(),
                data: b"17 l/min",
                location: Some(Location { latitude: 1, longitude: -1 }),
                expiry: None,
                wanted: vec![KeyId([1; 8])],
            };
            let now = domain.now(0);
            checks.push((name, sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer).unwrap()));
        }
        let crl = Crl {
            issuer: domain.aa.id.clone(),
            sequence: 1,
            this_update: START,
            next_update: START.plus(60),
            batches: Vec::new(),
            certificates: Vec::new(),
        };
        checks.push(("list", crl.issue(&domain.bundle.domain, &domain.aa.signing).unwrap()));
        let order = RevocationOrder {
            issuer: domain.ma.id.clone(),
            id: [1; 16],
            authority: domain.aa.id.clone(),
            certificate: pseudonym.certificate.certificate.digest(),
            reason: Reason::Compromise,
            time: START,
        };
        checks.push(("order", order.issue(&domain.bundle.domain, &domain.ma.signing).unwrap()));
        Samples { domain, pseudonym, checks, awaiting, keys, awaiting_authorization }
    })
}

/// Whether whoever gets this message accepts it.
fn accepted(name: &str, message: &[u8]) -> bool {
    let samples = samples();
    let (domain, bundle) = (&samples.domain, &samples.domain.bundle);
    let mut floor = ClockFloor::default();
    // Logs that know the challenge and the subscription, and no earlier reply.
    let log = MemoryLog {
        challenges: domain.mef_log.challenges.clone(),
        subscriptions: domain.mef_log.subscriptions.clone(),
        ..MemoryLog::default()
    };
    match name {
        "bundle" => TrustBundle::accept(message, &bundle.domain, &[domain.root.public_key()], &mut floor).is_ok(),
        "certificate" => Certificate::verify(message, bundle).is_ok(),
        "initial" => InitialCredential::verify(message, bundle).is_ok(),
        "subscription" => SubscriptionCredential::verify(message, bundle, START).is_ok(),
        "challenge" => m2m_trust::cose::Signed::<m2m_trust::enrolment::Challenge>::decode(message)
            .is_ok_and(|signed| bundle.verify(signed, Role::Enrolment).is_ok()),
        "enrolment request" => domain.mef_enrolment().receive(message, START, &log).is_ok(),
        "enrolment reply" => samples.awaiting.finish(message, bundle, &mut floor).is_ok(),
        "authorization request" => domain.aa_authorization().receive(message, START, &log).is_ok(),
        "query" => domain.mef_authorization().answer(message, START, &log).is_ok(),
        "authorization reply" => samples.awaiting_authorization.finish(message, bundle, &samples.keys).is_ok(),
        "broadcast" | "broadcast with digest" => {
            let (revocations, mut receiving) = (Revocations::default(), BroadcastReceiver::default());
            let receiver = receiver(bundle, &revocations);
            let topic = "metering/zone-4/flow";
            let expected = Expected { topic, service: services::METERING, operation: services::report() };
            let whole = &samples.checks.iter().find(|(name, _)| *name == "broadcast").unwrap().1;
            if name == "broadcast with digest" {
                receiving.verify(whole, &expected, &receiver, domain.now(0)).unwrap();
            }
            receiving.verify(message, &expected, &receiver, domain.now(0)).is_ok()
        }
        "list" => Revocations::default().accept(message, bundle, domain.now(0), &mut floor).is_ok(),
        "order" => RevocationOrder::verify(message, bundle, &domain.aa.id).is_ok(),
        _ => panic!("{name}"),
    }
}

#[test]
fn every_sample_is_accepted_as_it_is_and_refused_when_cut_or_extended() {
    for (name, message) in &samples().checks {
        assert!(accepted(name, message), "{name}");
        assert!(!accepted(name, &message[..message.len() - 1]), "{name}, cut");
        assert!(!accepted(name, &[message.as_slice(), &[0]].concat()), "{name}, extended");
        assert!(!accepted(name, &[]), "{name}, empty");
    }
    assert!(samples().pseudonym.certificate.certificate.covers(services::METERING, services::report()));
}

#[test]
fn no_message_is_accepted_as_another() {
    let samples = samples();
    for (name, message) in &samples.checks {
        for (other, _) in samples.checks.iter().filter(|(other, _)| !(other == name || both_broadcasts(name, other))) {
            assert!(!accepted(other, message), "{name} as {other}");
        }
    }
}

fn both_broadcasts(one: &str, other: &str) -> bool {
    one.starts_with("broadcast") && other.starts_with("broadcast")
}

#[test]
fn no_flipped_byte_passes_in_short_messages() {
    for (name, message) in samples().checks.iter().filter(|(_, message)| message.len() < 600) {
        for index in 0..message.len() {
            let mut flipped = message.clone();
            flipped[index] ^= 1 << (index % 8);
            assert!(!accepted(name, &flipped), "{name}, byte {index}");
        }
    }
}

fn scope() -> impl Strategy<Value = Scope> {
    proptest::collection::vec((any::<u32>(), 0_u8..32), 0..20).prop_map(|pairs| {
        let add =
            |scope: Scope, (service, operation)| scope.with(ServiceId(service), Operation::new(operation).unwrap());
        pairs.into_iter().fold(Scope::empty(), add)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_flipped_bit_passes(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let (name, message) = which.get(&samples().checks);
        let mut flipped = message.clone();
        flipped[at.index(message.len())] ^= 1_u8 << bit;
        prop_assert!(!accepted(name, &flipped), "{}", name);
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (name, _) in &samples().checks {
            prop_assert!(!accepted(name, &bytes), "{}", name);
        }
    }

    #[test]
    fn a_scope_is_its_own_encoding(scope in scope(), other in scope()) {
        prop_assert_eq!(codec::decode::<Scope>(&codec::encode(&scope), 4096, "scope").unwrap(), scope.clone());
        let both = scope.intersection(&other);
        prop_assert!(both.within(&scope) && both.within(&other));
        prop_assert_eq!(scope.within(&other), both == scope);
    }

    #[test]
    fn a_broadcast_is_its_own_encoding(
        data in proptest::collection::vec(any::<u8>(), 0..400),
        (service, time, sequence) in any::<(u32, u64, u16)>(),
        location in proptest::option::of(any::<(i32, i32)>()),
        expiry in proptest::option::of(any::<u64>()),
        wanted in proptest::option::of(proptest::collection::vec(any::<[u8; 8]>(), 0..5)),
    ) {
        let message = Broadcast {
            data: Bytes(data),
            service: ServiceId(service),
            time: Micros(time),
            sequence,
            location: location.map(|(latitude, longitude)| Location { latitude, longitude }),
            expiry: expiry.map(Micros),
            wanted: wanted.map(|wanted| wanted.into_iter().map(KeyId).collect()),
        };
        let encoded = codec::encode(&message);
        prop_assert_eq!(codec::decode::<Broadcast>(&encoded, 4096, "broadcast").unwrap(), message);
    }
}
