//! The MEF's side. It never learns which keys are certified.

use super::request_checks::check_epoch;
use super::{AuthorizationError, AuthorizationStatus, ProofAnswer, ProofOfSubscription, ProofQuery, SharedPart};
use crate::aif::Scope;
use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::codec;
use crate::cose::{self, Signed};
use crate::credential::{CredentialId, SubscriptionCredential};
use crate::identity::{AuthorityId, Digest, Epoch, Seconds};
use crate::keys::Signer;
use crate::seal::{self, Kind, Purpose, Recipient};

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Good,
    /// It was blocked on an MA's order.
    Blocked,
    /// No such credential was issued.
    Unknown,
}

/// What the MEF's store is asked. What it must remember comes back as a [`ProofOutcome`], to be committed in one transaction
/// that checks nonce and quota again.
pub trait SubscriptionLog {
    /// The answer that was given to exactly this query.
    fn stored_answer(&self, query: &Digest) -> Option<Vec<u8>>;
    /// How the subscription stands.
    fn standing(&self, id: &CredentialId) -> Standing;
    /// Whether a decided request of the epoch had this nonce.
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> bool;
    /// How many certificates were granted in the epoch.
    fn used(&self, id: &CredentialId, epoch: Epoch) -> u32;
}

/// An MEF with its keys.
pub struct MefAuthorization<'a, S, R> {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofReceived {
    /// A query that was answered before: its answer again.
    Repeated(Vec<u8>),
    /// A grant to commit and send.
    Granted(ProofOutcome),
}

/// What must be committed together. No part of it says for which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofOutcome {
    /// The answer to send, and to send again.
    pub answer: Vec<u8>,
    /// The query that it answers.
    pub query: Digest,
    /// Hash of the shared part, by which the AA asks for a block.
    pub shared: Digest,
    /// Whose quota is used.
    pub subscription: CredentialId,
    /// In which epoch.
    pub epoch: Epoch,
    /// How much of it.
    pub count: u32,
    /// The nonce that is used.
    pub nonce: [u8; 16],
}

/// A query that is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct ProofRefusal {
    /// Why, for the log.
    pub cause: AuthorizationError,
    /// The signed refusal for the AA; none where the query itself is not believed.
    pub answer: Option<Vec<u8>>,
}

impl<S: Signer, R: Recipient> MefAuthorization<'_, S, R> {
    /// Answers a query.
    ///
    /// # Errors
    /// [`ProofRefusal`], in the order encoding, AA's signature and role, AA and MEF named in the shared part, epoch, seal of
    /// the proof, credential, subscription key's signature, shared part, standing, scope, nonce, quota.
    pub fn answer(
        &self,
        query: &[u8],
        now: Seconds,
        log: &impl SubscriptionLog,
    ) -> Result<ProofReceived, Box<ProofRefusal>> {
        let digest = Digest::of(&[query]);
        if let Some(answer) = log.stored_answer(&digest) {
            return Ok(ProofReceived::Repeated(answer));
        }
        let silent = |cause| Box::new(ProofRefusal { cause, answer: None });
        let (query, shared) = self.believed(query, now).map_err(silent)?;
        let shared_digest = Digest::of(&[&query.shared]);
        self.granted(&query, &shared, shared_digest, digest, now, log).map(ProofReceived::Granted).map_err(|cause| {
            let refusal = |status| self.signed(shared_digest, status, Scope::empty(), 0).ok();
            let answer = cause.status().and_then(refusal);
            Box::new(ProofRefusal { cause, answer })
        })
    }

    /// A query that came from the AA which it names, to this MEF.
    fn believed(&self, query: &[u8], now: Seconds) -> Result<(ProofQuery, SharedPart), AuthorizationError> {
        let signed = Signed::<ProofQuery>::decode(query).map_err(IssuerError::from)?;
        let (query, authority) = self.bundle.verify(signed, Role::Authorization)?;
        let shared: SharedPart = codec::decode(&query.shared, SharedPart::SIZE_MAX, "shared part")?;
        if shared.authority != authority.id {
            return Err(AuthorizationError::OtherAuthority(shared.authority));
        }
        if shared.enrolment_function != *self.id {
            return Err(AuthorizationError::OtherFunction(shared.enrolment_function));
        }
        check_epoch(&shared, &self.bundle.schedule, now)?;
        Ok((query, shared))
    }

    fn granted(
        &self,
        query: &ProofQuery,
        shared: &SharedPart,
        shared_digest: Digest,
        query_digest: Digest,
        now: Seconds,
        log: &impl SubscriptionLog,
    ) -> Result<ProofOutcome, AuthorizationError> {
        let subscription = self.subscription(query, shared_digest, now)?;
        match log.standing(&subscription.id) {
            Standing::Good => {}
            Standing::Blocked => return Err(AuthorizationError::SubscriptionBlocked),
            Standing::Unknown => return Err(AuthorizationError::SubscriptionUnknown),
        }
        if !shared.scope.within(&subscription.scope) {
            return Err(AuthorizationError::ScopeBeyondSubscription);
        }
        if log.nonce_seen(shared.epoch, &shared.nonce) {
            return Err(AuthorizationError::Replay);
        }
        let left = subscription.quota.saturating_sub(log.used(&subscription.id, shared.epoch));
        if shared.count > left {
            return Err(AuthorizationError::Quota { asked: shared.count, left });
        }
        let (scope, count) = (shared.scope.clone(), shared.count);
        Ok(ProofOutcome {
            answer: self.signed(shared_digest, AuthorizationStatus::Granted, scope, count)?,
            query: query_digest,
            shared: shared_digest,
            subscription: subscription.id,
            epoch: shared.epoch,
            count,
            nonce: shared.nonce,
        })
    }

    /// The subscription whose key signed the proof for this shared part.
    fn subscription(
        &self,
        query: &ProofQuery,
        shared: Digest,
        now: Seconds,
    ) -> Result<SubscriptionCredential, AuthorizationError> {
        let purpose = Purpose { kind: Kind::Proof, recipient: self.id.as_str(), context: &shared.0 };
        let (proof, _) = seal::open(&query.proof, &purpose, self.recipient)?;
        let signed = Signed::<ProofOfSubscription>::decode(&proof).map_err(AuthorizationError::Proof)?;
        let credential = SubscriptionCredential::verify(&signed.unverified().credential, self.bundle, now)?;
        if credential.issuer != *self.id {
            return Err(AuthorizationError::OtherFunction(credential.issuer));
        }
        let key = credential.confirmation.0;
        let proof = signed.verify(&self.bundle.domain, &[], &key).map_err(AuthorizationError::Proof)?;
        if proof.shared == shared { Ok(credential) } else { Err(AuthorizationError::OtherShared) }
    }

    fn signed(
        &self,
        shared: Digest,
        status: AuthorizationStatus,
        scope: Scope,
        count: u32,
    ) -> Result<Vec<u8>, AuthorizationError> {
        let answer = ProofAnswer { shared, status, scope, count };
        Ok(cose::sign_by(&answer, &self.bundle.domain, self.signer)?)
    }
}
