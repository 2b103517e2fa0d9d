//! The AA's side. It never learns who asks.

use std::collections::HashMap;

use rand_core::CryptoRng;

use super::request_checks::{check_count, check_epoch, check_keys};
use super::{
    AuthorizationError, AuthorizationReply, AuthorizationRequest, AuthorizationStatus, CertifiedKey, ProofAnswer,
    ProofQuery, SharedPart,
};
use crate::aif::Scope;
use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::certificate::CertificateClaims;
use crate::codec::{self, Bytes};
use crate::cose::{self, Signed};
use crate::credential::Confirmation;
use crate::identity::{AuthorityId, Digest, Epoch, Region, Seconds, Slot};
use crate::keys::Signer;
use crate::linkage::{Linkage, LinkageSeed};
use crate::seal::{self, Kind, Purpose, Recipient, ReplyKey, SEALED_BYTES_MAX, SealingKey, Suite};

/// What the AA's store is asked. What it must remember comes back as an [`AuthorizationOutcome`], to be committed in one
/// transaction before the reply is sent; one that finds the nonce used meanwhile is an [`AuthorizationError::Replay`].
pub trait AuthorizationLog {
    /// The reply that was given to exactly this sealed request.
    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>>;
    /// Whether a decided request of the epoch had this nonce.
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool;
}

/// An AA with its keys.
pub struct AaAuthorization<'a, S, R> {
    /// Its name.
    pub id: &'a AuthorityId,
    /// The bundle that it works under.
    pub bundle: &'a TrustBundle,
    /// Holds its signing key.
    pub signer: &'a S,
    /// Holds its sealing key.
    pub recipient: &'a R,
}

/// What came in.
#[derive(Debug)]
pub enum AuthorizationReceived {
    /// A request that was decided before: its reply again.
    Repeated(Vec<u8>),
    /// A verified request, to be asked about at the MEF.
    Query(Box<AwaitingProof>),
}

/// A request whose subscription the MEF has to confirm.
#[derive(Debug)]
pub struct AwaitingProof {
    query: Vec<u8>,
    shared: SharedPart,
    shared_digest: Digest,
    keys: Vec<CertifiedKey>,
    request: Digest,
    reply_key: ReplyKey,
}

/// What the AA puts into certificates on its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// Where they count.
    pub region: Option<Region>,
    /// The assurance level of their holders.
    pub assurance: Option<u8>,
}

/// What must be committed together. No part of it says who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationOutcome {
    /// The reply to send, and to send again.
    pub reply: Vec<u8>,
    /// The request that it answers.
    pub request: Digest,
    /// Whose nonce is used.
    pub epoch: Epoch,
    /// The nonce.
    pub nonce: [u8; 16],
    /// The MEF that vouched.
    pub enrolment_function: AuthorityId,
    /// Hash of the shared part, which the MEF has in its log too.
    pub shared: Digest,
    /// What was issued; `None` for a refusal.
    pub batch: Option<Batch>,
}

/// What revoking a batch needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The seed of the first slot.
    pub seed: LinkageSeed,
    /// The last slot; the batch can be forgotten after it.
    pub last_slot: Slot,
    /// Certificates have numbers below this in each slot.
    pub numbers: u32,
    /// Hashes of the certificates, by which an order names the batch.
    pub certificates: Vec<Digest>,
}

impl<S: Signer, R: Recipient> AaAuthorization<'_, S, R> {
    /// Opens and verifies a request.
    ///
    /// # Errors
    /// [`AuthorizationError`], in the order seal, encoding, addressee, MEF, epoch, count, service, own right, nonce,
    /// commitment, duplicates, slots, possession.
    pub fn receive(
        &self,
        request: &[u8],
        now: Seconds,
        log: &impl AuthorizationLog,
    ) -> Result<AuthorizationReceived, AuthorizationError> {
        let digest = Digest::of(&[request]);
        if let Some(reply) = log.stored_reply(&digest) {
            return Ok(AuthorizationReceived::Repeated(reply));
        }
        let purpose = Purpose { kind: Kind::Authorization, recipient: self.id.as_str(), context: &[] };
        let (content, reply_key) = seal::open(request, &purpose, self.recipient)?;
        let request: AuthorizationRequest = codec::decode(&content, SEALED_BYTES_MAX, "authorization request")?;
        let shared: SharedPart = codec::decode(&request.shared, SharedPart::SIZE_MAX, "shared part")?;
        self.check_shared(&request, &shared, now, log)?;
        let keys = check_keys(&request, &shared, self.bundle, now)?;
        let shared_digest = Digest::of(&[&request.shared]);
        let query = ProofQuery { shared: request.shared, proof: request.proof };
        let query = cose::sign_by(&query, &self.bundle.domain, self.signer)?;
        let awaiting = AwaitingProof { query, shared, shared_digest, keys, request: digest, reply_key };
        Ok(AuthorizationReceived::Query(Box::new(awaiting)))
    }

    fn check_shared(
        &self,
        request: &AuthorizationRequest,
        shared: &SharedPart,
        now: Seconds,
        log: &impl AuthorizationLog,
    ) -> Result<(), AuthorizationError> {
        if shared.authority != *self.id {
            return Err(AuthorizationError::OtherAuthority(shared.authority.clone()));
        }
        if self.bundle.authority(Role::Enrolment, &shared.enrolment_function).is_none() {
            return Err(AuthorizationError::OtherFunction(shared.enrolment_function.clone()));
        }
        check_epoch(shared, &self.bundle.schedule, now)?;
        check_count(request, shared)?;
        if shared.scope.services().count() != 1 {
            return Err(AuthorizationError::Services);
        }
        if !shared.scope.within(&self.right()) {
            return Err(AuthorizationError::ScopeBeyondAuthority);
        }
        if log.nonce_seen(shared.epoch, &shared.nonce) {
            return Err(AuthorizationError::Replay);
        }
        Ok(())
    }

    fn right(&self) -> Scope {
        let own = self.bundle.authority(Role::Authorization, self.id);
        own.and_then(|own| own.scope.clone()).unwrap_or_default()
    }

    /// Takes the MEF's answer and issues, or passes on its refusal.
    ///
    /// # Errors
    /// [`AuthorizationError`], in the order signature, MEF, shared part, fit; then keys that cannot be sealed to.
    pub fn decide(
        &self,
        awaiting: &AwaitingProof,
        answer: &[u8],
        grant: Grant,
        rng: &mut impl CryptoRng,
    ) -> Result<AuthorizationOutcome, AuthorizationError> {
        let signed = Signed::<ProofAnswer>::decode(answer).map_err(IssuerError::from)?;
        let (answer, function) = self.bundle.verify(signed, Role::Enrolment)?;
        if function.id != awaiting.shared.enrolment_function {
            return Err(AuthorizationError::OtherFunction(function.id.clone()));
        }
        if answer.shared != awaiting.shared_digest {
            return Err(AuthorizationError::OtherShared);
        }
        if answer.status != AuthorizationStatus::Granted {
            return self.outcome(awaiting, answer.status, Vec::new(), None, rng);
        }
        let fits = answer.scope.within(&awaiting.shared.scope) && answer.count == awaiting.shared.count;
        if !fits || answer.scope.is_empty() {
            return Err(AuthorizationError::AnswerContradiction);
        }
        let (certificates, batch) = self.issue(awaiting, &answer.scope, grant, rng)?;
        self.outcome(awaiting, AuthorizationStatus::Granted, certificates, Some(batch), rng)
    }

    fn issue(
        &self,
        awaiting: &AwaitingProof,
        scope: &Scope,
        grant: Grant,
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<Bytes>, Batch), AuthorizationError> {
        let slots = || awaiting.keys.iter().map(|key| key.slot);
        let (first_slot, last_slot) = (slots().min().unwrap_or_default(), slots().max().unwrap_or_default());
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let seed = LinkageSeed::new(first_slot, seed);
        let mut seeds: HashMap<Slot, (LinkageSeed, u32)> = HashMap::new();
        let (mut sealed, mut certificates) = (Vec::new(), Vec::new());
        for key in &awaiting.keys {
            let (slot_seed, number) =
                seeds.entry(key.slot).or_insert_with(|| (seed.at(key.slot).unwrap_or_else(|| seed.clone()), 0));
            let linkage = Linkage { slot: key.slot, value: slot_seed.value(*number) };
            *number += 1;
            let claims = self.claims(key, scope, linkage, grant);
            let certificate = claims.issue(&self.bundle.domain, self.signer)?;
            certificates.push(Digest::of(&[&certificate]));
            let recipient = SealingKey::new(Suite::X25519, key.agreement.0.to_vec())?;
            let purpose = Purpose { kind: Kind::Certificate, recipient: "", context: &[] };
            sealed.push(seal::seal(&recipient, &purpose, certificate, rng)?.0.into());
        }
        let numbers = seeds.values().map(|(_, number)| *number).max().unwrap_or_default();
        Ok((sealed, Batch { seed, last_slot, numbers, certificates }))
    }

    fn claims(&self, key: &CertifiedKey, scope: &Scope, linkage: Linkage, grant: Grant) -> CertificateClaims {
        let (not_before, expires) = self.bundle.schedule.window(key.slot);
        CertificateClaims {
            expires,
            not_before,
            confirmation: Confirmation(key.signing),
            scope: scope.clone(),
            agreement_key: key.agreement,
            linkage,
            region: grant.region,
            assurance: grant.assurance,
        }
    }

    fn outcome(
        &self,
        awaiting: &AwaitingProof,
        status: AuthorizationStatus,
        certificates: Vec<Bytes>,
        batch: Option<Batch>,
        rng: &mut impl CryptoRng,
    ) -> Result<AuthorizationOutcome, AuthorizationError> {
        let reply = AuthorizationReply { request: awaiting.request, status, certificates };
        let signed = cose::sign_by(&reply, &self.bundle.domain, self.signer)?;
        Ok(AuthorizationOutcome {
            reply: awaiting.reply_key.seal(Kind::Authorization, signed, rng)?,
            request: awaiting.request,
            epoch: awaiting.shared.epoch,
            nonce: awaiting.shared.nonce,
            enrolment_function: awaiting.shared.enrolment_function.clone(),
            shared: awaiting.shared_digest,
            batch,
        })
    }
}

impl AwaitingProof {
    /// The signed [`ProofQuery`] to send to the MEF.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        &self.query
    }

    /// The MEF to ask.
    #[must_use]
    pub fn enrolment_function(&self) -> &AuthorityId {
        &self.shared.enrolment_function
    }
}
