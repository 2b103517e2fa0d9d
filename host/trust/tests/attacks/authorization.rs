use m2m_trust::aif::Scope;
use m2m_trust::authorization::*;
use m2m_trust::bundle::{IssuerError, Role};
use m2m_trust::codec;
use m2m_trust::cose::{self, KeyHint, Signed, SignedError};
use m2m_trust::credential::{CredentialError, SUBSCRIPTION_SECONDS};
use m2m_trust::dev::{DevDomain, DevSubscription, RepeatableRng, START, SealedKey, SigningKey, services};
use m2m_trust::identity::{Digest, Epoch, Seconds, Slot};
use m2m_trust::keys::{KeyError, Signer};
use m2m_trust::seal::{self, Decrypted, Kind, Purpose, Recipient, ReplyKey, SealError, SealingKey, Suite};

use crate::support::{alarms, commands, domain, metering, reports};

type Keys = Vec<Pseudonym<SigningKey, SealedKey>>;

struct Case {
    domain: DevDomain,
    subscription: DevSubscription,
    keys: Keys,
    rng: RepeatableRng,
}

/// A node that is subscribed to metering, and keys for two certificates.
fn case() -> Case {
    let mut domain = domain();
    let mut node = domain.node();
    let subscription = domain.enrol(&mut node, metering(), 10);
    let slot = domain.slot();
    let keys = domain.pseudonyms(&[slot, slot]);
    Case { domain, subscription, keys, rng: RepeatableRng::new("case") }
}

impl Case {
    fn request(&mut self) -> (Vec<u8>, AwaitingAuthorization) {
        self.domain.request(&self.subscription, &self.keys, reports())
    }

    fn receive(&self, request: &[u8]) -> Result<AuthorizationReceived, AuthorizationError> {
        self.domain.aa_authorization().receive(request, START, &self.domain.aa_log)
    }

    fn error(&self, request: &[u8]) -> AuthorizationError {
        self.receive(request).unwrap_err()
    }

    fn query(&self, request: &[u8]) -> AwaitingProof {
        match self.receive(request).unwrap() {
            AuthorizationReceived::Query(query) => *query,
            AuthorizationReceived::Repeated(_) => panic!("a new request"),
        }
    }

    fn prove(&self, query: &[u8]) -> Result<ProofReceived, Box<ProofRefusal>> {
        self.domain.mef_authorization().answer(query, START, &self.domain.mef_log)
    }

    fn refusal(&self, query: &[u8]) -> AuthorizationError {
        self.prove(query).unwrap_err().cause
    }

    fn proof(&self, query: &[u8]) -> ProofOutcome {
        match self.prove(query).unwrap() {
            ProofReceived::Granted(outcome) => outcome,
            ProofReceived::Repeated(_) => panic!("a new query"),
        }
    }

    fn decide(&mut self, query: &AwaitingProof, answer: &[u8]) -> Result<AuthorizationOutcome, AuthorizationError> {
        self.domain.aa_authorization().decide(query, answer, Grant::default(), &mut self.rng)
    }

    /// Takes a request apart, changes it and seals it again, as the node itself could.
    fn forged(&mut self, change: impl FnOnce(&mut AuthorizationRequest)) -> Vec<u8> {
        let (request, _) = self.request();
        let mut message = self.open(&request).0;
        change(&mut message);
        self.sealed(&message)
    }

    fn open(&self, request: &[u8]) -> (AuthorizationRequest, ReplyKey) {
        let (content, reply_key) = seal::open(request, &PURPOSE, &self.domain.aa.sealing).unwrap();
        (codec::decode(&content, usize::MAX, "request").unwrap(), reply_key)
    }

    fn sealed(&mut self, message: &AuthorizationRequest) -> Vec<u8> {
        let key = self.domain.aa.sealing.sealing_key();
        seal::seal(&key, &PURPOSE, codec::encode(message), &mut self.rng).unwrap().0
    }

    fn asked(&mut self, slots: &[Slot], scope: Scope) -> Vec<u8> {
        let keys = self.domain.pseudonyms(slots);
        self.domain.request(&self.subscription, &keys, scope).0
    }
}

const PURPOSE: Purpose<'_> = Purpose { kind: Kind::Authorization, recipient: "aa", context: &[] };

fn shared(query: &[u8]) -> (ProofQuery, SharedPart) {
    let query = Signed::<ProofQuery>::decode(query).unwrap().unverified().clone();
    let shared = codec::decode(&query.shared, usize::MAX, "shared").unwrap();
    (query, shared)
}

#[test]
fn a_node_gets_certificates_that_nobody_can_tie_to_it() {
    for suite in [Suite::X25519, Suite::XWing] {
        let mut domain = DevDomain::new("authorize", suite);
        let mut node = domain.node();
        let subscription = domain.enrol(&mut node, metering(), 96);
        let slot = domain.slot();
        let slots: Vec<_> = (0..24).map(|index| Slot(slot.0 + index / 4)).collect();
        let pseudonyms = domain.authorize(&subscription, &slots, reports());
        assert_eq!(pseudonyms.len(), 24);
        let certificate = |index: usize| &pseudonyms[index].certificate.certificate;
        assert!(certificate(0).covers(services::METERING, services::report()));
        assert!(!certificate(0).covers(services::METERING, services::command()));
        assert_eq!(certificate(23).claims().linkage.slot, Slot(slot.0 + 5));
        // Equal times and sizes within a slot.
        assert_eq!(certificate(0).claims().not_before, certificate(3).claims().not_before);
        assert_eq!(pseudonyms[0].certificate.encoded.len(), pseudonyms[3].certificate.encoded.len());
        // What the AA keeps has no trace of the node or its subscription; what the MEF keeps none of the keys.
        let aa = format!("{:?}", domain.aa_log.issued);
        assert!(!aa.contains(&format!("{:?}", subscription.claims.id)) && !aa.contains(&node.canonical_id.to_string()));
        let mef: Vec<u8> = domain.mef_log.replies.values().flatten().copied().collect();
        for pseudonym in &pseudonyms {
            let key = pseudonym.signer.public_key().to_bytes();
            assert!(!mef.windows(32).any(|window| window == key));
        }
    }
}

#[test]
fn a_repeated_request_gets_the_stored_reply_and_another_one_under_its_nonce_is_a_replay() {
    let mut case = case();
    let (request, _) = case.request();
    let query = case.query(&request);
    let proof = case.proof(query.query());
    case.domain.mef_log.proved(&proof);
    assert_eq!(case.prove(query.query()), Ok(ProofReceived::Repeated(proof.answer.clone())));
    let outcome = case.decide(&query, &proof.answer).unwrap();
    case.domain.aa_log.authorized(&outcome);
    assert!(
        matches!(case.receive(&request).unwrap(), AuthorizationReceived::Repeated(reply) if reply == outcome.reply)
    );
    // The same content in a new envelope.
    let content = case.open(&request).0;
    let replayed = case.sealed(&content);
    assert_eq!(case.error(&replayed), AuthorizationError::Replay);
    // An AA that forgot asks again with another query, by changing its key: the MEF has not forgotten.
    let fresh = Signed::<ProofQuery>::decode(query.query()).unwrap().unverified().clone();
    let position = crate::support::position(&case.domain.bundle, Role::Authorization);
    let new_key = SigningKey::from_seed([3; 32]).unwrap();
    case.domain.bundle.authorities[position].key = new_key.public_key();
    let again = cose::sign_by(&fresh, &case.domain.bundle.domain, &new_key).unwrap();
    let refusal = case.prove(&again).unwrap_err();
    assert_eq!(refusal.cause, AuthorizationError::Replay);
    assert!(refusal.answer.is_some());
}

#[test]
fn keys_are_those_committed_to_possessed_and_in_place() {
    let mut case = case();
    let unchanged = case.forged(|_| {});
    assert!(case.receive(&unchanged).is_ok());
    let stranger = case.domain.pseudonyms(&[Slot(10)]).pop().unwrap();
    let swapped_vk = case.forged(|request| request.keys[0].key.signing = stranger.signer.public_key());
    assert_eq!(case.error(&swapped_vk), AuthorizationError::Commitment);
    let kx: [u8; 32] = stranger.recipient.sealing_key().as_bytes().try_into().unwrap();
    let swapped_kx = case.forged(|request| request.keys[0].key.agreement.0 = kx);
    assert_eq!(case.error(&swapped_kx), AuthorizationError::Commitment);
    let shuffled = case.forged(|request| request.keys.swap(0, 1));
    assert_eq!(case.error(&shuffled), AuthorizationError::Commitment);
    let opening = case.forged(|request| request.opening = [0; 32]);
    assert_eq!(case.error(&opening), AuthorizationError::Commitment);
    let exchanged = case.forged(|request| {
        let first = request.keys[0].possession;
        request.keys[0].possession = request.keys[1].possession;
        request.keys[1].possession = first;
    });
    let possession = |index| AuthorizationError::Possession { index, cause: KeyError::Signature };
    assert_eq!(case.error(&exchanged), possession(0));
    let (other, _) = case.request();
    let stolen = case.open(&other).0.keys[1].possession;
    let stolen = case.forged(|request| request.keys[1].possession = stolen);
    assert_eq!(case.error(&stolen), possession(1));
    // A key of the attacker's choice, committed to honestly, without holding it.
    let victim = case.keys[0].signer.public_key();
    let thief = case.domain.pseudonyms(&[Slot(10)]).pop().unwrap();
    let claimed = case.forged(|request| {
        let mut message: SharedPart = codec::decode(&request.shared, usize::MAX, "shared").unwrap();
        let key = CertifiedKey { signing: victim, ..request.keys[0].key };
        message.count = 1;
        message.commitment = commitment(&request.opening, &[key]);
        request.shared = codec::encode(&message).into();
        let claim = KeyPossession { shared: Digest::of(&[&request.shared]), index: 0, key };
        let possession =
            cose::sign_detached(&claim, &DevDomain::new("attacks", Suite::X25519).bundle.domain, &thief.signer)
                .unwrap();
        request.keys = vec![KeyRequest { key, possession }];
    });
    assert_eq!(case.error(&claimed), possession(0));
}

#[test]
fn the_same_key_twice_is_refused() {
    let mut case = case();
    let slot = case.domain.slot();
    let twin = || Pseudonym {
        slot,
        signer: SigningKey::from_seed([1; 32]).unwrap(),
        recipient: SealedKey::from_seed(Suite::X25519, [2; 32]).unwrap(),
    };
    case.keys = vec![twin(), twin()];
    let (request, _) = case.request();
    assert_eq!(case.error(&request), AuthorizationError::DuplicateKey { index: 1 });
    case.keys = vec![twin()];
    let (request, _) = case.request();
    assert!(case.receive(&request).is_ok());
}

#[test]
fn slots_epoch_count_and_services_are_limited() {
    let mut case = case();
    let slot = case.domain.slot();
    let four = case.asked(&[slot; 4], reports());
    assert!(case.receive(&four).is_ok());
    let five = case.asked(&[slot; 5], reports());
    assert_eq!(case.error(&five), AuthorizationError::SlotFull(slot));
    let past = case.asked(&[Slot(slot.0 - 1)], reports());
    assert_eq!(case.error(&past), AuthorizationError::Slot(Slot(slot.0 - 1)));
    let next_epoch = case.asked(&[Slot(168)], reports());
    assert_eq!(case.error(&next_epoch), AuthorizationError::Slot(Slot(168)));
    let none = case.asked(&[], reports());
    assert_eq!(case.error(&none), AuthorizationError::Count { keys: 0, count: 0 });
    let left_out = case.forged(|request| request.keys.truncate(1));
    assert_eq!(case.error(&left_out), AuthorizationError::Count { keys: 1, count: 2 });
    let mixed = case.asked(&[slot], reports().with(services::ALARM, services::report()));
    assert_eq!(case.error(&mixed), AuthorizationError::Services);
    let nothing = case.asked(&[slot], Scope::empty());
    assert_eq!(case.error(&nothing), AuthorizationError::Services);
    let forbidden = Scope::empty().with(services::MAINTENANCE, services::report());
    let forbidden = case.asked(&[slot], forbidden);
    assert_eq!(case.error(&forbidden), AuthorizationError::ScopeBeyondAuthority);
    let later = case.domain.aa_authorization().receive(&four, START.plus(2 * 168 * 3600), &case.domain.aa_log);
    assert_eq!(later.unwrap_err(), AuthorizationError::Epoch { asked: Epoch(0), present: Epoch(2) });
}

#[test]
fn a_proof_counts_at_the_aa_and_mef_that_it_names() {
    let mut case = case();
    let (request, _) = case.request();
    let query = case.query(&request);
    assert!(case.prove(query.query()).is_ok());
    let (message, part) = shared(query.query());
    let domain = &case.domain.bundle.domain;
    // Another AA passes the proof off as its own.
    let taken = cose::sign_by(&message, domain, &case.domain.other_aa.signing).unwrap();
    assert_eq!(case.refusal(&taken), AuthorizationError::OtherAuthority(case.domain.aa.id.clone()));
    // It also puts its own name in: the proof was sealed for another shared part.
    let renamed = SharedPart { authority: case.domain.other_aa.id.clone(), ..part.clone() };
    let renamed = ProofQuery { shared: codec::encode(&renamed).into(), ..message.clone() };
    let taken = cose::sign_by(&renamed, domain, &case.domain.other_aa.signing).unwrap();
    assert_eq!(case.refusal(&taken), AuthorizationError::Seal(SealError::NotAuthentic));
    // The AA itself asks for more than the node did.
    let wider = SharedPart { scope: metering(), count: 4, ..part };
    let wider = ProofQuery { shared: codec::encode(&wider).into(), ..message.clone() };
    let wider = cose::sign_by(&wider, domain, &case.domain.aa.signing).unwrap();
    assert_eq!(case.refusal(&wider), AuthorizationError::Seal(SealError::NotAuthentic));
    // Not an AA at all.
    let posed = cose::sign_by(&message, domain, &case.domain.ma.signing).unwrap();
    let role = IssuerError::Role { found: Role::Misbehaviour, expected: Role::Authorization };
    assert_eq!(case.refusal(&posed), AuthorizationError::Issuer(role));
    let refusal = case.prove(&posed).unwrap_err();
    assert_eq!(refusal.answer, None, "who is not believed gets no answer");
}

#[test]
fn a_request_is_for_the_aa_that_it_names() {
    let mut case = case();
    let (request, _) = case.request();
    let other = AaAuthorization {
        id: &case.domain.other_aa.id,
        bundle: &case.domain.bundle,
        signer: &case.domain.other_aa.signing,
        recipient: &case.domain.other_aa.sealing,
    };
    let elsewhere = other.receive(&request, START, &case.domain.aa_log).unwrap_err();
    let key = case.domain.aa.sealing.sealing_key().key_id();
    assert_eq!(elsewhere, AuthorizationError::Seal(SealError::Recipient(key)));
    // A relay opens nothing; an AA that passes the content on to another is found out by the name.
    let content = codec::encode(&case.open(&request).0);
    let purpose = Purpose { recipient: "other-aa", ..PURPOSE };
    let passed_on =
        seal::seal(&case.domain.other_aa.sealing.sealing_key(), &purpose, content, &mut case.rng).unwrap().0;
    let elsewhere = other.receive(&passed_on, START, &case.domain.aa_log).unwrap_err();
    assert_eq!(elsewhere, AuthorizationError::OtherAuthority(case.domain.aa.id.clone()));
}

#[test]
fn a_subscription_must_stand_cover_and_have_quota() {
    let mut case = case();
    let slot = case.domain.slot();
    let granted = case.asked(&[slot; 4], reports());
    let query = case.query(&granted);
    let outcome = case.proof(query.query());
    case.domain.mef_log.proved(&outcome);
    let beyond = case.asked(&[slot], alarms());
    let query = case.query(&beyond);
    let refusal = case.prove(query.query()).unwrap_err();
    assert_eq!(refusal.cause, AuthorizationError::ScopeBeyondSubscription);
    // The AA passes the signed refusal on to the node.
    let (keys, scope) = (case.domain.pseudonyms(&[slot]), alarms());
    let (request, awaiting) = case.domain.request(&case.subscription, &keys, scope);
    let query = case.query(&request);
    let answer = case.prove(query.query()).unwrap_err().answer.unwrap();
    let outcome = case.decide(&query, &answer).unwrap();
    assert_eq!(outcome.batch, None);
    let refused = awaiting.finish::<SealedKey>(&outcome.reply, &case.domain.bundle, &[]);
    assert_eq!(refused, Err(AuthorizationError::Refused(AuthorizationStatus::ScopeNotAllowed)));
    // Ten a quota, four used.
    let six: Vec<_> = (0..6).map(|index| Slot(slot.0 + index / 3)).collect();
    let seven: Vec<_> = (0..7).map(|index| Slot(slot.0 + index / 3)).collect();
    let fits = case.asked(&six, commands());
    assert!(case.prove(case.query(&fits).query()).is_ok());
    let exceeds = case.asked(&seven, commands());
    let quota = AuthorizationError::Quota { asked: 7, left: 6 };
    assert_eq!(case.refusal(case.query(&exceeds).query()), quota);
    // Blocked, unknown, expired.
    case.domain.mef_log.subscriptions.insert(case.subscription.claims.id, true);
    assert_eq!(case.refusal(case.query(&fits).query()), AuthorizationError::SubscriptionBlocked);
    case.domain.mef_log.subscriptions.clear();
    assert_eq!(case.refusal(case.query(&fits).query()), AuthorizationError::SubscriptionUnknown);
}

#[test]
fn a_subscription_ends() {
    let mut case = case();
    let end = START.plus(SUBSCRIPTION_SECONDS);
    let asked_at = |case: &mut Case, now: Seconds| {
        let schedule = case.domain.bundle.schedule;
        let slot = schedule.slot(now);
        let keys = case.domain.pseudonyms(&[slot]);
        let node = AuthorizationNode {
            bundle: &case.domain.bundle,
            authority: &case.domain.aa.id,
            enrolment_function: &case.domain.mef.id,
            subscription_credential: &case.subscription.credential,
            subscription: &case.subscription.key,
            scope: reports(),
            epoch: schedule.epoch(slot),
        };
        let (request, _) = node.request(&keys, &mut case.rng).unwrap();
        let received = case.domain.aa_authorization().receive(&request, now, &case.domain.aa_log).unwrap();
        let AuthorizationReceived::Query(query) = received else { panic!("a new request") };
        case.domain.mef_authorization().answer(query.query(), now, &case.domain.mef_log).map(|_| ())
    };
    assert_eq!(asked_at(&mut case, Seconds(end.0 - 1)), Ok(()));
    let expired = AuthorizationError::Credential(CredentialError::Expired { expires: end, now: end });
    assert_eq!(asked_at(&mut case, end).unwrap_err().cause, expired);
}

#[test]
fn a_stolen_credential_without_its_key_proves_nothing() {
    let mut case = case();
    case.subscription.key = SigningKey::from_seed([5; 32]).unwrap();
    let (request, _) = case.request();
    let refusal = case.refusal(case.query(&request).query());
    assert_eq!(refusal, AuthorizationError::Proof(SignedError::Key(KeyError::Signature)));
}

#[test]
fn the_aa_issues_on_the_word_of_the_named_mef_about_this_request_alone() {
    let mut case = case();
    let (request, _) = case.request();
    let query = case.query(&request);
    let outcome = case.proof(query.query());
    assert!(case.decide(&query, &outcome.answer).is_ok());
    let answer = Signed::<ProofAnswer>::decode(&outcome.answer).unwrap().unverified().clone();
    let mut decide = |answer: &ProofAnswer, by_aa: bool| {
        let signer = if by_aa { &case.domain.aa.signing } else { &case.domain.mef.signing };
        let answer = cose::sign_by(answer, &case.domain.bundle.domain, signer).unwrap();
        case.domain.aa_authorization().decide(&query, &answer, Grant::default(), &mut case.rng).map(|_| ())
    };
    let role = IssuerError::Role { found: Role::Authorization, expected: Role::Enrolment };
    assert_eq!(decide(&answer, true), Err(AuthorizationError::Issuer(role)));
    let other = ProofAnswer { shared: Digest([0; 32]), ..answer.clone() };
    assert_eq!(decide(&other, false), Err(AuthorizationError::OtherShared));
    let wider = ProofAnswer { scope: metering(), ..answer.clone() };
    assert_eq!(decide(&wider, false), Err(AuthorizationError::AnswerContradiction));
    let more = ProofAnswer { count: 3, ..answer.clone() };
    assert_eq!(decide(&more, false), Err(AuthorizationError::AnswerContradiction));
    let nothing = ProofAnswer { scope: Scope::empty(), ..answer };
    assert_eq!(decide(&nothing, false), Err(AuthorizationError::AnswerContradiction));
}

#[test]
fn the_node_takes_all_certificates_it_asked_for_or_none() {
    let mut case = case();
    let (request, awaiting) = case.request();
    let query = case.query(&request);
    let answer = case.proof(query.query()).answer;
    let outcome = case.decide(&query, &answer).unwrap();
    let reply_key = case.open(&request).1;
    let recipients: Vec<_> = case.keys.iter().map(|key| key.recipient.clone()).collect();
    let content = reply_key.open(Kind::Authorization, &outcome.reply).unwrap();
    let honest = Signed::<AuthorizationReply>::decode(&content).unwrap().unverified().clone();
    let bundle = case.domain.bundle.clone();
    let mut finish = |reply: &AuthorizationReply, signer: &SigningKey| {
        let signed = cose::sign_by(reply, &bundle.domain, signer).unwrap();
        let sealed = reply_key.seal(Kind::Authorization, signed, &mut case.rng).unwrap();
        awaiting.finish(&sealed, &bundle, &recipients).map(|certificates| certificates.len())
    };
    let aa = &case.domain.aa.signing;
    assert_eq!(finish(&honest, aa), Ok(2));
    let other = AuthorizationError::OtherAuthority(case.domain.other_aa.id.clone());
    assert_eq!(finish(&honest, &case.domain.other_aa.signing), Err(other));
    let mut fewer = honest.clone();
    fewer.certificates.truncate(1);
    assert_eq!(finish(&fewer, aa), Err(AuthorizationError::CertificateCount { received: 1, expected: 2 }));
    let mut swapped = honest.clone();
    swapped.certificates.swap(0, 1);
    let key = recipients[1].sealing_key().key_id();
    assert_eq!(finish(&swapped, aa), Err(AuthorizationError::Seal(SealError::Recipient(key))));
    let other = AuthorizationReply { request: Digest([1; 32]), ..honest.clone() };
    assert_eq!(finish(&other, aa), Err(AuthorizationError::OtherRequest));
    // A certificate for another slot, key or scope, at its place and sealed to its key.
    let purpose = Purpose { kind: Kind::Certificate, recipient: "", context: &[] };
    let genuine = seal::open(&honest.certificates[0], &purpose, &recipients[0]).unwrap().0;
    let claims = Signed::<m2m_trust::certificate::CertificateClaims>::decode(&genuine).unwrap().unverified().clone();
    let mut rng = RepeatableRng::new("certificates");
    let mut with = |claims: &m2m_trust::certificate::CertificateClaims| {
        let certificate = claims.issue(&bundle.domain, aa).unwrap();
        let sealed = seal::seal(&recipients[0].sealing_key(), &purpose, certificate, &mut rng).unwrap().0;
        let mut reply = honest.clone();
        reply.certificates[0] = sealed.into();
        reply
    };
    let same = with(&claims);
    assert_eq!(finish(&same, aa), Ok(2));
    let mut other = claims.clone();
    other.scope = commands();
    assert_eq!(finish(&with(&other), aa), Err(AuthorizationError::OtherCertificate { index: 0 }));
    let mut other = claims.clone();
    other.confirmation = m2m_trust::credential::Confirmation(aa.public_key());
    assert_eq!(finish(&with(&other), aa), Err(AuthorizationError::OtherCertificate { index: 0 }));
    let mut other = claims;
    other.expires = other.expires.plus(1);
    let cause = m2m_trust::certificate::CertificateError::Slot(other.linkage.slot);
    assert_eq!(finish(&with(&other), aa), Err(AuthorizationError::Certificate { index: 0, cause }));
}

#[test]
fn a_pending_request_survives_a_restart() {
    let mut case = case();
    let (request, awaiting) = case.request();
    let kept = codec::encode(&awaiting);
    let query = case.query(&request);
    let answer = case.proof(query.query()).answer;
    let outcome = case.decide(&query, &answer).unwrap();
    let restored: AwaitingAuthorization = codec::decode(&kept, 65_536, "pending request").unwrap();
    let recipients: Vec<_> = case.keys.iter().map(|key| key.recipient.clone()).collect();
    let certificates = restored.finish(&outcome.reply, &case.domain.bundle, &recipients).unwrap();
    assert_eq!(certificates.len(), 2);
    // The reply a second time changes nothing.
    assert_eq!(awaiting.finish(&outcome.reply, &case.domain.bundle, &recipients), Ok(certificates));
}

/// Gives a key that no secret can be agreed with.
struct LowOrder;

impl Recipient for LowOrder {
    fn sealing_key(&self) -> SealingKey {
        SealingKey::new(Suite::X25519, vec![0; 32]).unwrap()
    }

    fn decrypt(&self, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<Decrypted, SealError> {
        Err(SealError::NotAuthentic)
    }
}

#[test]
fn no_certificate_is_sealed_to_a_key_without_secret() {
    let mut case = case();
    let signer = SigningKey::from_seed([1; 32]).unwrap();
    let keys = [Pseudonym { slot: case.domain.slot(), signer, recipient: LowOrder }];
    let node = AuthorizationNode {
        bundle: &case.domain.bundle,
        authority: &case.domain.aa.id,
        enrolment_function: &case.domain.mef.id,
        subscription_credential: &case.subscription.credential,
        subscription: &case.subscription.key,
        scope: reports(),
        epoch: case.domain.epoch(),
    };
    let (request, _) = node.request(&keys, &mut case.rng).unwrap();
    let query = case.query(&request);
    let answer = case.proof(query.query()).answer;
    assert_eq!(case.decide(&query, &answer), Err(AuthorizationError::Seal(SealError::PublicKey)));
}

#[test]
fn a_signed_proof_is_about_one_shared_part_however_it_is_sealed() {
    let mut case = case();
    let (request, _) = case.request();
    let (message, _) = shared(case.query(&request).query());
    let digest = Digest::of(&[&message.shared]);
    let mut prove = |about: Digest| {
        let credential = case.subscription.credential.clone().into();
        let proof = ProofOfSubscription { credential, shared: about };
        let domain = &case.domain.bundle.domain;
        let signed = cose::sign(&proof, domain, &[], &KeyHint::None, &case.subscription.key).unwrap();
        let purpose = Purpose { kind: Kind::Proof, recipient: "mef", context: &digest.0 };
        let sealed = seal::seal(&case.domain.mef.sealing.sealing_key(), &purpose, signed, &mut case.rng).unwrap().0;
        let query = ProofQuery { proof: sealed.into(), ..message.clone() };
        let query = cose::sign_by(&query, domain, &case.domain.aa.signing).unwrap();
        case.domain.mef_authorization().answer(&query, START, &case.domain.mef_log).map(|_| ()).map_err(|r| r.cause)
    };
    assert_eq!(prove(digest), Ok(()));
    assert_eq!(prove(Digest([1; 32])), Err(AuthorizationError::OtherShared));
}
