use m2m_trust::broadcast::*;
use m2m_trust::bundle::{IssuerError, Role};
use m2m_trust::certificate::{CertificateClaims, CertificateError, Receiver};
use m2m_trust::clock_floor::Now;
use m2m_trust::cose::{self, KeyHint, SignedError};
use m2m_trust::dev::{DevDomain, DevPseudonym, RepeatableRng, START, SigningKey, services};
use m2m_trust::identity::{Micros, Region, ServiceId, Slot, TrustDomain};
use m2m_trust::keys::{KeyError, Signer};
use m2m_trust::revocation::Revocations;

use crate::support::{alarms, domain, metering, receiver, reports};

const TOPIC: &str = "metering/zone-4/flow";

struct Case {
    domain: DevDomain,
    pseudonym: DevPseudonym,
    sender: BroadcastSender,
    receiver: BroadcastReceiver,
    revocations: Revocations,
}

fn case() -> Case {
    let mut domain = domain();
    let pseudonym = domain.pseudonym(reports());
    let sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut RepeatableRng::new("sequence"));
    Case { domain, pseudonym, sender, receiver: BroadcastReceiver::default(), revocations: Revocations::default() }
}

fn expected(topic: &str) -> Expected<'_> {
    Expected { topic, service: services::METERING, operation: services::report() }
}

fn outgoing(data: &[u8]) -> Outgoing<'_> {
    Outgoing {
        topic: TOPIC,
        service: services::METERING,
        operation: services::report(),
        data,
        location: None,
        expiry: None,
        wanted: Vec::new(),
    }
}

impl Case {
    fn send(&mut self, outgoing: &Outgoing<'_>, after_us: u64) -> Vec<u8> {
        let now = self.domain.now(after_us);
        self.sender.sign(outgoing, now, &self.domain.bundle.domain, &self.pseudonym.signer).unwrap()
    }

    fn verify(&mut self, message: &[u8], after_us: u64) -> Result<VerifiedBroadcast, BroadcastError> {
        self.verify_as(message, &expected(TOPIC), self.domain.now(after_us))
    }

    fn verify_as(
        &mut self,
        message: &[u8],
        expected: &Expected<'_>,
        now: Now,
    ) -> Result<VerifiedBroadcast, BroadcastError> {
        let receiver = receiver(&self.domain.bundle, &self.revocations);
        self.receiver.verify(message, expected, &receiver, now)
    }

    /// Signed under the pseudonym's key, whatever its certificate says.
    fn signed(&self, message: &Broadcast, hint: &KeyHint) -> Vec<u8> {
        let domain = &self.domain.bundle.domain;
        cose::sign(message, domain, TOPIC.as_bytes(), hint, &self.pseudonym.signer).unwrap()
    }

    fn whole(&self) -> KeyHint {
        KeyHint::Certificate(self.pseudonym.certificate.encoded.clone().into())
    }
}

fn message() -> Broadcast {
    Broadcast {
        data: b"17 l/min".to_vec().into(),
        service: services::METERING,
        time: START.into(),
        sequence: 5,
        location: None,
        expiry: None,
        wanted: None,
    }
}

#[test]
fn the_whole_certificate_goes_first_then_once_a_second_then_when_asked_for() {
    let mut case = case();
    let first = case.send(&outgoing(b"a"), 0);
    let second = case.send(&outgoing(b"b"), 900_000);
    let third = case.send(&outgoing(b"c"), 1_000_000);
    assert!(first.len() > second.len() + 150);
    assert_eq!(first.len(), third.len());
    let wanted = case.verify(&second, 900_000).unwrap_err();
    let id = case.pseudonym.certificate.certificate.key_id();
    assert_eq!(wanted, BroadcastError::UnknownCertificate(id));
    assert_eq!(case.receiver.wanted(), vec![id]);
    case.sender.asked_for(&case.receiver.wanted());
    let asked = case.send(&outgoing(b"d"), 1_100_000);
    assert_eq!(asked.len(), first.len());
    let verified = case.verify(&asked, 1_100_000).unwrap();
    assert_eq!(verified.message.data.0, b"d");
    assert!(verified.certificate.covers(services::METERING, services::report()));
    assert_eq!(case.receiver.wanted(), vec![]);
    assert!(case.verify(&second, 1_100_000).is_ok(), "the digest is known now");
}

#[test]
fn a_message_counts_once() {
    let mut case = case();
    let first = case.send(&outgoing(b"a"), 0);
    let again = case.send(&outgoing(b"a"), 0);
    assert!(case.verify(&first, 0).is_ok());
    assert_eq!(case.verify(&first, 1_999_999 - SHIFT_US), Err(BroadcastError::Replay));
    assert!(case.verify(&again, 0).is_ok(), "another sequence number is another message");
    // The same content with the digest in place of the certificate is the same message.
    let content = message();
    let whole = case.signed(&content, &case.whole());
    let digest = case.signed(&content, &KeyHint::Id(case.pseudonym.certificate.certificate.key_id()));
    assert!(case.verify(&whole, 0).is_ok());
    assert_eq!(case.verify(&digest, 0), Err(BroadcastError::Replay));
}

#[test]
fn a_message_counts_within_its_window() {
    let mut case = case();
    let message = case.signed(&message(), &case.whole());
    let time = Micros::from(START);
    let late = 2_000_001;
    let too_old = BroadcastError::TooOld { time, now: Micros(time.0 + late) };
    assert_eq!(case.verify(&message, late), Err(too_old));
    assert!(case.verify(&message, late - 1).is_ok());
    let ahead = Broadcast { time: Micros(time.0 + 1_000_001), ..self::message() };
    let ahead = case.signed(&ahead, &case.whole());
    let from_future = BroadcastError::FromFuture { time: Micros(time.0 + 1_000_001), now: time };
    assert_eq!(case.verify(&ahead, 0), Err(from_future));
    assert!(case.verify(&ahead, 1).is_ok());
    let expiry = Micros(time.0 + 500);
    let short = case.send(&Outgoing { expiry: Some(expiry), ..outgoing(b"c") }, 0);
    assert_eq!(case.verify(&short, 500), Err(BroadcastError::Expired(expiry)));
    assert!(case.verify(&short, 499).is_ok());
}

/// A clock's error would go on after a change of pseudonym, so each pseudonym has another distance to the clock.
#[test]
fn the_time_of_a_message_says_little_of_the_clock() {
    let mut case = case();
    let mut shifts = Vec::new();
    for word in ["a", "b", "c", "d"] {
        case.sender = BroadcastSender::new(case.pseudonym.certificate.clone(), &mut RepeatableRng::new(word));
        let mut shift = |after_us| {
            let message = case.send(&outgoing(b"a"), after_us);
            let time = case.verify(&message, after_us).unwrap().message.time;
            Micros::from(START).0 + after_us - time.0
        };
        let shown = shift(1_000_000);
        assert_eq!(shift(9_000_000), shown, "it does not tell messages of a pseudonym apart");
        assert!(shown <= SHIFT_US);
        shifts.push(shown);
    }
    shifts.sort_unstable();
    assert!(shifts.windows(2).all(|pair| pair[1] - pair[0] > 1_000), "{shifts:?}");
}

#[test]
fn an_event_counts_for_ten_minutes_and_once() {
    let mut case = case();
    case.pseudonym = case.domain.pseudonym(alarms());
    case.sender = BroadcastSender::new(case.pseudonym.certificate.clone(), &mut RepeatableRng::new("event"));
    let topic = "alarm/zone-4";
    let event = Outgoing { topic, service: services::ALARM, ..outgoing(b"leak") };
    let message = case.send(&event, SHIFT_US);
    let expected = Expected { topic, service: services::ALARM, operation: services::report() };
    let last = case.domain.now(600_000_000);
    assert!(case.verify_as(&message, &expected, last).is_ok());
    assert_eq!(case.verify_as(&message, &expected, last), Err(BroadcastError::Replay));
    let over = case.domain.now(600_000_001 + SHIFT_US);
    assert!(matches!(case.verify_as(&message, &expected, over), Err(BroadcastError::TooOld { .. })));
}

#[test]
fn a_message_counts_under_its_topic_service_and_domain() {
    let mut case = case();
    let message = case.send(&outgoing(b"a"), 0);
    let now = case.domain.now(0);
    let elsewhere = case.verify_as(&message, &expected("metering/zone-5/flow"), now);
    assert_eq!(elsewhere, Err(SignedError::Key(KeyError::Signature).into()));
    let alarm = Expected { service: services::ALARM, ..expected(TOPIC) };
    let other = BroadcastError::Service { found: services::METERING, expected: services::ALARM };
    assert_eq!(case.verify_as(&message, &alarm, now), Err(other));
    let mut foreign = case.domain.bundle.clone();
    foreign.domain = TrustDomain([1; 16]);
    let receiver = receiver(&foreign, &case.revocations);
    let refused = BroadcastReceiver::default().verify(&message, &expected(TOPIC), &receiver, now);
    let issuer = IssuerError::Signed(SignedError::Key(KeyError::Signature));
    assert_eq!(refused, Err(BroadcastError::Certificate(CertificateError::Issuer(issuer))));
    assert!(case.verify(&message, 0).is_ok());
}

#[test]
fn a_certificate_gives_the_rights_it_names_and_no_other() {
    let mut case = case();
    let now = case.domain.now(0);
    let message = case.send(&outgoing(b"open"), 0);
    let command = Expected { operation: services::command(), ..expected(TOPIC) };
    assert_eq!(case.verify_as(&message, &command, now), Err(BroadcastError::NotAuthorized(services::METERING)));
    assert!(case.verify(&message, 0).is_ok());
    // The sender refuses itself too.
    let command = Outgoing { operation: services::command(), ..outgoing(b"open") };
    let signed = case.sender.sign(&command, now, &case.domain.bundle.domain, &case.pseudonym.signer);
    assert_eq!(signed, Err(BroadcastError::NotAuthorized(services::METERING)));
    let signed = case.sender.sign(&outgoing(&[0; 60_001]), now, &case.domain.bundle.domain, &case.pseudonym.signer);
    assert_eq!(signed, Err(BroadcastError::TooLarge { size: 60_001 }));
}

#[test]
fn a_certificate_counts_in_its_slot() {
    let mut case = case();
    let end = START.plus(3600);
    let last_us = 3_600_000_000 - 1;
    let sent = case.send(&outgoing(b"a"), last_us);
    assert!(case.verify(&sent, last_us).is_ok());
    let expired = CertificateError::Expired { expires: end, now: end };
    let now = case.domain.now(3_600_000_000);
    let signed = case.sender.sign(&outgoing(b"b"), now, &case.domain.bundle.domain, &case.pseudonym.signer);
    assert_eq!(signed, Err(BroadcastError::Certificate(expired.clone())));
    let late = case.signed(&Broadcast { time: end.into(), ..message() }, &case.whole());
    assert_eq!(case.verify(&late, 3_600_000_000), Err(BroadcastError::Certificate(expired)));
}

/// A certificate of the AA's, with changed claims.
fn issued(case: &Case, signer: &SigningKey, change: impl FnOnce(&mut CertificateClaims)) -> Vec<u8> {
    let mut claims = case.pseudonym.certificate.certificate.claims().clone();
    change(&mut claims);
    claims.issue(&case.domain.bundle.domain, signer).unwrap()
}

#[test]
fn certificates_come_from_an_aa_within_its_right() {
    let mut case = case();
    let verify = |case: &mut Case, certificate: Vec<u8>, sequence: u16| {
        let message = case.signed(&Broadcast { sequence, ..message() }, &KeyHint::Certificate(certificate.into()));
        case.verify(&message, 0).map(|_| ())
    };
    let genuine = issued(&case, &case.domain.aa.signing, |_| {});
    assert_eq!(verify(&mut case, genuine, 1), Ok(()));
    let refused = |cause| Err(BroadcastError::Certificate(cause));
    // The MEF's key, an end certificate's key.
    let by_mef = issued(&case, &case.domain.mef.signing, |_| {});
    let role = IssuerError::Role { found: Role::Enrolment, expected: Role::Authorization };
    assert_eq!(verify(&mut case, by_mef, 2), refused(CertificateError::Issuer(role)));
    let by_node = issued(&case, &case.pseudonym.signer, |_| {});
    let unknown = IssuerError::Unknown(case.pseudonym.signer.public_key().key_id());
    assert_eq!(verify(&mut case, by_node, 3), refused(CertificateError::Issuer(unknown)));
    // Rights that the other AA does not have.
    let wide = issued(&case, &case.domain.other_aa.signing, |claims| claims.scope = metering());
    let beyond = CertificateError::ScopeBeyondIssuer(case.domain.other_aa.id.clone());
    assert_eq!(verify(&mut case, wide, 4), refused(beyond));
    let region = issued(&case, &case.domain.aa.signing, |claims| claims.region = Some(Region(3)));
    let beyond = CertificateError::RegionBeyondIssuer { region: Region(3), issuer: case.domain.aa.id.clone() };
    assert_eq!(verify(&mut case, region, 5), refused(beyond));
    // Times that are not the slot's, and a slot that is not now.
    let long = issued(&case, &case.domain.aa.signing, |claims| claims.expires = claims.expires.plus(1));
    assert_eq!(verify(&mut case, long, 6), refused(CertificateError::Slot(Slot(10))));
    let slot = issued(&case, &case.domain.aa.signing, |claims| claims.linkage.slot = Slot(11));
    assert_eq!(verify(&mut case, slot, 7), refused(CertificateError::Slot(Slot(11))));
    let early = issued(&case, &case.domain.aa.signing, |claims| {
        (claims.not_before, claims.expires, claims.linkage.slot) = (START.plus(3600), START.plus(7200), Slot(11));
    });
    let not_yet = CertificateError::NotYetValid { not_before: START.plus(3600), now: START };
    assert_eq!(verify(&mut case, early, 8), refused(not_yet));
}

#[test]
fn a_regional_certificate_counts_in_its_region() {
    let mut case = case();
    let regional = issued(&case, &case.domain.aa.signing, |claims| claims.region = Some(Region(2)));
    let message = case.signed(&message(), &KeyHint::Certificate(regional.into()));
    let now = case.domain.now(0);
    let mut verify = |region| {
        let receiver = Receiver { region, ..receiver(&case.domain.bundle, &case.revocations) };
        case.receiver.verify(&message, &expected(TOPIC), &receiver, now).map(|_| ())
    };
    let elsewhere = |here| Err(BroadcastError::Certificate(CertificateError::Region { certificate: Region(2), here }));
    assert_eq!(verify(Some(Region(1))), elsewhere(Some(Region(1))));
    assert_eq!(verify(None), elsewhere(None));
    assert_eq!(verify(Some(Region(2))), Ok(()));
}

#[test]
fn a_digest_is_a_hint_and_the_key_decides() {
    let mut case = case();
    let first = case.send(&outgoing(b"a"), 0);
    assert!(case.verify(&first, 0).is_ok());
    // Another node signs and gives the first one's digest.
    let other = case.domain.pseudonym(reports());
    let id = KeyHint::Id(case.pseudonym.certificate.certificate.key_id());
    let domain = case.domain.bundle.domain;
    let posed = cose::sign(&message(), &domain, TOPIC.as_bytes(), &id, &other.signer).unwrap();
    assert_eq!(case.verify(&posed, 0), Err(SignedError::Key(KeyError::Signature).into()));
    // And the first one's certificate.
    let posed = cose::sign(&message(), &domain, TOPIC.as_bytes(), &case.whole(), &other.signer).unwrap();
    assert_eq!(case.verify(&posed, 0), Err(SignedError::Key(KeyError::Signature).into()));
    let none = case.signed(&message(), &KeyHint::None);
    assert_eq!(case.verify(&none, 0), Err(BroadcastError::NoCertificate));
}

#[test]
fn an_unknown_service_is_refused_before_any_signature() {
    let mut case = case();
    let unknown = ServiceId(99);
    let claimed = case.signed(&Broadcast { service: unknown, ..message() }, &case.whole());
    let expected = Expected { service: unknown, ..expected(TOPIC) };
    let now = case.domain.now(0);
    let refused = case.verify_as(&claimed, &expected, now);
    assert_eq!(refused, Err(BroadcastError::Service { found: unknown, expected: unknown }));
}

#[test]
fn a_changed_bundle_counts_for_certificates_seen_before() {
    let mut case = case();
    let first = case.send(&outgoing(b"a"), 0);
    assert!(case.verify(&first, 0).is_ok());
    case.domain.bundle.authorities.retain(|authority| authority.role != Role::Authorization);
    case.receiver.bundle_changed();
    let second = case.send(&outgoing(b"b"), 1_000_000);
    let unknown = IssuerError::Unknown(case.domain.aa.signing.public_key().key_id());
    let refused = Err(BroadcastError::Certificate(CertificateError::Issuer(unknown)));
    assert_eq!(case.verify(&second, 1_000_000), refused);
}
