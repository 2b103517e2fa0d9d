//! Takes up what is installed: from the state folder at the start, and whenever something new comes.

use std::sync::Arc;

use m2m_trust::aif::Scope;
use m2m_trust::bundle::TrustBundle;
use m2m_trust::certificate::Certificate;
use m2m_trust::credential::SubscriptionCredential;
use m2m_trust::identity::{Epoch, Seconds};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::Signer;

use crate::error::ProvisioningError;
use crate::provisioning::{INITIALIZATION_FILE, Inner};

impl Inner {
    /// Takes up a verified initialization, or one with a newer bundle in it.
    pub(crate) fn adopt(&self, initialization: Initialization, bundle: TrustBundle) -> Result<(), ProvisioningError> {
        *crate::provisioning::lock(&self.initialization) = Some(Arc::new(initialization));
        self.facts().waits.initialization = None;
        self.standing.write().bundle = Some(Arc::new(bundle));
        self.restore_subscription()?;
        self.drop_unacceptable()
    }

    /// Takes up what the state folder has.
    pub(crate) fn restore(&self) -> Result<(), ProvisioningError> {
        let none = || "an initialization: `m2m-host init` writes what the manufacturer needs for one".to_owned();
        self.facts().waits.initialization = Some(none());
        let Some(content) = self.files.read(INITIALIZATION_FILE)? else { return Ok(()) };
        let Some(device) = self.keys.device()? else { return Ok(()) };
        let verified = self.raise_floor(|floor| {
            let initialization = Initialization::decode(&content)?;
            let (bundle, _) = initialization.verify(&device.public_key(), floor)?;
            Ok::<_, ProvisioningError>((initialization, bundle))
        });
        match verified {
            Ok((initialization, bundle)) => self.adopt(initialization, bundle),
            Err(error @ ProvisioningError::Initialization(_)) => {
                let waits =
                    format!("another initialization, by `m2m-host init`: the installed one is refused: {error}");
                tracing::error!("`{INITIALIZATION_FILE}`: {error}");
                self.facts().waits.initialization = Some(waits);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// What the subscription says under the present bundle. The floor is raised again: a cut may have come before that.
    fn restore_subscription(&self) -> Result<(), ProvisioningError> {
        let Some(bundle) = self.bundle() else { return Ok(()) };
        let Some(subscription) = self.memory().state().subscription.clone() else { return Ok(()) };
        let (time, epoch) = (Seconds(subscription.time), Epoch(subscription.epoch));
        match SubscriptionCredential::verify(&subscription.credential, &bundle, time) {
            Ok(claims) => {
                self.subscribed(claims, &bundle);
                self.raise_time(time, epoch)
            }
            Err(error) => {
                tracing::warn!("the subscription is not acceptable any more, the node enrols again: {error}");
                self.memory().claims = None;
                let mut facts = self.facts();
                (facts.scope, facts.subscribed_until) = (None, None);
                Ok(())
            }
        }
    }

    /// Takes up the claims of a subscription.
    pub(crate) fn subscribed(&self, claims: SubscriptionCredential, bundle: &TrustBundle) {
        let scope = self.wanted(bundle).intersection(&claims.scope);
        let until = claims.expires;
        {
            let mut memory = self.memory();
            memory.claims = Some(claims);
            memory.subscription_refused = false;
        }
        let mut facts = self.facts();
        (facts.scope, facts.subscribed_until) = (Some(scope), Some(until));
    }

    /// What `obtain` lists, as far as the trust domain has it.
    pub(crate) fn wanted(&self, bundle: &TrustBundle) -> Scope {
        let numbers = self.section.obtain.iter().filter_map(|name| bundle.operation(name.as_str()));
        numbers.fold(Scope::empty(), |scope, (service, operation)| scope.with(service, operation))
    }

    /// Gives up certificates that the present bundle or a revocation list does not let count.
    pub(crate) fn drop_unacceptable(&self) -> Result<(), ProvisioningError> {
        let Some(bundle) = self.bundle() else { return Ok(()) };
        let revocations = self.standing.read().revocations.clone();
        let counts = |encoded: &[u8]| {
            Certificate::verify(encoded, &bundle).is_ok_and(|certificate| {
                !revocations.is_revoked(certificate.issuer(), &certificate.claims().linkage, &certificate.digest())
            })
        };
        let bad = self.memory().state().held.iter().any(|held| !counts(&held.certificate));
        if bad {
            self.remember(|state| state.held.retain(|held| counts(&held.certificate)))?;
        }
        self.standing.write().active.retain(|_, active| counts(&active.certificate.encoded));
        Ok(())
    }
}
