//! Enrolment with the MEF: one attempt, from the challenge to the subscription.

use std::time::Duration;

use m2m_secure_environment::trust::SigningKey;
use m2m_trust::bundle::{IssuerError, TrustBundle};
use m2m_trust::clock_floor::FloorError;
use m2m_trust::cose::Message;
use m2m_trust::enrolment::{
    AwaitingEnrolment, Challenge, DebugStatus, Enrolled, EnrolmentError, EnrolmentNode, EnrolmentStatus,
};
use m2m_trust::identity::Seconds;
use m2m_trust::seal::SEALED_BYTES_MAX;
use std::sync::atomic::Ordering;

use crate::back_off::jitter;
use crate::clock;
use crate::error::ProvisioningError;
use crate::http::{self, Body};
use crate::journal::Step;
use crate::keys::SUBSCRIPTION;
use crate::provisioning::{Inner, lock};
use crate::state::Subscription;

/// How often the same request is sent in one attempt: the reply may be lost, and the authority gives the same one again.
const SENDS: u32 = 3;
/// Between two of these.
const RESEND: Duration = Duration::from_secs(2);

/// What an enrolment gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The operations that the subscription allows and the node wants, as in `metering/report`.
    pub operations: Vec<String>,
    /// The first second in which it no longer holds.
    pub until: Seconds,
    /// Certificates in an epoch.
    pub quota: u32,
}

impl Inner {
    /// Whether it is time to enrol, given that there is an initialization.
    pub(crate) fn enrolment_is_due(&self) -> bool {
        let renew_at = {
            let memory = self.memory();
            if memory.claims.is_none() || memory.subscription_refused {
                return true;
            }
            memory.state().subscription.as_ref().map_or(0, |subscription| subscription.renew_at)
        };
        match self.now() {
            Ok(now) => now.seconds().0 >= renew_at,
            // Only an authority's word can help; a clock that is behind must be set.
            Err(FloorError::NeverSynchronised | FloorError::ClockAhead { .. }) => true,
            Err(_) => false,
        }
    }

    /// An attempt when it is due and the back-off over.
    pub(crate) async fn enrol_if_due(&self) {
        if self.bundle().is_none() || !self.enrolment_is_due() || !lock(&self.mef_back_off).is_over() {
            return;
        }
        self.facts().enrolling = true;
        let outcome = self.enrol(&mut |step| tracing::debug!("enrolment: {step}")).await;
        let mut back_off = lock(&self.mef_back_off);
        let waits = match outcome {
            Ok(_) if self.enrolment_is_due() => {
                // The clock is wrong by months: another enrolment would not change that soon.
                back_off.refused();
                None
            }
            Ok(_) => {
                back_off.succeeded();
                None
            }
            Err(error @ ProvisioningError::Enrolment(EnrolmentError::Refused(_)))
            | Err(error @ ProvisioningError::NothingToObtain(_)) => {
                back_off.refused();
                Some(error)
            }
            Err(error) => {
                back_off.failed(retry_after(&error));
                Some(error)
            }
        };
        let again = back_off.remaining().as_secs();
        drop(back_off);
        if let Some(error) = &waits {
            tracing::warn!("enrolment: {error}; again in {again} s");
        }
        let mef = &self.section.mef.id.0;
        self.facts().waits.enrolment =
            waits.map(|error| format!("enrolment function `{mef}`: {error}; it is asked again in {again} s"));
    }

    /// One attempt.
    pub(crate) async fn enrol(&self, progress: &mut (dyn FnMut(&str) + Send)) -> Result<Subscribed, ProvisioningError> {
        let _dialogue = self.dialogue.lock().await;
        let bundle = self.bundle().ok_or(ProvisioningError::NotInitialized)?;
        let outcome = self.enrol_under(&bundle, progress).await;
        if outcome.is_err() {
            let unknown_key =
                matches!(&outcome, Err(ProvisioningError::Enrolment(EnrolmentError::Issuer(IssuerError::Unknown(_)))));
            if unknown_key {
                self.bundle_wanted.store(true, Ordering::Relaxed);
            }
            // The key that was made for this attempt.
            self.memory().destroy_unneeded(&self.keys)?;
        }
        outcome
    }

    async fn enrol_under(
        &self,
        bundle: &TrustBundle,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Subscribed, ProvisioningError> {
        let mef = &self.section.mef;
        self.record(&Step::Enrolling)?;
        progress(&format!("asks enrolment function `{}` for a challenge", mef.id.0));
        let url = format!("{}/enrolment/challenge", mef.url);
        let challenge = http::post(&url, Body::Cose(Vec::new()), Challenge::SIZE_MAX).await;
        let challenge = challenge.map_err(|cause| self.mef_error(cause))?;
        progress("makes a subscription key and answers the challenge");
        let key = self.memory().new_key(SUBSCRIPTION);
        let subscription = self.keys.make_subscription(&key)?;
        let (request, awaiting) = self.answer(&challenge, bundle, &subscription)?;
        let (enrolled, floor_epoch) = self.exchange(&request, &awaiting, bundle, progress).await?;
        progress("keeps the subscription");
        self.keep(key, enrolled, floor_epoch, bundle)
    }

    fn answer(
        &self,
        challenge: &[u8],
        bundle: &TrustBundle,
        subscription: &SigningKey,
    ) -> Result<(Vec<u8>, AwaitingEnrolment), ProvisioningError> {
        let wanted = self.wanted(bundle);
        if wanted.is_empty() {
            let names: Vec<_> = self.section.obtain.iter().map(|name| format!("`{name}`")).collect();
            return Err(ProvisioningError::NothingToObtain(names.join(", ")));
        }
        let initialization = self.initialization().ok_or(ProvisioningError::NotInitialized)?;
        let device = self.keys.device()?.ok_or(ProvisioningError::NoDeviceKey)?;
        let node = EnrolmentNode {
            bundle,
            enrolment_function: &self.section.mef.id.0,
            initial_credential: &initialization.credential,
            device: &device,
            subscription,
            wanted,
            measurements: self.measurements.clone(),
            boots: self.memory().state().boots,
            // Nothing keeps others of the node's user from looking into its process.
            debug: DebugStatus::Enabled,
        };
        let floor = self.standing.read().floor.clone();
        Ok(node.answer(challenge, &floor, &mut clock::rng())?)
    }

    /// Sends the request, the same bytes again where no acceptable reply comes.
    async fn exchange(
        &self,
        request: &[u8],
        awaiting: &AwaitingEnrolment,
        bundle: &TrustBundle,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Enrolled, m2m_trust::identity::Epoch), ProvisioningError> {
        let url = format!("{}/enrolment", self.section.mef.url);
        let mut sends = 0;
        loop {
            sends += 1;
            progress("sends the request");
            let reply = http::post(&url, Body::Cbor(request.to_vec()), SEALED_BYTES_MAX).await;
            let rejected = reply.as_ref().is_err_and(http::HttpError::is_rejection);
            let outcome = reply.map_err(|cause| self.mef_error(cause)).and_then(|reply| {
                let mut floor = self.standing.read().floor.clone();
                let enrolled = awaiting.finish(&reply, bundle, &mut floor)?;
                Ok((enrolled, floor.epoch))
            });
            match outcome {
                Err(error @ ProvisioningError::Enrolment(EnrolmentError::Refused(status))) => {
                    if status == EnrolmentStatus::Blocked {
                        self.record(&Step::Blocked)?;
                    }
                    return Err(error);
                }
                Err(error) if sends < SENDS && !rejected => {
                    tracing::debug!("enrolment: {error}; the request is sent again");
                    tokio::time::sleep(RESEND / 4 + jitter(RESEND)).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn keep(
        &self,
        key: String,
        enrolled: Enrolled,
        epoch: m2m_trust::identity::Epoch,
        bundle: &TrustBundle,
    ) -> Result<Subscribed, ProvisioningError> {
        let claims = enrolled.claims;
        self.record(&Step::Enrolled { until: claims.expires.0 })?;
        let subscription = Subscription {
            key,
            credential: enrolled.credential.into(),
            time: enrolled.time.0,
            epoch: epoch.0,
            bundle_version: enrolled.bundle_version,
            renew_at: renewal(enrolled.time, claims.expires),
        };
        self.remember(|state| {
            state.subscription = Some(subscription);
            state.enrolments = state.enrolments.saturating_add(1);
        })?;
        self.subscribed(claims.clone(), bundle);
        // A second refusal in a row is not answered by asking at once again.
        if self.memory().refusals <= 1 {
            lock(&self.aa_back_off).succeeded();
        }
        self.raise_time(enrolled.time, epoch)?;
        if enrolled.bundle_version > bundle.version {
            self.bundle_wanted.store(true, Ordering::Relaxed);
        }
        self.memory().destroy_unneeded(&self.keys)?;
        self.wake.notify_one();
        let scope = self.wanted(bundle).intersection(&claims.scope);
        let names = scope.operations().filter_map(|(service, operation)| bundle.operation_name(service, operation));
        Ok(Subscribed { operations: names.collect(), until: claims.expires, quota: claims.quota })
    }

    fn mef_error(&self, cause: http::HttpError) -> ProvisioningError {
        ProvisioningError::Http { authority: self.section.mef.id.0.to_string(), cause }
    }
}

/// What the other side asked for.
pub(crate) fn retry_after(error: &ProvisioningError) -> Option<Duration> {
    match error {
        ProvisioningError::Http { cause, .. } => cause.retry_after(),
        _ => None,
    }
}

/// Between 60 and 80 % of the term, so that nodes that were enrolled together do not come back together.
fn renewal(time: Seconds, expires: Seconds) -> u64 {
    let term = expires.0.saturating_sub(time.0);
    time.0.saturating_add(term / 5 * 3).saturating_add(clock::below(term / 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_comes_well_before_the_end() {
        for _ in 0..50 {
            let at = renewal(Seconds(1_000), Seconds(2_000));
            assert!((1_600..1_800).contains(&at), "{at}");
        }
    }
}
