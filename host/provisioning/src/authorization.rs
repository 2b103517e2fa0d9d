//! Authorization with the AA: requests for certificates, and the replies to them.
//!
//! A request is kept before it is sent and sent unchanged until its reply is taken, over restarts too: the authority gives the same
//! bytes the same reply, so nothing is counted twice. The keys it asks certificates for are derived anew when the reply is there.

use std::sync::atomic::Ordering;

use m2m_secure_environment::Error as SeError;
use m2m_secure_environment::trust::{SealedKey, SigningKey};
use m2m_trust::aif::Scope;
use m2m_trust::authorization::{
    AuthorizationError, AuthorizationNode, AuthorizationStatus, AwaitingAuthorization, Pseudonym, PseudonymCertificate,
};
use m2m_trust::bundle::{IssuerError, Role, TrustBundle};
use m2m_trust::clock_floor::Now;
use m2m_trust::codec;
use m2m_trust::identity::{ServiceId, Slot};
use m2m_trust::pseudonym::Missing;
use m2m_trust::seal::SEALED_BYTES_MAX;

use crate::clock;
use crate::enrolment::retry_after;
use crate::error::ProvisioningError;
use crate::http::{self, Body};
use crate::journal::Step;
use crate::keys::{BATCH, Batch};
use crate::provisioning::{Inner, lock};
use crate::state::{HeldCertificate, PendingRequest};

/// After so many answers that are no reply to it, a request is given up: the authority has other keys than it is sealed to, or has
/// forgotten what it knew.
const REJECTIONS_MAX: u32 = 8;
const AWAITING_BYTES_MAX: usize = 65_536;

/// How a request ended.
pub(crate) enum Ended {
    /// With certificates.
    Granted,
    /// Without, and the back-off says when to go on.
    GivenUp,
}

impl Inner {
    /// What can be obtained: wanted, subscribed to, and the authority's to give.
    pub(crate) fn obtainable(&self, bundle: &TrustBundle) -> Option<Scope> {
        let scope = self.facts().scope.clone()?;
        let right = bundle.authority(Role::Authorization, &self.section.aa.id.0)?.scope.clone()?;
        Some(scope.intersection(&right))
    }

    /// Makes a request and keeps it. Nothing is sent yet.
    pub(crate) fn prepare(&self, missing: &Missing, bundle: &TrustBundle) -> Result<(), ProvisioningError> {
        let service = missing.service;
        let scope = of_service(&self.obtainable(bundle).unwrap_or_default(), service);
        let (batch, subscription) = {
            let mut memory = self.memory();
            let subscription = memory.state().subscription.clone().ok_or(ProvisioningError::NotInitialized)?;
            (memory.new_key(BATCH), subscription)
        };
        let key = self.keys.subscription(&subscription.key)?;
        let pseudonyms = pseudonyms(&self.keys.make_batch(&batch)?, &missing.slots)?;
        let node = AuthorizationNode {
            bundle,
            authority: &self.section.aa.id.0,
            enrolment_function: &self.section.mef.id.0,
            subscription_credential: &subscription.credential,
            subscription: &key,
            scope: scope.clone(),
            epoch: missing.epoch,
        };
        let (sealed, awaiting) = node.request(&pseudonyms, &mut clock::rng())?;
        let certificates = number(missing.slots.len());
        self.record(&Step::Authorizing { operation: names(&scope, bundle), certificates })?;
        let request = PendingRequest {
            batch,
            subscription: subscription.key,
            service: service.0,
            slots: missing.slots.iter().map(|slot| slot.0).collect(),
            sealed: sealed.into(),
            awaiting: codec::encode(&awaiting).into(),
            rejections: 0,
        };
        self.remember(|state| {
            state.requests.push(request);
            let used = state.used.entry(missing.epoch.0).or_default();
            *used = used.saturating_add(certificates);
        })
    }

    /// Sends a request, new or once more, and takes the reply.
    ///
    /// # Errors
    /// Where it stays on its way.
    pub(crate) async fn deliver(
        &self,
        request: &PendingRequest,
        bundle: &TrustBundle,
        now: Now,
    ) -> Result<Ended, ProvisioningError> {
        let aa = &self.section.aa;
        let url = format!("{}/authorization", aa.base(&aa.id.0));
        let reply = http::post(&url, Body::Cbor(request.sealed.to_vec()), SEALED_BYTES_MAX).await;
        let rejected = reply.as_ref().is_err_and(http::HttpError::is_rejection);
        let outcome = reply
            .map_err(|cause| ProvisioningError::Http { authority: aa.id.0.to_string(), cause })
            .and_then(|reply| self.open(request, &reply, bundle));
        let error = match outcome {
            Ok(certificates) => {
                self.put(request, &certificates, bundle)?;
                return Ok(Ended::Granted);
            }
            Err(error) => error,
        };
        match &error {
            ProvisioningError::Authorization(AuthorizationError::Refused(status)) => {
                self.refused(request, *status, bundle)?;
                return Ok(Ended::GivenUp);
            }
            ProvisioningError::Authorization(AuthorizationError::Issuer(IssuerError::Unknown(_))) => {
                self.bundle_wanted.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        let present = bundle.schedule.slot(now.seconds());
        let over = request.slots.iter().any(|&slot| slot < present.0);
        // Without its keys no reply can be opened.
        let keyless = matches!(error, ProvisioningError::SecureEnvironment(SeError::NotFound));
        let hopeless = keyless || rejected && (over || request.rejections.saturating_add(1) >= REJECTIONS_MAX);
        if hopeless {
            tracing::warn!("a request for certificates is given up: {error}");
            self.remember(|state| state.requests.retain(|held| held.batch != request.batch))?;
            lock(&self.aa_back_off).failed(retry_after(&error));
            return Ok(Ended::GivenUp);
        }
        if rejected {
            self.remember(|state| {
                let held = state.requests.iter_mut().find(|held| held.batch == request.batch);
                held.into_iter().for_each(|held| held.rejections = held.rejections.saturating_add(1));
            })?;
        }
        Err(error)
    }

    fn open(
        &self,
        request: &PendingRequest,
        reply: &[u8],
        bundle: &TrustBundle,
    ) -> Result<Vec<PseudonymCertificate>, ProvisioningError> {
        let awaiting: AwaitingAuthorization =
            codec::decode(&request.awaiting, AWAITING_BYTES_MAX, "request on its way")
                .map_err(AuthorizationError::from)?;
        let batch = self.keys.batch(&request.batch)?;
        let recipients = (0..number(request.slots.len())).map(|index| batch.recipient(index));
        let recipients: Vec<SealedKey> = recipients.collect::<Result<_, _>>()?;
        Ok(awaiting.finish(reply, bundle, &recipients)?)
    }

    fn put(
        &self,
        request: &PendingRequest,
        certificates: &[PseudonymCertificate],
        bundle: &TrustBundle,
    ) -> Result<(), ProvisioningError> {
        let scope = certificates.first().map(|first| first.certificate.scope().clone()).unwrap_or_default();
        self.record(&Step::Authorized { operation: names(&scope, bundle), certificates: number(certificates.len()) })?;
        let held =
            certificates.iter().zip(&request.slots).zip(0..).map(|((certificate, slot), index)| HeldCertificate {
                batch: request.batch.clone(),
                index,
                service: request.service,
                slot: *slot,
                certificate: certificate.encoded.clone().into(),
            });
        self.remember(|state| {
            state.requests.retain(|pending| pending.batch != request.batch);
            state.certificates = state.certificates.saturating_add(u64::from(number(certificates.len())));
            state.held.extend(held);
        })?;
        self.memory().refusals = 0;
        self.facts().wishes.remove(&ServiceId(request.service));
        Ok(())
    }

    /// The authorities' word that there will be no certificates for this request.
    fn refused(
        &self,
        request: &PendingRequest,
        status: AuthorizationStatus,
        bundle: &TrustBundle,
    ) -> Result<(), ProvisioningError> {
        let current = self.memory().state().subscription.as_ref().is_some_and(|held| held.key == request.subscription);
        if status == AuthorizationStatus::NotSubscribed && current {
            self.record(&Step::Blocked)?;
            let mut memory = self.memory();
            memory.subscription_refused = true;
            memory.refusals = memory.refusals.saturating_add(1);
        }
        let epoch = request.slots.first().map(|&slot| bundle.schedule.epoch(Slot(slot)));
        let quota = self.memory().claims.as_ref().map(|claims| claims.quota);
        self.remember(|state| {
            state.requests.retain(|held| held.batch != request.batch);
            if let (AuthorizationStatus::QuotaExhausted, Some(epoch), Some(quota)) = (status, epoch, quota) {
                state.used.insert(epoch.0, quota);
            }
        })?;
        let aa = &self.section.aa.id.0;
        let reason = match status {
            AuthorizationStatus::NotSubscribed => {
                "the subscription is blocked or unknown; the node enrols again".to_owned()
            }
            AuthorizationStatus::QuotaExhausted => "the quota of the epoch is used up".to_owned(),
            AuthorizationStatus::ScopeNotAllowed => "the subscription does not cover the service".to_owned(),
            other => format!("refused: {other:?}"),
        };
        tracing::warn!("authorization: {reason}");
        self.facts().waits.authorization = Some(format!("authorization authority `{aa}`: {reason}"));
        match status {
            // The plan keeps to the quota; a nonce that was used is not used again.
            AuthorizationStatus::QuotaExhausted | AuthorizationStatus::Replayed => lock(&self.aa_back_off).failed(None),
            // Made before the subscription was renewed.
            AuthorizationStatus::NotSubscribed if !current => lock(&self.aa_back_off).failed(None),
            _ => lock(&self.aa_back_off).refused(),
        }
        Ok(())
    }
}

fn pseudonyms(batch: &Batch, slots: &[Slot]) -> Result<Vec<Pseudonym<SigningKey, SealedKey>>, ProvisioningError> {
    let made = slots.iter().zip(0..).map(|(slot, index)| {
        Ok(Pseudonym { slot: *slot, signer: batch.signer(index)?, recipient: batch.recipient(index)? })
    });
    made.collect()
}

/// The part of a scope that is about one service.
fn of_service(scope: &Scope, service: ServiceId) -> Scope {
    let operations = scope.operations().filter(|(other, _)| *other == service);
    operations.fold(Scope::empty(), |scope, (service, operation)| scope.with(service, operation))
}

/// The operations of a scope, for people.
fn names(scope: &Scope, bundle: &TrustBundle) -> String {
    let names = scope.operations().filter_map(|(service, operation)| bundle.operation_name(service, operation));
    names.collect::<Vec<_>>().join(", ")
}

/// Requests have at most 192 keys.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
