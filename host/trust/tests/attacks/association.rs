use std::sync::Arc;

use m2m_trust::association::*;
use m2m_trust::certificate::{CertificateError, Receiver};
use m2m_trust::codec;
use m2m_trust::dev::{DevDomain, DevPseudonym, NoiseKeyInMemory, RepeatableRng, START, SealedKey, services};
use m2m_trust::identity::TrustDomain;
use m2m_trust::keys::{Agreement, AgreementKey, KeyUnavailable};
use m2m_trust::revocation::Revocations;
use zeroize::Zeroizing;

use crate::support::{alarms, domain, metering, receiver, reports};

struct Case {
    domain: DevDomain,
    client: DevPseudonym,
    server: DevPseudonym,
    revocations: Revocations,
    rng: RepeatableRng,
}

fn case() -> Case {
    let mut domain = domain();
    let (client, server) = (domain.pseudonym(metering()), domain.pseudonym(reports()));
    Case { domain, client, server, revocations: Revocations::default(), rng: RepeatableRng::new("case") }
}

impl Case {
    fn receiver(&self) -> Receiver<'_> {
        receiver(&self.domain.bundle, &self.revocations)
    }

    fn target<'a>(&self, peer: &'a DevPseudonym) -> Target<'a> {
        Target {
            certificate: &peer.certificate.certificate,
            service: services::METERING,
            operation: services::command(),
        }
    }

    fn initiate(&mut self) -> (Vec<u8>, AwaitingAnswer) {
        let receiver = receiver(&self.domain.bundle, &self.revocations);
        let (target, now) = (self.target(&self.server), self.domain.now(0));
        initiate(&self.client.own(), &target, &receiver, now, &mut self.rng).unwrap()
    }

    fn respond(&mut self, opening: &[u8]) -> Result<(Vec<u8>, AwaitingConfirmation), AssociationError> {
        let own = self.server.own();
        self.respond_as(opening, &own)
    }

    fn respond_as(
        &mut self,
        opening: &[u8],
        own: &OwnPseudonym,
    ) -> Result<(Vec<u8>, AwaitingConfirmation), AssociationError> {
        let receiver = receiver(&self.domain.bundle, &self.revocations);
        respond(&Opening::decode(opening)?, own, &receiver, self.domain.now(0))
    }

    fn answered(&self, state: AwaitingAnswer, answer: &[u8]) -> Result<(Vec<u8>, Association), AssociationError> {
        state.answered(answer, &self.receiver(), self.domain.now(0))
    }

    fn confirmed(&self, state: AwaitingConfirmation, confirmation: &[u8]) -> Result<Association, AssociationError> {
        state.confirmed(confirmation, &self.receiver(), self.domain.now(0))
    }

    fn associate(&mut self) -> (Association, Association) {
        let (opening, initiator) = self.initiate();
        let (answer, responder) = self.respond(&opening).unwrap();
        let (confirmation, client) = self.answered(initiator, &answer).unwrap();
        let server = self.confirmed(responder, &confirmation).unwrap();
        (client, server)
    }
}

/// Says one key and uses another.
struct Posing {
    claimed: AgreementKey,
    used: SealedKey,
}

impl Posing {
    fn noise(claimed: &DevPseudonym, used: &DevPseudonym) -> Arc<dyn NoiseKey> {
        let claimed = claimed.certificate.certificate.agreement_key();
        let posing = Self { claimed, used: used.agreement.clone() };
        Arc::new(NoiseKeyInMemory::new(Arc::new(posing), RepeatableRng::new("posing")))
    }
}

impl Agreement for Posing {
    fn public_key(&self) -> AgreementKey {
        self.claimed
    }

    fn agree(&self, peer: &AgreementKey) -> Result<Zeroizing<[u8; 32]>, KeyUnavailable> {
        self.used.agree(peer)
    }
}

#[test]
fn both_sides_know_each_other_and_messages_go_both_ways() {
    let mut case = case();
    let (mut client, mut server) = case.associate();
    assert_eq!(client.handshake_hash(), server.handshake_hash());
    assert_eq!(client.peer().digest(), case.server.certificate.certificate.digest());
    assert_eq!(server.peer().digest(), case.client.certificate.certificate.digest());
    let now = case.domain.now(0);
    for round in 0..3_u8 {
        let message = client.seal(&[round; 40], now).unwrap();
        assert_eq!(server.open(&message, now).unwrap(), [round; 40]);
        let message = server.seal(&[round; 50], now).unwrap();
        assert_eq!(client.open(&message, now).unwrap(), [round; 50]);
    }
}

#[test]
fn lengths_fall_into_buckets() {
    let mut case = case();
    let (mut client, _) = case.associate();
    let now = case.domain.now(0);
    let length = |client: &mut Association, size: usize| client.seal(&vec![0; size], now).unwrap().len();
    let short = length(&mut client, 0);
    assert_eq!(length(&mut client, 63), short);
    assert!(length(&mut client, 64) > short);
    assert!(matches!(client.seal(&[0; 65_024], now), Err(AssociationError::Padding(_))));
}

#[test]
fn a_message_counts_once_in_either_order_and_unchanged() {
    let mut case = case();
    let (mut client, mut server) = case.associate();
    let now = case.domain.now(0);
    let [first, second] = [client.seal(b"1", now).unwrap(), client.seal(b"2", now).unwrap()];
    assert_eq!(server.open(&second, now).unwrap(), b"2");
    assert_eq!(server.open(&first, now).unwrap(), b"1");
    assert_eq!(server.open(&first, now), Err(AssociationError::Replay(0)));
    // Back to who sent it.
    assert_eq!(client.open(&first, now), Err(AssociationError::NotAuthentic));
    let mut changed = client.seal(b"3", now).unwrap();
    let intact = changed.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(server.open(&changed, now), Err(AssociationError::NotAuthentic));
    assert_eq!(server.open(&intact, now).unwrap(), b"3", "a forgery uses nothing up");
    let mut cut = client.seal(b"4", now).unwrap();
    cut.pop();
    assert!(matches!(server.open(&cut, now), Err(AssociationError::Malformed(_))));
    let (mut other, _) = case.associate();
    let elsewhere = other.seal(b"5", now).unwrap();
    assert_eq!(server.open(&elsewhere, now), Err(AssociationError::OtherAssociation));
}

#[test]
fn an_association_ends_with_certificate_or_pseudonym_and_is_renewed_by_the_hour() {
    let mut case = case();
    let (mut client, mut server) = case.associate();
    let last = case.domain.now(3_600_000_000 - 1);
    let message = client.seal(b"last", last).unwrap();
    assert!(server.open(&message, last).is_ok());
    let over = case.domain.now(3_600_000_000);
    let end = START.plus(3600);
    assert_eq!(client.seal(b"", over), Err(AssociationError::Ended(end)));
    let (mut client, mut server) = case.associate();
    let now = case.domain.now(5_000_000);
    let message = client.seal(b"", now).unwrap();
    server.end(now.seconds());
    assert_eq!(server.open(&message, now), Err(AssociationError::Ended(now.seconds())));
    client.end(now.seconds());
    assert_eq!(client.seal(b"", now), Err(AssociationError::Ended(now.seconds())));
}

#[test]
fn after_a_million_messages_a_new_one_is_due() {
    let mut case = case();
    let (mut client, _) = case.associate();
    let now = case.domain.now(0);
    for _ in 0..MESSAGES_MAX {
        client.seal(b"", now).unwrap();
    }
    assert_eq!(client.seal(b"", now), Err(AssociationError::RenewalDue));
}

#[test]
fn only_the_addressed_certificate_answers() {
    let mut case = case();
    let (opening, _) = case.initiate();
    let other = case.domain.pseudonym(reports());
    let addressed = case.server.certificate.certificate.key_id();
    let refused = case.respond_as(&opening, &other.own()).map(|_| ());
    assert_eq!(refused, Err(AssociationError::NotAddressed(addressed)));
    // Another node rewrites the opening to itself: the prologue differs.
    let (opening, initiator) = case.initiate();
    let mut rewritten = Opening::decode(&opening).unwrap();
    rewritten.addressed = other.certificate.certificate.key_id();
    let (answer, _) = case.respond_as(&codec::encode(&rewritten), &other.own()).unwrap();
    assert_eq!(case.answered(initiator, &answer).map(|_| ()), Err(AssociationError::Handshake));
}

#[test]
fn service_operation_domain_and_id_are_bound() {
    let mut case = case();
    let attempts: [fn(&mut Opening); 2] =
        [|opening| opening.operation = services::report(), |opening| opening.id = AssociationId([0; 8])];
    for change in attempts {
        let (opening, initiator) = case.initiate();
        let mut changed = Opening::decode(&opening).unwrap();
        let id = changed.id;
        change(&mut changed);
        let (answer, _) = case.respond(&codec::encode(&changed)).unwrap();
        let refused = case.answered(initiator, &answer).map(|_| ());
        let expected = if changed.id == id { AssociationError::Handshake } else { AssociationError::OtherAssociation };
        assert_eq!(refused, Err(expected));
    }
    let (opening, initiator) = case.initiate();
    let domain = std::mem::replace(&mut case.domain.bundle.domain, TrustDomain([7; 16]));
    let (answer, _) = case.respond(&opening).unwrap();
    case.domain.bundle.domain = domain;
    assert_eq!(case.answered(initiator, &answer).map(|_| ()), Err(AssociationError::Handshake));
}

#[test]
fn rights_are_needed_on_both_sides() {
    let mut case = case();
    // A client whose certificate does not allow the operation, but who opens all the same.
    let weak = case.domain.pseudonym(reports());
    let receiver = receiver(&case.domain.bundle, &case.revocations);
    let now = case.domain.now(0);
    let target = case.target(&case.server);
    let refused = initiate(&weak.own(), &target, &receiver, now, &mut case.rng).map(|_| ());
    assert_eq!(refused, Err(AssociationError::NotAuthorized));
    let posing = Target { operation: services::report(), ..target };
    let (opening, initiator) = initiate(&weak.own(), &posing, &receiver, now, &mut case.rng).unwrap();
    let (answer, responder) = case.respond(&opening).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    assert!(case.confirmed(responder, &confirmation).is_ok(), "what it may do, it may");
    // A server whose certificate is for another service.
    let alarm = case.domain.pseudonym(alarms());
    let receiver = crate::support::receiver(&case.domain.bundle, &case.revocations);
    let target = case.target(&alarm);
    let refused = initiate(&case.client.own(), &target, &receiver, now, &mut case.rng).map(|_| ());
    assert_eq!(refused, Err(AssociationError::NotAuthorized));
}

#[test]
fn a_certificate_is_worth_nothing_without_its_agreement_key() {
    // Unknown key share: a node shows a victim's certificate with its own key.
    let mut case = case();
    let thief = case.domain.pseudonym(metering());
    let victim = case.client.certificate.clone();
    let own = OwnPseudonym { certificate: victim, noise: thief.own().noise };
    let receiver = receiver(&case.domain.bundle, &case.revocations);
    let (target, now) = (case.target(&case.server), case.domain.now(0));
    let (opening, initiator) = initiate(&own, &target, &receiver, now, &mut case.rng).unwrap();
    let (answer, responder) = case.respond(&opening).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    assert_eq!(case.confirmed(responder, &confirmation).map(|_| ()), Err(AssociationError::KeyMismatch));
    // And claims the victim's key as its static key, which it cannot use.
    let noise = Posing::noise(&case.client, &thief);
    let own = OwnPseudonym { certificate: case.client.certificate.clone(), noise };
    let receiver = crate::support::receiver(&case.domain.bundle, &case.revocations);
    let (opening, initiator) = initiate(&own, &case.target(&case.server), &receiver, now, &mut case.rng).unwrap();
    let (answer, responder) = case.respond(&opening).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    assert_eq!(case.confirmed(responder, &confirmation).map(|_| ()), Err(AssociationError::Handshake));
}

#[test]
fn who_has_a_nodes_own_key_cannot_pose_as_its_peer() {
    // Key-compromise impersonation: the attacker has the client's agreement key and answers in the server's name.
    let mut case = case();
    let (opening, initiator) = case.initiate();
    let noise = Posing::noise(&case.server, &case.client);
    let own = OwnPseudonym { certificate: case.server.certificate.clone(), noise };
    let (answer, _) = case.respond_as(&opening, &own).unwrap();
    assert_eq!(case.answered(initiator, &answer).map(|_| ()), Err(AssociationError::Handshake));
    // The other way round: it has the server's key and opens in the client's name.
    let noise = Posing::noise(&case.client, &case.server);
    let own = OwnPseudonym { certificate: case.client.certificate.clone(), noise };
    let receiver = receiver(&case.domain.bundle, &case.revocations);
    let (target, now) = (case.target(&case.server), case.domain.now(0));
    let (opening, initiator) = initiate(&own, &target, &receiver, now, &mut case.rng).unwrap();
    let (answer, responder) = case.respond(&opening).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    assert_eq!(case.confirmed(responder, &confirmation).map(|_| ()), Err(AssociationError::Handshake));
}

#[test]
fn a_replayed_opening_leads_nowhere() {
    let mut case = case();
    let (opening, initiator) = case.initiate();
    let (answer, _) = case.respond(&opening).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    let (_, again) = case.respond(&opening).unwrap();
    assert_eq!(case.confirmed(again, &confirmation).map(|_| ()), Err(AssociationError::Handshake));
}

#[test]
fn the_initiator_does_not_talk_to_itself() {
    let mut case = case();
    let target = case.target(&case.client);
    let receiver = receiver(&case.domain.bundle, &case.revocations);
    let now = case.domain.now(0);
    let (opening, initiator) = initiate(&case.client.own(), &target, &receiver, now, &mut case.rng).unwrap();
    let own = case.client.own();
    let (answer, responder) = case.respond_as(&opening, &own).unwrap();
    let (confirmation, _) = case.answered(initiator, &answer).unwrap();
    assert_eq!(case.confirmed(responder, &confirmation).map(|_| ()), Err(AssociationError::Reflection));
}

#[test]
fn truncated_and_reordered_handshakes_fail() {
    let mut case = case();
    let (opening, initiator) = case.initiate();
    assert!(matches!(case.respond(&opening[..opening.len() - 1]).map(|_| ()), Err(AssociationError::Malformed(_))));
    let (answer, responder) = case.respond(&opening).unwrap();
    assert!(matches!(case.confirmed(responder, &answer).map(|_| ()), Err(AssociationError::Malformed(_))));
    assert!(matches!(case.answered(initiator, &opening).map(|_| ()), Err(AssociationError::Malformed(_))));
}

#[test]
fn a_low_order_key_gives_no_secret() {
    let mut case = case();
    let (opening, _) = case.initiate();
    let mut value: ciborium::Value = ciborium::from_reader(opening.as_slice()).unwrap();
    let noise = value.as_array_mut().unwrap().last_mut().unwrap();
    *noise = ciborium::Value::Bytes(vec![0; 32]);
    let mut zeroed = Vec::new();
    ciborium::into_writer(&value, &mut zeroed).unwrap();
    assert_eq!(case.respond(&zeroed).map(|_| ()), Err(AssociationError::Agreement));
    // The same in message 2, where it meets the initiator's ephemeral key.
    let (opening, initiator) = case.initiate();
    let (answer, _) = case.respond(&opening).unwrap();
    let zeroed = with_noise(&answer, &[0; 400]);
    assert_eq!(case.answered(initiator, &zeroed).map(|_| ()), Err(AssociationError::Agreement));
}

#[test]
fn expired_and_revoked_peers_are_refused() {
    let mut case = case();
    let late = case.domain.now(3_600_000_000);
    let receiver = receiver(&case.domain.bundle, &case.revocations);
    let target = case.target(&case.server);
    let refused = initiate(&case.client.own(), &target, &receiver, late, &mut case.rng).map(|_| ());
    let end = START.plus(3600);
    let expired = CertificateError::Expired { expires: end, now: end };
    assert_eq!(refused, Err(AssociationError::Certificate(expired)));
}

#[test]
fn states_move_between_threads() {
    fn check<T: Send>() {}
    check::<AwaitingAnswer>();
    check::<AwaitingConfirmation>();
    check::<Association>();
}

/// The packet with other bytes where Noise's are.
fn with_noise(packet: &[u8], noise: &[u8]) -> Vec<u8> {
    let mut value: ciborium::Value = ciborium::from_reader(packet).unwrap();
    *value.as_array_mut().unwrap().last_mut().unwrap() = ciborium::Value::Bytes(noise.to_vec());
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).unwrap();
    bytes
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    #[test]
    fn random_noise_of_any_length_is_refused(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..700)) {
        static CASE: std::sync::OnceLock<std::sync::Mutex<Case>> = std::sync::OnceLock::new();
        let mut case = CASE.get_or_init(|| std::sync::Mutex::new(case())).lock().unwrap();
        let now = case.domain.now(0);
        let (opening, initiator) = case.initiate();
        // 32 bytes that are some public key are a good message 1.
        if noise.len() != 32 {
            proptest::prop_assert!(case.respond(&with_noise(&opening, &noise)).is_err());
        }
        let (answer, responder) = case.respond(&opening).unwrap();
        proptest::prop_assert!(case.answered(initiator, &with_noise(&answer, &noise)).is_err());
        proptest::prop_assert!(case.confirmed(responder, &with_noise(&answer, &noise)).is_err());
        let (mut client, mut server) = case.associate();
        let message = client.seal(b"1", now).unwrap();
        proptest::prop_assert!(server.open(&with_noise(&message, &noise), now).is_err());
    }
}
