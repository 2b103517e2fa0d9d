//! Verifying broadcasts of a known sender, against `verify_strict` over the same bytes.

use std::hint::black_box;

use coset::{CborSerializable, CoseSign1};
use ed25519_dalek::{Signature, VerifyingKey};
use m2m_trust::broadcast::{BroadcastReceiver, BroadcastSender, Expected, Outgoing};
use m2m_trust::certificate::Receiver;
use m2m_trust::clock_floor::{ClockFloor, Now};
use m2m_trust::cose::PROTOCOL;
use m2m_trust::dev::{DevDomain, DevPseudonym, RepeatableRng, START, services};
use m2m_trust::keys::Signer;
use m2m_trust::revocation::{Crl, CrlBatch, Revocations};
use m2m_trust::seal::Suite;

use crate::figure::Figure;
use crate::paired::{Effort, Plan, measure};
use crate::reports;

const TOPIC: &str = "metering/zone-4/flow";
/// Between two messages: what is remembered against replays grows to some 20,000 of them.
const INTERVAL_US: u64 = 100;
/// Revoked batches of other nodes on the list that each message is held against.
const REVOKED_BATCHES: u32 = 1000;
const AT_LEAST: f64 = 0.85;

/// What is sent for the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Digest,
    Whole,
}

/// A signed message and what its signature is over, the latter as `coset` puts it together.
struct Sample {
    message: Vec<u8>,
    now: Now,
    to_be_signed: Vec<u8>,
    signature: Signature,
}

pub(crate) fn figures(effort: Effort) -> Vec<Figure> {
    let cases = [(Form::Digest, 64), (Form::Digest, 1024), (Form::Whole, 64)];
    cases.into_iter().map(|(form, size)| figure(effort, form, size)).collect()
}

fn figure(effort: Effort, form: Form, size: usize) -> Figure {
    let plan = Plan::new(effort, 160, 2);
    let mut domain = DevDomain::new("broadcast verification", Suite::XWing);
    let pseudonym = domain.pseudonym(reports());
    let samples: Vec<_> = signed(&domain, &pseudonym, form, size, plan.operations()).collect();
    let key = VerifyingKey::from_bytes(&pseudonym.signer.public_key().to_bytes()).expect("a key that signed");
    let revocations = revocations(&domain);
    let believed = Receiver { bundle: &domain.bundle, revocations: &revocations, region: None };
    let expected = Expected { topic: TOPIC, service: services::METERING, operation: services::report() };
    let mut receiver = BroadcastReceiver::default();
    let introduction = signed(&domain, &pseudonym, Form::Whole, 1, 1).next().expect("one message");
    receiver.verify(&introduction.message, &expected, &believed, introduction.now).expect("a good message");
    let measured = measure(
        plan,
        |index| {
            let Sample { to_be_signed, signature, .. } = &samples[index];
            black_box(key.verify_strict(to_be_signed, signature)).expect("a good signature");
        },
        |index| {
            let Sample { message, now, .. } = &samples[index];
            black_box(receiver.verify(message, &expected, &believed, *now)).expect("a good message");
        },
    );
    let shown = match form {
        Form::Digest => "digest",
        Form::Whole => "whole certificate",
    };
    Figure::Ratio { name: format!("broadcast verification, {size} B, {shown}"), at_least: AT_LEAST, measured }
}

/// Others are revoked; the sender is not.
fn revocations(domain: &DevDomain) -> Revocations {
    let mut rng = RepeatableRng::new("revoked");
    let batches = (0..REVOKED_BATCHES).map(|_| CrlBatch { slot: domain.slot(), seed: rng.bytes(), numbers: 4 });
    let list = Crl {
        issuer: domain.aa.id.clone(),
        sequence: 1,
        this_update: START,
        next_update: START.plus(600),
        batches: batches.collect(),
        certificates: Vec::new(),
    };
    let list = list.issue(&domain.bundle.domain, &domain.aa.signing).expect("keys in memory");
    let mut revocations = Revocations::default();
    let accepted = revocations.accept(&list, &domain.bundle, domain.now(0), &mut ClockFloor::default());
    accepted.expect("a good list");
    revocations
}

/// `count` messages, one every [`INTERVAL_US`].
fn signed<'a>(
    domain: &'a DevDomain,
    pseudonym: &'a DevPseudonym,
    form: Form,
    size: usize,
    count: usize,
) -> impl Iterator<Item = Sample> + 'a {
    let own = &pseudonym.certificate;
    let mut sender = BroadcastSender::new(own.clone(), &mut RepeatableRng::new("sequence"));
    let data = vec![0x17; size];
    let mut next = move |now: Now| {
        let outgoing = Outgoing {
            topic: TOPIC,
            service: services::METERING,
            operation: services::report(),
            data: &data,
            location: None,
            expiry: None,
            wanted: Vec::new(),
        };
        // Asked for, the certificate goes with the next message and with no other at this time.
        sender.asked_for(&[own.certificate.key_id()]);
        let mut sign =
            || sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer).expect("keys in memory");
        let (whole, digest) = (sign(), sign());
        match form {
            Form::Digest => digest,
            Form::Whole => whole,
        }
    };
    let aad = [PROTOCOL, &domain.bundle.domain.0, TOPIC.as_bytes()].concat();
    (0..count as u64).map(move |index| {
        let now = domain.now(index * INTERVAL_US);
        let message = next(now);
        let parsed = CoseSign1::from_slice(&message).expect("a COSE_Sign1");
        let signature = Signature::from_slice(&parsed.signature).expect("64 bytes");
        Sample { to_be_signed: parsed.tbs_data(&aad), message, now, signature }
    })
}
