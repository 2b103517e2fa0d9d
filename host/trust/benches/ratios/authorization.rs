//! A request for 24 certificates at AA and MEF, against the bare cryptographic operations in it.

use std::hint::black_box;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem};
use m2m_trust::authorization::{AuthorizationReceived, Grant, ProofReceived};
use m2m_trust::dev::{DevDomain, RepeatableRng, START};
use m2m_trust::identity::Slot;
use m2m_trust::seal::Suite;

use crate::figure::Figure;
use crate::paired::{Effort, Plan, measure};
use crate::reports;

const CERTIFICATES: usize = 24;
const PER_SLOT: usize = 4;
/// Possession of each key, query at the MEF, credential, proof, answer at the AA.
const VERIFICATIONS: usize = CERTIFICATES + 4;
/// Each certificate, query, answer, reply.
const SIGNATURES: usize = CERTIFICATES + 3;
/// Request at the AA, proof at the MEF; each X-Wing.
const OPENED: usize = 2;
/// Each certificate; X25519 with a new key and an agreement.
const SEALED: usize = CERTIFICATES;
const AT_LEAST: f64 = 0.5;

pub(crate) fn figure(effort: Effort) -> Figure {
    let plan = Plan::new(effort, 12, 1);
    let mut domain = DevDomain::new("authorization", Suite::XWing);
    let mut node = domain.node();
    let subscription = domain.enrol(&mut node, reports(), 96);
    let first = domain.slot().0;
    let slots: Vec<_> = (0..CERTIFICATES).map(|index| Slot(first + (index / PER_SLOT) as u32)).collect();
    let pseudonyms = domain.pseudonyms(&slots);
    let (request, awaiting) = domain.request(&subscription, &pseudonyms, reports());
    let mut rng = RepeatableRng::new("certificates");
    let mut bare = Bare::new();
    let reply = handle(&domain, &request, &mut rng);
    let recipients: Vec<_> = pseudonyms.into_iter().map(|pseudonym| pseudonym.recipient).collect();
    let certificates = awaiting.finish(&reply, &domain.bundle, &recipients).expect("a good reply");
    assert_eq!(certificates.len(), CERTIFICATES);
    let measured = measure(
        plan,
        |_| bare.operations(),
        |_| {
            black_box(handle(&domain, &request, &mut rng));
        },
    );
    Figure::Ratio { name: format!("request for {CERTIFICATES} certificates, AA and MEF"), at_least: AT_LEAST, measured }
}

/// From the request to the reply. Nothing is committed, so the same request is new each time.
fn handle(domain: &DevDomain, request: &[u8], rng: &mut RepeatableRng) -> Vec<u8> {
    let (aa, mef) = (domain.aa_authorization(), domain.mef_authorization());
    let received = aa.receive(request, START, &domain.aa_log).expect("a good request");
    let AuthorizationReceived::Query(query) = received else { panic!("the request is new") };
    let answered = mef.answer(query.query(), START, &domain.mef_log).expect("a good query");
    let ProofReceived::Granted(proof) = answered else { panic!("the query is new") };
    aa.decide(&query, &proof.answer, Grant::default(), rng).expect("a good answer").reply
}

/// Keys that are already decoded, and messages of a certificate's size.
struct Bare {
    rng: RepeatableRng,
    signing: SigningKey,
    verifying: VerifyingKey,
    message: [u8; 256],
    signature: Signature,
    sealed_to: <XWing as Kem>::PrivateKey,
    encapsulated: <XWing as Kem>::EncappedKey,
    pseudonym: <X25519HkdfSha256 as Kem>::PublicKey,
}

impl Bare {
    fn new() -> Self {
        let mut rng = RepeatableRng::new("bare");
        let signing = SigningKey::from_bytes(&rng.bytes());
        let message = rng.bytes();
        let sealed_to = <XWing as Kem>::PrivateKey::from_bytes(&rng.bytes::<32>()).expect("32 bytes");
        let (_, encapsulated) =
            XWing::encap_with_rng(&XWing::sk_to_pk(&sealed_to), None, &mut rng).expect("a good key");
        let pseudonym = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&rng.bytes::<32>()).expect("32 bytes");
        let pseudonym = X25519HkdfSha256::sk_to_pk(&pseudonym);
        let (verifying, signature) = (signing.verifying_key(), signing.sign(&message));
        Self { rng, signing, verifying, message, signature, sealed_to, encapsulated, pseudonym }
    }

    fn operations(&mut self) {
        for _ in 0..VERIFICATIONS {
            black_box(self.verifying.verify_strict(&self.message, &self.signature)).expect("a good signature");
        }
        for _ in 0..SIGNATURES {
            black_box(self.signing.sign(black_box(&self.message)));
        }
        for _ in 0..OPENED {
            let secret = XWing::decap(&self.sealed_to, None, black_box(&self.encapsulated));
            assert!(black_box(secret).is_ok());
        }
        for _ in 0..SEALED {
            let secret = X25519HkdfSha256::encap_with_rng(&self.pseudonym, None, &mut self.rng);
            assert!(black_box(secret).is_ok());
        }
    }
}
