//! The node's side.

use rand_core::CryptoRng;

use super::{
    Challenge, DebugStatus, EnrolmentError, EnrolmentReply, EnrolmentRequest, EnrolmentStatus, Evidence, Measurements,
    SubscriptionPossession,
};
use crate::aif::Scope;
use crate::bundle::{Authority, IssuerError, Role, TrustBundle};
use crate::clock_floor::ClockFloor;
use crate::cose::{self, KeyHint, Signed};
use crate::credential::{Confirmation, InitialCredential, SubscriptionCredential};
use crate::identity::{AuthorityId, Digest, Seconds};
use crate::keys::{PublicKey, Signer};
use crate::seal::{self, Kind, Purpose, ReplyKey};

/// What a node enrols with.
pub struct EnrolmentNode<'a, D, S> {
    /// The installed bundle.
    pub bundle: &'a TrustBundle,
    /// Which MEF to enrol with.
    pub enrolment_function: &'a AuthorityId,
    /// The signed initial credential.
    pub initial_credential: &'a [u8],
    /// Holds the device key.
    pub device: &'a D,
    /// Holds a new key that was made for this enrolment.
    pub subscription: &'a S,
    /// What to ask for.
    pub wanted: Scope,
    /// Host binary, policies, components.
    pub measurements: Measurements,
    /// How often the node has started.
    pub boots: u64,
    /// Whether someone can look into it.
    pub debug: DebugStatus,
}

/// A request is on its way.
#[derive(Debug)]
pub struct AwaitingEnrolment {
    request: Digest,
    reply_key: ReplyKey,
    enrolment_function: AuthorityId,
    subscription: PublicKey,
    wanted: Scope,
    challenge_time: Seconds,
}

/// What enrolment gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The signed subscription credential.
    pub credential: Vec<u8>,
    /// Its claims.
    pub claims: SubscriptionCredential,
    /// The AAs that may be asked.
    pub authorities: Vec<AuthorityId>,
    /// The newest trust bundle; where it is newer than the installed one, fetch it.
    pub bundle_version: u64,
    /// The authenticated time.
    pub time: Seconds,
}

impl<D: Signer, S: Signer> EnrolmentNode<'_, D, S> {
    /// Answers a challenge with a sealed request.
    ///
    /// # Errors
    /// [`EnrolmentError`], in the order MEF known, signature, name, time not before the floor, keys.
    pub fn answer(
        self,
        challenge: &[u8],
        floor: &ClockFloor,
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, AwaitingEnrolment), EnrolmentError> {
        let function = self.function()?;
        let signed = Signed::<Challenge>::decode(challenge).map_err(IssuerError::from)?;
        let (challenge, signer) = self.bundle.verify(signed, Role::Enrolment)?;
        if challenge.issuer != *self.enrolment_function || signer.id != *self.enrolment_function {
            return Err(EnrolmentError::OtherFunction(challenge.issuer));
        }
        floor.clone().raise_time(challenge.time)?;
        let request = self.request(&challenge, rng)?;
        let purpose = Purpose { kind: Kind::Enrolment, recipient: self.enrolment_function.as_str(), context: &[] };
        let (sealed, reply_key) = seal::seal(&self.bundle.sealing_key(function)?, &purpose, request, rng)?;
        let awaiting = AwaitingEnrolment {
            request: Digest::of(&[&sealed]),
            reply_key,
            enrolment_function: self.enrolment_function.clone(),
            subscription: self.subscription.public_key(),
            wanted: self.wanted,
            challenge_time: challenge.time,
        };
        Ok((sealed, awaiting))
    }

    fn function(&self) -> Result<&Authority, EnrolmentError> {
        let function = self.bundle.authority(Role::Enrolment, self.enrolment_function);
        function.ok_or_else(|| EnrolmentError::UnknownFunction(self.enrolment_function.clone()))
    }

    fn request(&self, challenge: &Challenge, rng: &mut impl CryptoRng) -> Result<Vec<u8>, EnrolmentError> {
        let domain = &self.bundle.domain;
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let possession = SubscriptionPossession {
            initial_credential: InitialCredential::digest(self.initial_credential),
            enrolment_function: self.enrolment_function.clone(),
            challenge: challenge.challenge,
            nonce,
            confirmation: Confirmation(self.subscription.public_key()),
        };
        let evidence = Evidence {
            nonce: challenge.challenge,
            debug: self.debug,
            boots: self.boots,
            measurements: self.measurements.clone(),
        };
        let request = EnrolmentRequest {
            enrolment_function: self.enrolment_function.clone(),
            challenge: challenge.challenge,
            nonce,
            initial_credential: self.initial_credential.to_vec().into(),
            evidence,
            wanted: self.wanted.clone(),
            possession: cose::sign(&possession, domain, &[], &KeyHint::None, self.subscription)?.into(),
        };
        Ok(cose::sign_by(&request, domain, self.device)?)
    }
}

impl AwaitingEnrolment {
    /// Takes the reply and raises the floor. A reply that is refused changes nothing: the right one may still come.
    ///
    /// # Errors
    /// [`EnrolmentError`], in the order seal, signature, name, request, status, credential, schedule, time, epoch.
    pub fn finish(
        &self,
        reply: &[u8],
        bundle: &TrustBundle,
        floor: &mut ClockFloor,
    ) -> Result<Enrolled, EnrolmentError> {
        let reply = self.reply_key.open(Kind::Enrolment, reply)?;
        let signed = Signed::<EnrolmentReply>::decode(&reply).map_err(IssuerError::from)?;
        let (reply, signer) = bundle.verify(signed, Role::Enrolment)?;
        if signer.id != self.enrolment_function {
            return Err(EnrolmentError::OtherFunction(signer.id.clone()));
        }
        if reply.request != self.request {
            return Err(EnrolmentError::OtherRequest);
        }
        let credential = match (reply.status, reply.credential) {
            (EnrolmentStatus::Granted, Some(credential)) => credential,
            (EnrolmentStatus::Granted, None) | (_, Some(_)) => return Err(EnrolmentError::StatusContradiction),
            (refusal, None) => return Err(EnrolmentError::Refused(refusal)),
        };
        let claims = self.checked(SubscriptionCredential::verify(&credential, bundle, reply.time)?)?;
        if reply.bundle_version == bundle.version && reply.schedule != bundle.schedule {
            return Err(EnrolmentError::Schedule);
        }
        let mut raised = floor.clone();
        raised.raise_time(self.challenge_time)?;
        raised.raise_time(reply.time)?;
        raised.raise_epoch(reply.epoch)?;
        *floor = raised;
        Ok(Enrolled {
            credential: credential.0,
            claims,
            authorities: reply.authorities,
            bundle_version: reply.bundle_version,
            time: reply.time,
        })
    }

    fn checked(&self, claims: SubscriptionCredential) -> Result<SubscriptionCredential, EnrolmentError> {
        if claims.issuer != self.enrolment_function {
            return Err(EnrolmentError::OtherFunction(claims.issuer));
        }
        if claims.confirmation.0 != self.subscription {
            return Err(EnrolmentError::OtherKey);
        }
        if claims.scope.within(&self.wanted) { Ok(claims) } else { Err(EnrolmentError::ScopeBeyondRequest) }
    }
}
