use m2m_trust::broadcast::{BroadcastError, BroadcastReceiver, BroadcastSender, Expected, Outgoing};
use m2m_trust::bundle::{IssuerError, Role};
use m2m_trust::certificate::CertificateError;
use m2m_trust::clock_floor::{ClockFloor, FloorError};
use m2m_trust::cose::SignedError;
use m2m_trust::dev::{DevDomain, DevPseudonym, RepeatableRng, START, SigningKey, services};
use m2m_trust::identity::{AuthorityId, Digest, Slot};
use m2m_trust::keys::KeyError;
use m2m_trust::revocation::*;

use crate::support::{domain, metering, receiver, reports};

const TOPIC: &str = "metering/zone-4/flow";

fn crl(domain: &DevDomain) -> Crl {
    Crl {
        issuer: domain.aa.id.clone(),
        sequence: 5,
        this_update: START,
        next_update: START.plus(600),
        batches: Vec::new(),
        certificates: Vec::new(),
    }
}

fn accept(
    domain: &DevDomain,
    revocations: &mut Revocations,
    floor: &mut ClockFloor,
    list: &Crl,
    signer: &SigningKey,
    after_us: u64,
) -> Result<(), CrlError> {
    let signed = list.issue(&domain.bundle.domain, signer).unwrap();
    revocations.accept(&signed, &domain.bundle, domain.now(after_us), floor).map(|_| ())
}

fn send(domain: &DevDomain, pseudonym: &DevPseudonym, sender: &mut BroadcastSender, after_us: u64) -> Vec<u8> {
    let outgoing = Outgoing {
        topic: TOPIC,
        service: services::METERING,
        operation: services::report(),
        data: b"17",
        location: None,
        expiry: None,
        wanted: Vec::new(),
    };
    sender.sign(&outgoing, domain.now(after_us), &domain.bundle.domain, &pseudonym.signer).unwrap()
}

#[test]
fn a_revoked_batch_is_refused_from_its_slot_on_and_its_past_stays_unlinked() {
    let mut domain = domain();
    let mut node = domain.node();
    let subscription = domain.enrol(&mut node, metering(), 100);
    let slots: Vec<_> = (10..14).map(Slot).collect();
    let pseudonyms = domain.authorize(&subscription, &slots, reports());
    let bystander = domain.pseudonym(reports());
    let batch = domain.aa_log.issued[0].batch.clone().unwrap();
    let published = batch.seed.at(Slot(12)).unwrap();
    let mut list = crl(&domain);
    list.batches = vec![CrlBatch { slot: Slot(12), seed: *published.expose(), numbers: batch.numbers }];
    let (mut revocations, mut floor) = (Revocations::default(), ClockFloor::default());
    accept(&domain, &mut revocations, &mut floor, &list, &domain.aa.signing, 0).unwrap();
    let revoked = |revocations: &Revocations, pseudonym: &DevPseudonym| {
        let certificate = &pseudonym.certificate.certificate;
        revocations.is_revoked(certificate.issuer(), &certificate.claims().linkage, &certificate.digest())
    };
    for present in 10..14 {
        revocations.advance(Slot(present));
        let found: Vec<_> = pseudonyms.iter().map(|pseudonym| revoked(&revocations, pseudonym)).collect();
        assert_eq!(found, [false, false, true, true], "with slot {present} computed beforehand");
    }
    assert!(!revoked(&revocations, &bystander));
    // The same values from another AA mean nothing.
    let certificate = &pseudonyms[2].certificate.certificate;
    let other = &domain.other_aa.id;
    assert!(!revocations.is_revoked(other, &certificate.claims().linkage, &certificate.digest()));
}

#[test]
fn a_receiver_refuses_what_is_revoked_and_goes_on_with_the_rest() {
    let mut domain = domain();
    let (culprit, other) = (domain.pseudonym(reports()), domain.pseudonym(reports()));
    let mut rng = RepeatableRng::new("senders");
    let mut culprit_sender = BroadcastSender::new(culprit.certificate.clone(), &mut rng);
    let mut other_sender = BroadcastSender::new(other.certificate.clone(), &mut rng);
    let (mut revocations, mut floor) = (Revocations::default(), ClockFloor::default());
    let mut broadcasts = BroadcastReceiver::default();
    let expected = Expected { topic: TOPIC, service: services::METERING, operation: services::report() };
    let before = send(&domain, &culprit, &mut culprit_sender, 0);
    let receiver_now = receiver(&domain.bundle, &revocations);
    assert!(broadcasts.verify(&before, &expected, &receiver_now, domain.now(0)).is_ok());
    let batch = domain.aa_log.issued[0].batch.clone().unwrap();
    let mut list = crl(&domain);
    list.batches = vec![CrlBatch { slot: Slot(10), seed: *batch.seed.expose(), numbers: batch.numbers }];
    accept(&domain, &mut revocations, &mut floor, &list, &domain.aa.signing, 0).unwrap();
    // Both forms, with the certificate in the cache already.
    let revoked = Err(BroadcastError::Certificate(CertificateError::Revoked));
    for after_us in [10, 1_000_010] {
        let after = send(&domain, &culprit, &mut culprit_sender, after_us);
        let receiver = receiver(&domain.bundle, &revocations);
        assert_eq!(broadcasts.verify(&after, &expected, &receiver, domain.now(after_us)), revoked);
        let fine = send(&domain, &other, &mut other_sender, after_us);
        assert!(broadcasts.verify(&fine, &expected, &receiver, domain.now(after_us)).is_ok());
    }
    // By its hash alone.
    let mut list = Crl { sequence: 6, batches: Vec::new(), ..list };
    list.certificates = vec![other.certificate.certificate.digest()];
    accept(&domain, &mut revocations, &mut floor, &list, &domain.aa.signing, 0).unwrap();
    let message = send(&domain, &other, &mut other_sender, 20);
    let receiver = receiver(&domain.bundle, &revocations);
    assert_eq!(broadcasts.verify(&message, &expected, &receiver, domain.now(20)), revoked);
}

#[test]
fn a_list_is_its_own_issuers_current_and_newest() {
    let domain = domain();
    let (mut revocations, mut floor) = (Revocations::default(), ClockFloor::default());
    let mut check = |list: &Crl, signer: &SigningKey, after_us: u64| {
        accept(&domain, &mut revocations, &mut floor, list, signer, after_us)
    };
    let list = crl(&domain);
    let aa = &domain.aa.signing;
    let (named, signer) = (domain.aa.id.clone(), domain.other_aa.id.clone());
    let other = CrlError::IssuerName { named, signer };
    assert_eq!(check(&list, &domain.other_aa.signing, 0), Err(other));
    let role = IssuerError::Role { found: Role::Misbehaviour, expected: Role::Authorization };
    assert_eq!(check(&list, &domain.ma.signing, 0), Err(role.into()));
    let early = Crl { this_update: START.plus(1), ..list.clone() };
    let not_yet = CrlError::NotYetValid { this_update: START.plus(1), now: START };
    assert_eq!(check(&early, aa, 0), Err(not_yet));
    let stale = CrlError::Stale { next_update: START.plus(600), now: START.plus(600) };
    assert_eq!(check(&list, aa, 600_000_000), Err(stale));
    assert_eq!(check(&list, aa, 599_999_999), Ok(()));
    assert_eq!(check(&list, aa, 0), Ok(()), "the same list again");
    let differs = Crl { certificates: vec![Digest([1; 32])], ..list.clone() };
    assert_eq!(check(&differs, aa, 0), Err(CrlError::Equivocation(5)));
    let back = FloorError::CrlRollback { offered: 4, floor: 5 };
    assert_eq!(check(&Crl { sequence: 4, ..list.clone() }, aa, 0), Err(back.into()));
    assert_eq!(check(&Crl { sequence: 6, ..list.clone() }, aa, 0), Ok(()));
    let many = CrlBatch { slot: Slot(10), seed: [0; 32], numbers: NUMBERS_MAX + 1 };
    let many = Crl { sequence: 7, batches: vec![many], ..list };
    assert_eq!(check(&many, aa, 0), Err(CrlError::Batch(Slot(10))));
}

#[test]
fn the_mef_blocks_on_an_mas_order_alone() {
    let domain = domain();
    let bundle = &domain.bundle;
    let order = RevocationOrder {
        issuer: domain.ma.id.clone(),
        id: [1; 16],
        authority: domain.aa.id.clone(),
        certificate: Digest([2; 32]),
        reason: Reason::Misbehaviour,
        time: START,
    };
    let block = |order: Vec<u8>| Block {
        issuer: domain.aa.id.clone(),
        enrolment_function: domain.mef.id.clone(),
        shared: Digest([3; 32]),
        order: order.into(),
    };
    let ordered = order.issue(&bundle.domain, &domain.ma.signing).unwrap();
    assert_eq!(RevocationOrder::verify(&ordered, bundle, &domain.aa.id), Ok(order.clone()));
    let addressee = OrderError::Addressee(domain.aa.id.clone());
    assert_eq!(RevocationOrder::verify(&ordered, bundle, &domain.other_aa.id), Err(addressee));
    let verify = |block: &Block, signer: &SigningKey| {
        Block::verify(&block.issue(&bundle.domain, signer).unwrap(), bundle, &domain.mef.id)
    };
    let honest = block(ordered.clone());
    let expected = VerifiedBlock { shared: Digest([3; 32]), order: order.clone() };
    assert_eq!(verify(&honest, &domain.aa.signing), Ok(expected));
    // The AA gives the order itself.
    let selfmade = block(order.issue(&bundle.domain, &domain.aa.signing).unwrap());
    let role = |found, expected| IssuerError::Role { found, expected };
    let not_ma = OrderError::Order(role(Role::Authorization, Role::Misbehaviour));
    assert_eq!(verify(&selfmade, &domain.aa.signing), Err(not_ma));
    // The MA goes past the AA; another AA uses the order.
    let not_aa = OrderError::Block(role(Role::Misbehaviour, Role::Authorization));
    assert_eq!(verify(&honest, &domain.ma.signing), Err(not_aa));
    assert_eq!(verify(&honest, &domain.other_aa.signing), Err(OrderError::IssuerName));
    let elsewhere = AuthorityId::parse("other-mef").unwrap();
    let elsewhere = Block { enrolment_function: elsewhere, ..honest };
    assert!(matches!(verify(&elsewhere, &domain.aa.signing), Err(OrderError::Addressee(_))));
}

#[test]
fn a_report_proves_what_was_signed_and_by_which_certificate() {
    let mut domain = domain();
    let (culprit, other) = (domain.pseudonym(reports()), domain.pseudonym(reports()));
    let mut sender = BroadcastSender::new(culprit.certificate.clone(), &mut RepeatableRng::new("report"));
    let messages: Vec<_> = [0, 1].iter().map(|after| send(&domain, &culprit, &mut sender, *after)).collect();
    let report = |topic: &str, certificate: &DevPseudonym| {
        let reported = |message: &Vec<u8>| ReportedMessage { topic: topic.to_owned(), message: message.clone().into() };
        let messages = messages.iter().map(reported).collect();
        Report { certificate: certificate.certificate.encoded.clone().into(), messages }
    };
    let (certificate, said) = Report::verify(&report(TOPIC, &culprit).encode(), &domain.bundle).unwrap();
    assert_eq!(certificate.digest(), culprit.certificate.certificate.digest());
    assert_eq!(said.len(), 2);
    let message = |index, cause| Err(ReportError::Message { index, cause });
    let elsewhere = Report::verify(&report("metering/zone-5/flow", &culprit).encode(), &domain.bundle).map(|_| ());
    assert_eq!(elsewhere, message(0, SignedError::Key(KeyError::Signature)));
    let framed = Report::verify(&report(TOPIC, &other).encode(), &domain.bundle).map(|_| ());
    assert_eq!(framed, message(0, SignedError::Header));
    let empty = Report { messages: Vec::new(), ..report(TOPIC, &culprit) };
    assert_eq!(Report::verify(&empty.encode(), &domain.bundle).map(|_| ()), Err(ReportError::Empty));
}
