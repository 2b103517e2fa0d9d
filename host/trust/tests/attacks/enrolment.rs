use m2m_trust::bundle::{IssuerError, Role};
use m2m_trust::clock_floor::{ClockFloor, FloorError};
use m2m_trust::cose::{self, KeyHint, Signed, SignedError};
use m2m_trust::credential::{Confirmation, CredentialError, InitialCredential, SUBSCRIPTION_SECONDS};
use m2m_trust::dev::{DevDomain, DevNode, RepeatableRng, START, SigningKey};
use m2m_trust::enrolment::*;
use m2m_trust::identity::{AuthorityId, Seconds};
use m2m_trust::keys::{KeyError, Signer};
use m2m_trust::seal::{self, Kind, Purpose, Recipient, SealError, Suite};

use crate::support::{commands, domain, metering, reports};

struct Case {
    domain: DevDomain,
    node: DevNode,
    subscription: SigningKey,
    challenge: Vec<u8>,
    rng: RepeatableRng,
}

fn case() -> Case {
    let mut domain = domain();
    let node = domain.node();
    let subscription = domain.signing_key();
    let challenge = domain.challenge(START);
    Case { domain, node, subscription, challenge, rng: RepeatableRng::new("case") }
}

impl Case {
    fn request(&mut self) -> (Vec<u8>, AwaitingEnrolment) {
        let node = self.domain.enrolment_node(&self.node, &self.subscription, reports());
        node.answer(&self.challenge, &ClockFloor::default(), &mut self.rng).unwrap()
    }

    fn receive(&self, request: &[u8], now: Seconds) -> Result<EnrolmentReceived, EnrolmentError> {
        self.domain.mef_enrolment().receive(request, now, &self.domain.mef_log)
    }

    fn error(&self, request: &[u8]) -> EnrolmentError {
        self.receive(request, START).unwrap_err()
    }

    fn application(&self, request: &[u8]) -> Application {
        match self.receive(request, START).unwrap() {
            EnrolmentReceived::Application(application) => *application,
            EnrolmentReceived::Repeated(_) => panic!("a new request"),
        }
    }

    fn terms(&self) -> Terms {
        let authorities = vec![self.domain.aa.id.clone()];
        Terms { scope: metering(), quota: 10, seconds: SUBSCRIPTION_SECONDS, authorities }
    }

    /// The request's content after `change`, signed and sealed again as a node of this domain could.
    fn forged(&mut self, change: impl FnOnce(&mut EnrolmentRequest, &Case), signer: &SigningKey) -> Vec<u8> {
        let (request, _) = self.request();
        let content = self.open(&request);
        let mut message = Signed::<EnrolmentRequest>::decode(&content).unwrap().unverified().clone();
        change(&mut message, self);
        self.seal(cose::sign_by(&message, &self.domain.bundle.domain, signer).unwrap())
    }

    fn purpose(&self) -> Purpose<'_> {
        Purpose { kind: Kind::Enrolment, recipient: self.domain.mef.id.as_str(), context: &[] }
    }

    fn open(&self, request: &[u8]) -> Vec<u8> {
        seal::open(request, &self.purpose(), &self.domain.mef.sealing).unwrap().0
    }

    fn seal(&self, content: Vec<u8>) -> Vec<u8> {
        let mut rng = RepeatableRng::new("forged");
        seal::seal(&self.domain.mef.sealing.sealing_key(), &self.purpose(), content, &mut rng).unwrap().0
    }

    fn device(&self) -> SigningKey {
        // The forged requests below are signed by the node's own device key unless they say otherwise.
        let mut domain = DevDomain::new("attacks", Suite::X25519);
        domain.node().device
    }
}

#[test]
fn a_node_enrols_and_its_floor_rises() {
    for suite in [Suite::X25519, Suite::XWing] {
        let mut domain = DevDomain::new("enrol", suite);
        let mut node = domain.node();
        let subscription = domain.enrol(&mut node, metering(), 96);
        assert_eq!(subscription.claims.scope, metering());
        assert_eq!(subscription.claims.quota, 96);
        assert_eq!(node.floor.time, START);
        assert_eq!(node.floor.epoch, domain.epoch());
        // The credential says nothing of who the node is.
        assert!(!contains(&subscription.credential, &node.canonical_id.0[1..]));
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_mef_sees_profile_evidence_and_wishes() {
    let mut case = case();
    let (request, _) = case.request();
    let application = case.application(&request);
    assert_eq!(application.initial_credential.canonical_id, case.node.canonical_id);
    assert_eq!(application.evidence.debug, DebugStatus::Disabled);
    assert_eq!(application.evidence.measurements.0[0].name, "host");
    assert_eq!(application.wanted, reports());
}

#[test]
fn an_identical_request_gets_the_stored_reply_and_another_one_under_its_challenge_none() {
    let mut case = case();
    let (request, _) = case.request();
    let application = case.application(&request);
    let outcome = case.domain.mef_enrolment().grant(&application, &case.terms(), START, &mut case.rng).unwrap();
    case.domain.mef_log.enrolled(&outcome);
    let again = case.receive(&request, START).unwrap();
    assert!(matches!(again, EnrolmentReceived::Repeated(reply) if reply == outcome.reply));
    let (other, _) = case.request();
    assert_eq!(case.error(&other), EnrolmentError::ChallengeSpent);
}

#[test]
fn a_challenge_counts_for_a_minute_and_at_the_mef_that_gave_it() {
    let mut case = case();
    let (request, _) = case.request();
    assert!(case.receive(&request, START.plus(60)).is_ok());
    let expired = EnrolmentError::ChallengeExpired { issued: START, now: START.plus(61) };
    assert_eq!(case.receive(&request, START.plus(61)).unwrap_err(), expired);
    let back = Seconds(START.0 - 1);
    assert_eq!(
        case.receive(&request, back).unwrap_err(),
        EnrolmentError::ChallengeExpired { issued: START, now: back }
    );
    case.domain.mef_log.challenges.clear();
    assert_eq!(case.error(&request), EnrolmentError::ChallengeUnknown);
}

#[test]
fn only_a_challenge_signed_by_the_chosen_mef_is_answered() {
    let mut case = case();
    let challenge = Challenge { issuer: case.domain.mef.id.clone(), challenge: [1; 16], time: START };
    let mut answer = |challenge: &Challenge, signer: &SigningKey, floor: &ClockFloor| {
        let message = cose::sign_by(challenge, &case.domain.bundle.domain, signer).unwrap();
        let node = case.domain.enrolment_node(&case.node, &case.subscription, reports());
        node.answer(&message, floor, &mut case.rng).map(|_| ())
    };
    let floor = ClockFloor::default();
    assert_eq!(answer(&challenge, &case.domain.mef.signing, &floor), Ok(()));
    let role = IssuerError::Role { found: Role::Authorization, expected: Role::Enrolment };
    assert_eq!(answer(&challenge, &case.domain.aa.signing, &floor), Err(role.into()));
    let stranger = SigningKey::from_seed([9; 32]).unwrap();
    let unknown = IssuerError::Unknown(stranger.public_key().key_id());
    assert_eq!(answer(&challenge, &stranger, &floor), Err(unknown.into()));
    let other = AuthorityId::parse("other-mef").unwrap();
    let named = Challenge { issuer: other.clone(), ..challenge.clone() };
    assert_eq!(answer(&named, &case.domain.mef.signing, &floor), Err(EnrolmentError::OtherFunction(other)));
    let later = ClockFloor { time: START.plus(1), ..ClockFloor::default() };
    let back = FloorError::TimeRollback { offered: START, floor: START.plus(1) };
    assert_eq!(answer(&challenge, &case.domain.mef.signing, &later), Err(back.into()));
}

#[test]
fn what_is_signed_by_another_key_or_under_another_credential_is_refused() {
    let mut case = case();
    let device = case.device();
    let unchanged = case.forged(|_, _| {}, &device);
    assert!(case.receive(&unchanged, START).is_ok());
    let thief = SigningKey::from_seed([8; 32]).unwrap();
    let stolen = case.forged(|_, _| {}, &thief);
    assert_eq!(case.error(&stolen), EnrolmentError::Request(SignedError::Key(KeyError::Signature)));
    // A credential that the node signed for itself.
    let selfmade = case.forged(
        |request, case| {
            let initial = InitialCredential::verify(&request.initial_credential, &case.domain.bundle).unwrap();
            request.initial_credential = initial.issue(&case.domain.bundle.domain, &device).unwrap().into();
        },
        &device,
    );
    let unknown = IssuerError::Unknown(device.public_key().key_id());
    assert_eq!(case.error(&selfmade), EnrolmentError::Credential(CredentialError::Issuer(unknown)));
    // One signed by the MEF, which is no manufacturer.
    let confused = case.forged(
        |request, case| {
            let initial = InitialCredential::verify(&request.initial_credential, &case.domain.bundle).unwrap();
            let issued = initial.issue(&case.domain.bundle.domain, &case.domain.mef.signing).unwrap();
            request.initial_credential = issued.into();
        },
        &device,
    );
    let role = IssuerError::Role { found: Role::Enrolment, expected: Role::Manufacturer };
    assert_eq!(case.error(&confused), EnrolmentError::Credential(CredentialError::Issuer(role)));
}

#[test]
fn evidence_and_possession_belong_to_this_request() {
    let mut case = case();
    let device = case.device();
    let evidence = case.forged(|request, _| request.evidence.nonce = [3; 16], &device);
    assert_eq!(case.error(&evidence), EnrolmentError::EvidenceNonce);
    let elsewhere = AuthorityId::parse("other-mef").unwrap();
    let addressed = case.forged(|request, _| request.enrolment_function = elsewhere.clone(), &device);
    assert_eq!(case.error(&addressed), EnrolmentError::OtherFunction(elsewhere));
    // The proof of another request of the same node.
    let nonce = case.forged(|request, _| request.nonce = [4; 16], &device);
    assert_eq!(case.error(&nonce), EnrolmentError::PossessionContext);
    // A key that the node has seen, and does not hold.
    let victim = SigningKey::from_seed([7; 32]).unwrap();
    let unheld = case.forged(
        |request, case| {
            let signed = Signed::<SubscriptionPossession>::decode(&request.possession).unwrap();
            let mut proof = signed.unverified().clone();
            proof.confirmation = Confirmation(victim.public_key());
            let domain = &case.domain.bundle.domain;
            request.possession = cose::sign(&proof, domain, &[], &KeyHint::None, &case.subscription).unwrap().into();
        },
        &device,
    );
    assert_eq!(case.error(&unheld), EnrolmentError::Possession(SignedError::Key(KeyError::Signature)));
    // The device key for both purposes.
    case.subscription = case.device();
    let (reused, _) = case.request();
    assert_eq!(case.error(&reused), EnrolmentError::KeyReused);
}

#[test]
fn a_request_for_another_mef_or_kind_does_not_open() {
    let mut case = case();
    let (request, _) = case.request();
    let content = case.open(&request);
    let key = case.domain.mef.sealing.sealing_key();
    let mut sealed = |kind, recipient| {
        let purpose = Purpose { kind, recipient, context: &[] };
        let sealed = seal::seal(&key, &purpose, content.clone(), &mut case.rng).unwrap().0;
        case.domain.mef_enrolment().receive(&sealed, START, &case.domain.mef_log).map(|_| ())
    };
    assert_eq!(sealed(Kind::Enrolment, "mef"), Ok(()));
    assert_eq!(sealed(Kind::Enrolment, "mef2"), Err(EnrolmentError::Seal(SealError::NotAuthentic)));
    assert_eq!(sealed(Kind::Authorization, "mef"), Err(EnrolmentError::Seal(SealError::NotAuthentic)));
}

#[test]
fn the_suite_is_the_pinned_one() {
    let mut case = case();
    let (request, _) = case.request();
    let mut xwing = DevDomain::new("attacks", Suite::XWing);
    xwing.mef_log.challenges = std::mem::take(&mut case.domain.mef_log.challenges);
    let downgraded = xwing.mef_enrolment().receive(&request, START, &xwing.mef_log).unwrap_err();
    assert_eq!(downgraded, EnrolmentError::Seal(SealError::Suite { found: 2, pinned: 1 }));
}

#[test]
fn the_reply_must_be_the_answer_to_this_request_from_this_mef() {
    let mut case = case();
    let (request, awaiting) = case.request();
    let application = case.application(&request);
    let terms = case.terms();
    let outcome = case.domain.mef_enrolment().grant(&application, &terms, START, &mut case.rng).unwrap();
    let finish = |reply: &[u8], floor: &mut ClockFloor| awaiting.finish(reply, &case.domain.bundle, floor);
    let mut floor = ClockFloor::default();
    let enrolled = finish(&outcome.reply, &mut floor).unwrap();
    assert_eq!(enrolled.claims.scope, reports(), "what was not asked for is not granted");
    // The same again, under a floor that time has passed.
    let mut later = ClockFloor { time: START.plus(5), ..ClockFloor::default() };
    let back = FloorError::TimeRollback { offered: START, floor: START.plus(5) };
    assert_eq!(finish(&outcome.reply, &mut later), Err(back.into()));
    // The reply to another request of the same node, under another key.
    let (other, _) = case.request();
    let application = case.application(&other);
    let outcome = case.domain.mef_enrolment().grant(&application, &terms, START, &mut case.rng).unwrap();
    let finished = awaiting.finish(&outcome.reply, &case.domain.bundle, &mut floor);
    assert_eq!(finished, Err(EnrolmentError::Seal(SealError::NotAuthentic)));
    let refused = EnrolmentStatus::ProfileTooLow;
    let application = case.application(&request);
    let outcome = case.domain.mef_enrolment().refuse(&application, refused, START, &mut case.rng).unwrap();
    let finished = awaiting.finish(&outcome.reply, &case.domain.bundle, &mut floor);
    assert_eq!(finished, Err(EnrolmentError::Refused(refused)));
}

#[test]
fn a_node_does_not_take_more_than_it_asked_for_or_for_another_key() {
    // An MEF that is itself hostile, or confused by two requests.
    let mut case = case();
    let (request, awaiting) = case.request();
    let (_, reply_key) = seal::open(&request, &case.purpose(), &case.domain.mef.sealing).unwrap();
    let application = case.application(&request);
    let outcome = case.domain.mef_enrolment().grant(&application, &case.terms(), START, &mut case.rng).unwrap();
    let content = reply_key.open(Kind::Enrolment, &outcome.reply).unwrap();
    let honest = Signed::<EnrolmentReply>::decode(&content).unwrap().unverified().clone();
    let mut finish = |reply: &EnrolmentReply| {
        let signed = cose::sign_by(reply, &case.domain.bundle.domain, &case.domain.mef.signing).unwrap();
        let sealed = reply_key.seal(Kind::Enrolment, signed, &mut case.rng).unwrap();
        awaiting.finish(&sealed, &case.domain.bundle, &mut ClockFloor::default()).map(|_| ())
    };
    assert_eq!(finish(&honest), Ok(()));
    let with = |change: &dyn Fn(&mut m2m_trust::credential::SubscriptionCredential)| {
        let mut claims = outcome.issued.clone().unwrap();
        change(&mut claims);
        let credential = claims.issue(&case.domain.bundle.domain, &case.domain.mef.signing).unwrap();
        EnrolmentReply { credential: Some(credential.into()), ..honest.clone() }
    };
    let wider = with(&|claims| claims.scope = commands());
    assert_eq!(finish(&wider), Err(EnrolmentError::ScopeBeyondRequest));
    let stranger = SigningKey::from_seed([6; 32]).unwrap().public_key();
    let other_key = with(&|claims| claims.confirmation = Confirmation(stranger));
    assert_eq!(finish(&other_key), Err(EnrolmentError::OtherKey));
    let expired = with(&|claims| claims.expires = START);
    let cause = CredentialError::Expired { expires: START, now: START };
    assert_eq!(finish(&expired), Err(EnrolmentError::Credential(cause)));
    let early = with(&|claims| claims.not_before = START.plus(1));
    let cause = CredentialError::NotYetValid { not_before: START.plus(1), now: START };
    assert_eq!(finish(&early), Err(EnrolmentError::Credential(cause)));
    let other_request = EnrolmentReply { request: m2m_trust::identity::Digest([0; 32]), ..honest.clone() };
    assert_eq!(finish(&other_request), Err(EnrolmentError::OtherRequest));
    let neither = EnrolmentReply { credential: None, ..honest.clone() };
    assert_eq!(finish(&neither), Err(EnrolmentError::StatusContradiction));
    let mut schedule = honest.clone();
    schedule.schedule.origin = Seconds(0);
    assert_eq!(finish(&schedule), Err(EnrolmentError::Schedule));
}
