//! What all cases need.

use m2m_trust::aif::Scope;
use m2m_trust::bundle::{Role, TrustBundle};
use m2m_trust::certificate::Receiver;
use m2m_trust::dev::{DevDomain, services};
use m2m_trust::revocation::Revocations;
use m2m_trust::seal::Suite;

pub(crate) fn domain() -> DevDomain {
    DevDomain::new("attacks", Suite::X25519)
}

pub(crate) fn reports() -> Scope {
    Scope::empty().with(services::METERING, services::report())
}

pub(crate) fn commands() -> Scope {
    Scope::empty().with(services::METERING, services::command())
}

pub(crate) fn metering() -> Scope {
    reports().with(services::METERING, services::command())
}

pub(crate) fn alarms() -> Scope {
    Scope::empty().with(services::ALARM, services::report())
}

pub(crate) fn receiver<'a>(bundle: &'a TrustBundle, revocations: &'a Revocations) -> Receiver<'a> {
    Receiver { bundle, revocations, region: None }
}

/// The bundle with one role's keys exchanged for another's, as a confused or hostile operator would publish it.
pub(crate) fn position(bundle: &TrustBundle, role: Role) -> usize {
    bundle.authorities.iter().position(|authority| authority.role == role).unwrap()
}
