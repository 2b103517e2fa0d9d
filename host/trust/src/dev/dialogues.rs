//! Whole dialogues between the nodes and authorities of a sample domain.

use std::sync::Arc;

use super::domain::{DevDomain, DevNode, DevPseudonym, DevSubscription, START, signing_key};
use super::{NoiseKeyInMemory, RepeatableRng, SealedKey, SigningKey};
use crate::aif::Scope;
use crate::authorization::{
    AaAuthorization, AuthorizationNode, AuthorizationReceived, AwaitingAuthorization, Grant, MefAuthorization,
    ProofReceived, Pseudonym,
};
use crate::credential::SUBSCRIPTION_SECONDS;
use crate::enrolment::{DebugStatus, EnrolmentNode, EnrolmentReceived, Measurement, Measurements, MefEnrolment, Terms};
use crate::identity::{Digest, Seconds, Slot};
use crate::seal::Suite;

impl DevDomain {
    /// The MEF for enrolment.
    #[must_use]
    pub fn mef_enrolment(&self) -> MefEnrolment<'_, SigningKey, SealedKey> {
        let Self { bundle, mef, .. } = self;
        MefEnrolment { id: &mef.id, bundle, signer: &mef.signing, recipient: &mef.sealing }
    }

    /// The MEF for authorization.
    #[must_use]
    pub fn mef_authorization(&self) -> MefAuthorization<'_, SigningKey, SealedKey> {
        let Self { bundle, mef, .. } = self;
        MefAuthorization { id: &mef.id, bundle, signer: &mef.signing, recipient: &mef.sealing }
    }

    /// The AA.
    #[must_use]
    pub fn aa_authorization(&self) -> AaAuthorization<'_, SigningKey, SealedKey> {
        let Self { bundle, aa, .. } = self;
        AaAuthorization { id: &aa.id, bundle, signer: &aa.signing, recipient: &aa.sealing }
    }

    /// A challenge, remembered.
    pub fn challenge(&mut self, now: Seconds) -> Vec<u8> {
        let mut rng = RepeatableRng::new(&format!("{:?}", self.rng.bytes::<16>()));
        let (challenge, message) = self.mef_enrolment().challenge(now, &mut rng).expect("keys in memory sign");
        self.mef_log.challenges.insert(challenge, now);
        message
    }

    /// A node's side of an enrolment, with a new subscription key.
    #[must_use]
    pub fn enrolment_node<'a>(
        &'a self,
        node: &'a DevNode,
        subscription: &'a SigningKey,
        wanted: Scope,
    ) -> EnrolmentNode<'a, SigningKey, SigningKey> {
        let host = Measurement { name: "host".to_owned(), digest: Digest::of(&[b"host binary"]) };
        EnrolmentNode {
            bundle: &self.bundle,
            enrolment_function: &self.mef.id,
            initial_credential: &node.initial_credential,
            device: &node.device,
            subscription,
            wanted,
            measurements: Measurements(vec![host]),
            boots: 1,
            debug: DebugStatus::Disabled,
        }
    }

    /// A new signing key.
    pub fn signing_key(&mut self) -> SigningKey {
        signing_key(&mut self.rng)
    }

    /// A whole enrolment that grants what is wanted.
    pub fn enrol(&mut self, node: &mut DevNode, wanted: Scope, quota: u32) -> DevSubscription {
        let key = self.signing_key();
        let challenge = self.challenge(START);
        let mut rng = RepeatableRng::new(&format!("{:?}", self.rng.bytes::<16>()));
        let answer = self.enrolment_node(node, &key, wanted.clone()).answer(&challenge, &node.floor, &mut rng);
        let (request, awaiting) = answer.expect("the challenge is acceptable");
        let received = self.mef_enrolment().receive(&request, START, &self.mef_log).expect("the request is acceptable");
        let EnrolmentReceived::Application(application) = received else { unreachable!("a new request") };
        let authorities = vec![self.aa.id.clone(), self.other_aa.id.clone()];
        let terms = Terms { scope: wanted, quota, seconds: SUBSCRIPTION_SECONDS, authorities };
        let outcome = self.mef_enrolment().grant(&application, &terms, START, &mut rng).expect("keys in memory sign");
        self.mef_log.enrolled(&outcome);
        let enrolled = awaiting.finish(&outcome.reply, &self.bundle, &mut node.floor).expect("the reply is acceptable");
        DevSubscription { key, credential: enrolled.credential, claims: enrolled.claims }
    }

    /// New keys for these slots.
    pub fn pseudonyms(&mut self, slots: &[Slot]) -> Vec<Pseudonym<SigningKey, SealedKey>> {
        let rng = &mut self.rng;
        let pseudonym = |slot: &Slot| Pseudonym {
            slot: *slot,
            signer: signing_key(rng),
            recipient: SealedKey::from_seed(Suite::X25519, rng.bytes()).expect("32 bytes"),
        };
        slots.iter().map(pseudonym).collect()
    }

    /// A request to the AA.
    pub fn request(
        &mut self,
        subscription: &DevSubscription,
        pseudonyms: &[Pseudonym<SigningKey, SealedKey>],
        scope: Scope,
    ) -> (Vec<u8>, AwaitingAuthorization) {
        let mut rng = RepeatableRng::new(&format!("{:?}", self.rng.bytes::<16>()));
        let node = AuthorizationNode {
            bundle: &self.bundle,
            authority: &self.aa.id,
            enrolment_function: &self.mef.id,
            subscription_credential: &subscription.credential,
            subscription: &subscription.key,
            scope,
            epoch: self.epoch(),
        };
        node.request(pseudonyms, &mut rng).expect("keys in memory sign")
    }

    /// A whole authorization that grants what is asked for.
    pub fn authorize(&mut self, subscription: &DevSubscription, slots: &[Slot], scope: Scope) -> Vec<DevPseudonym> {
        let pseudonyms = self.pseudonyms(slots);
        let (request, awaiting) = self.request(subscription, &pseudonyms, scope);
        let received = self.aa_authorization().receive(&request, START, &self.aa_log);
        let AuthorizationReceived::Query(query) = received.expect("the request is acceptable") else {
            unreachable!("a new request")
        };
        let answer = self.mef_authorization().answer(query.query(), START, &self.mef_log);
        let ProofReceived::Granted(proof) = answer.expect("the query is acceptable") else {
            unreachable!("a new query")
        };
        self.mef_log.proved(&proof);
        let mut rng = RepeatableRng::new(&format!("{:?}", self.rng.bytes::<16>()));
        let outcome = self.aa_authorization().decide(&query, &proof.answer, Grant::default(), &mut rng);
        let outcome = outcome.expect("the answer is acceptable");
        self.aa_log.authorized(&outcome);
        let (signers, agreements): (Vec<_>, Vec<_>) =
            pseudonyms.into_iter().map(|pseudonym| (pseudonym.signer, pseudonym.recipient)).unzip();
        let certificates = awaiting.finish(&outcome.reply, &self.bundle, &agreements);
        let certificates = certificates.expect("the reply is acceptable");
        let parts = signers.into_iter().zip(agreements).zip(certificates);
        let pseudonym = |((signer, agreement), certificate): ((_, SealedKey), _)| {
            let ephemeral = RepeatableRng::new(&format!("{:?}", self.rng.bytes::<16>()));
            let noise = Arc::new(NoiseKeyInMemory::new(Arc::new(agreement.clone()), ephemeral));
            DevPseudonym { signer, agreement, noise, certificate }
        };
        parts.map(pseudonym).collect()
    }

    /// One pseudonym for the present slot, of a node of its own.
    pub fn pseudonym(&mut self, scope: Scope) -> DevPseudonym {
        let mut node = self.node();
        let subscription = self.enrol(&mut node, scope.clone(), 100);
        let slot = self.slot();
        self.authorize(&subscription, &[slot], scope).pop().expect("one was asked for")
    }
}
