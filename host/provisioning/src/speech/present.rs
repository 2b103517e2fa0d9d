//! The standing of the node at one moment that its clock may tell.

use m2m_trust::aif::Operation;
use m2m_trust::association::OwnPseudonym;
use m2m_trust::bundle::TrustBundle;
use m2m_trust::certificate::{Certificate, Receiver};
use m2m_trust::clock_floor::{FloorError, Now};
use m2m_trust::identity::ServiceId;

use super::Unsent;
use crate::clock::Clock;
use crate::standing::{Active, Standing, Voice};

/// What everything is checked against.
#[derive(Clone, Copy)]
pub(super) struct Present<'a> {
    pub(super) standing: &'a Standing,
    pub(super) bundle: &'a TrustBundle,
    pub(super) now: Now,
}

/// Nothing can be checked.
pub(super) enum NoPresent {
    TrustBundle,
    Clock(FloorError),
}

/// What a message on a topic must have a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) service: ServiceId,
    pub(super) operation: Operation,
}

impl<'a> Present<'a> {
    pub(super) fn new(standing: &'a Standing, clock: &dyn Clock) -> Result<Self, NoPresent> {
        let bundle = standing.bundle.as_deref().ok_or(NoPresent::TrustBundle)?;
        let now = standing.floor.admit(clock.now()).map_err(NoPresent::Clock)?;
        Ok(Self { standing, bundle, now })
    }

    /// A present in which the node may speak.
    pub(super) fn speaking(standing: &'a Standing, clock: &dyn Clock) -> Result<Self, Unsent> {
        let present = Self::new(standing, clock)?;
        match standing.voice {
            Voice::Speaking => Ok(present),
            Voice::Draining => Err(Unsent::Silent { until: None }),
            Voice::Silent { until } => Err(Unsent::Silent { until: Some(until) }),
            Voice::NotAuthorized => Err(Unsent::NotAuthorized),
        }
    }

    pub(super) fn may_speak(&self) -> bool {
        self.standing.voice == Voice::Speaking
    }

    pub(super) fn may_finish(&self) -> bool {
        matches!(self.standing.voice, Voice::Speaking | Voice::Draining)
    }

    pub(super) fn receiver(&self) -> Receiver<'a> {
        Receiver { bundle: self.bundle, revocations: &self.standing.revocations, region: None }
    }

    /// Whether a certificate counts now.
    pub(super) fn counts(&self, certificate: &Certificate) -> bool {
        certificate.check(&self.receiver(), self.now).is_ok()
    }

    /// What a certificate allows, by name.
    pub(super) fn names(&self, certificate: &Certificate) -> Vec<String> {
        let operations = certificate.scope().operations();
        operations.filter_map(|(service, operation)| self.bundle.operation_name(service, operation)).collect()
    }
}

impl Right {
    /// The numbers of an operation such as `metering/report`; `None` where the bundle has none of that name.
    pub(super) fn named(operation: &str, bundle: &TrustBundle) -> Option<Self> {
        bundle.operation(operation).map(|(service, operation)| Self { service, operation })
    }

    pub(super) fn covered_by(self, certificate: &Certificate) -> bool {
        certificate.covers(self.service, self.operation)
    }
}

impl Active {
    /// As associations need it.
    pub(super) fn own(&self) -> OwnPseudonym {
        OwnPseudonym { certificate: self.certificate.clone(), noise: self.noise.clone() }
    }
}

impl From<NoPresent> for Unsent {
    fn from(error: NoPresent) -> Self {
        match error {
            NoPresent::TrustBundle => Self::NotAuthorized,
            NoPresent::Clock(error) => Self::Clock(error),
        }
    }
}
