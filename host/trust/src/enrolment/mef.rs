//! The MEF's side: what can be decided from the messages, and what its log must answer and remember.

use rand_core::CryptoRng;

use super::{
    CHALLENGE_SECONDS, Challenge, EnrolmentError, EnrolmentReply, EnrolmentRequest, EnrolmentStatus, Evidence,
    SubscriptionPossession,
};
use crate::aif::Scope;
use crate::bundle::{Role, TrustBundle};
use crate::cose::{self, KeyHint, Signed};
use crate::credential::{Confirmation, CredentialId, InitialCredential, SubscriptionCredential};
use crate::identity::{AuthorityId, Digest, Seconds};
use crate::keys::{PublicKey, Signer};
use crate::seal::{self, Kind, Purpose, Recipient, ReplyKey};

/// What the MEF's store is asked. What it must remember comes back as an [`EnrolmentOutcome`], to be committed in one
/// transaction before the reply is sent; a transaction that finds the challenge spent meanwhile is a
/// [`EnrolmentError::ChallengeSpent`].
pub trait EnrolmentLog {
    /// When the challenge was given; `None` when it never was.
    fn issued(&self, challenge: &[u8; 16]) -> Option<Seconds>;
    /// Whether a request under the challenge was decided.
    fn is_spent(&self, challenge: &[u8; 16]) -> bool;
    /// The reply that was given to exactly this sealed request.
    fn stored_reply(&self, request: &Digest) -> Option<Vec<u8>>;
}

/// An MEF with its keys.
pub struct MefEnrolment<'a, S, R> {
    /// Its name.
    pub id: &'a AuthorityId,
    /// The bundle that it publishes.
    pub bundle: &'a TrustBundle,
    /// Holds its signing key.
    pub signer: &'a S,
    /// Holds its sealing key.
    pub recipient: &'a R,
}

/// What came in.
#[derive(Debug)]
pub enum EnrolmentReceived {
    /// A request that was decided before: its reply again.
    Repeated(Vec<u8>),
    /// A request to decide.
    Application(Box<Application>),
}

/// A verified request that the MEF's policy has to decide.
#[derive(Debug)]
pub struct Application {
    /// Who asks: canonical identity and profile.
    pub initial_credential: InitialCredential,
    /// The state of the node.
    pub evidence: Evidence,
    /// What it asks for.
    pub wanted: Scope,
    subscription: PublicKey,
    challenge: [u8; 16],
    request: Digest,
    reply_key: ReplyKey,
}

/// What the policy grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Granted scope; what was not asked for is left out of the credential.
    pub scope: Scope,
    /// Certificates in an epoch.
    pub quota: u32,
    /// Length of the subscription in seconds.
    pub seconds: u64,
    /// The AAs that the node may ask.
    pub authorities: Vec<AuthorityId>,
}

/// What must be committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentOutcome {
    /// The reply to send, and to send again.
    pub reply: Vec<u8>,
    /// The request that it answers.
    pub request: Digest,
    /// The challenge that is spent.
    pub challenge: [u8; 16],
    /// The issued credential; `None` for a refusal.
    pub issued: Option<SubscriptionCredential>,
}

impl<S: Signer, R: Recipient> MefEnrolment<'_, S, R> {
    /// A new challenge, to be remembered with `now`, and its signed message.
    ///
    /// # Errors
    /// [`EnrolmentError::Key`].
    pub fn challenge(&self, now: Seconds, rng: &mut impl CryptoRng) -> Result<([u8; 16], Vec<u8>), EnrolmentError> {
        let mut challenge = [0; 16];
        rng.fill_bytes(&mut challenge);
        let message = Challenge { issuer: self.id.clone(), challenge, time: now };
        Ok((challenge, cose::sign_by(&message, &self.bundle.domain, self.signer)?))
    }

    /// Opens and verifies a request.
    ///
    /// # Errors
    /// [`EnrolmentError`], in the order seal, encoding, addressee, challenge, initial credential, device signature,
    /// evidence, proof of possession. The challenge stays unspent, so that a stranger who saw it cannot use it up.
    pub fn receive(
        &self,
        request: &[u8],
        now: Seconds,
        log: &impl EnrolmentLog,
    ) -> Result<EnrolmentReceived, EnrolmentError> {
        let digest = Digest::of(&[request]);
        if let Some(reply) = log.stored_reply(&digest) {
            return Ok(EnrolmentReceived::Repeated(reply));
        }
        let purpose = Purpose { kind: Kind::Enrolment, recipient: self.id.as_str(), context: &[] };
        let (content, reply_key) = seal::open(request, &purpose, self.recipient)?;
        let signed = Signed::<EnrolmentRequest>::decode(&content)?;
        if signed.unverified().enrolment_function != *self.id {
            return Err(EnrolmentError::OtherFunction(signed.unverified().enrolment_function.clone()));
        }
        check_challenge(&signed.unverified().challenge, now, log)?;
        let initial_credential = InitialCredential::verify(&signed.unverified().initial_credential, self.bundle)?;
        let device = initial_credential.confirmation.0;
        let request = signed.verify(&self.bundle.domain, &[], &device)?;
        if request.evidence.nonce != request.challenge {
            return Err(EnrolmentError::EvidenceNonce);
        }
        let subscription = self.possessed(&request)?;
        if subscription == device {
            return Err(EnrolmentError::KeyReused);
        }
        Ok(EnrolmentReceived::Application(Box::new(Application {
            initial_credential,
            evidence: request.evidence,
            wanted: request.wanted,
            subscription,
            challenge: request.challenge,
            request: digest,
            reply_key,
        })))
    }

    /// The new key, once its proof is verified.
    fn possessed(&self, request: &EnrolmentRequest) -> Result<PublicKey, EnrolmentError> {
        let signed =
            Signed::<SubscriptionPossession>::decode(&request.possession).map_err(EnrolmentError::Possession)?;
        if *signed.hint() != KeyHint::None {
            return Err(EnrolmentError::PossessionContext);
        }
        let key = signed.unverified().confirmation.0;
        let proof = signed.verify(&self.bundle.domain, &[], &key).map_err(EnrolmentError::Possession)?;
        let expected = SubscriptionPossession {
            initial_credential: InitialCredential::digest(&request.initial_credential),
            enrolment_function: self.id.clone(),
            challenge: request.challenge,
            nonce: request.nonce,
            confirmation: Confirmation(key),
        };
        if proof == expected { Ok(key) } else { Err(EnrolmentError::PossessionContext) }
    }

    /// Issues a subscription credential.
    ///
    /// # Errors
    /// [`EnrolmentError::Key`], [`EnrolmentError::Seal`].
    pub fn grant(
        &self,
        application: &Application,
        terms: &Terms,
        now: Seconds,
        rng: &mut impl CryptoRng,
    ) -> Result<EnrolmentOutcome, EnrolmentError> {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let credential = SubscriptionCredential {
            issuer: self.id.clone(),
            expires: now.plus(terms.seconds),
            not_before: now,
            id: CredentialId(id),
            confirmation: Confirmation(application.subscription),
            scope: terms.scope.intersection(&application.wanted),
            quota: terms.quota,
        };
        let signed = credential.issue(&self.bundle.domain, self.signer)?;
        let reply = self.reply(application, EnrolmentStatus::Granted, Some(signed), &terms.authorities, now);
        self.outcome(application, reply, Some(credential), rng)
    }

    /// Refuses, with the reason.
    ///
    /// # Errors
    /// [`EnrolmentError::Key`], [`EnrolmentError::Seal`]; [`EnrolmentError::StatusContradiction`] for `Granted`.
    pub fn refuse(
        &self,
        application: &Application,
        status: EnrolmentStatus,
        now: Seconds,
        rng: &mut impl CryptoRng,
    ) -> Result<EnrolmentOutcome, EnrolmentError> {
        if status == EnrolmentStatus::Granted {
            return Err(EnrolmentError::StatusContradiction);
        }
        let reply = self.reply(application, status, None, &[], now);
        self.outcome(application, reply, None, rng)
    }

    fn reply(
        &self,
        application: &Application,
        status: EnrolmentStatus,
        credential: Option<Vec<u8>>,
        authorities: &[AuthorityId],
        now: Seconds,
    ) -> EnrolmentReply {
        let known = |id: &&AuthorityId| self.bundle.authority(Role::Authorization, id).is_some();
        EnrolmentReply {
            request: application.request,
            status,
            credential: credential.map(Into::into),
            authorities: authorities.iter().filter(known).cloned().collect(),
            epoch: self.bundle.schedule.epoch_at(now),
            schedule: self.bundle.schedule,
            bundle_version: self.bundle.version,
            time: now,
        }
    }

    fn outcome(
        &self,
        application: &Application,
        reply: EnrolmentReply,
        issued: Option<SubscriptionCredential>,
        rng: &mut impl CryptoRng,
    ) -> Result<EnrolmentOutcome, EnrolmentError> {
        let signed = cose::sign_by(&reply, &self.bundle.domain, self.signer)?;
        let reply = application.reply_key.seal(Kind::Enrolment, signed, rng)?;
        Ok(EnrolmentOutcome { reply, request: application.request, challenge: application.challenge, issued })
    }
}

fn check_challenge(challenge: &[u8; 16], now: Seconds, log: &impl EnrolmentLog) -> Result<(), EnrolmentError> {
    let issued = log.issued(challenge).ok_or(EnrolmentError::ChallengeUnknown)?;
    if now < issued || now > issued.plus(CHALLENGE_SECONDS) {
        return Err(EnrolmentError::ChallengeExpired { issued, now });
    }
    if log.is_spent(challenge) { Err(EnrolmentError::ChallengeSpent) } else { Ok(()) }
}
