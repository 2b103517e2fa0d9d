//! What the node may do in the M2M system. A node that has not enrolled answers so, whatever the capability file grants.

use crate::capability::operation::{ChangePseudonym, ListServices, RequestService};
use crate::capability::{Permit, Refusal};

/// The right to one service, and until when (seconds since 1970).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceRight {
    pub(crate) name: String,
    pub(crate) until: u64,
}

/// The AE's view of the node's authorization.
#[derive(Debug, Clone)]
pub(crate) struct Authorization;

impl Authorization {
    pub(crate) fn services(&self, _permit: &Permit<ListServices>) -> Result<Vec<ServiceRight>, Refusal> {
        Err(not_enrolled())
    }

    pub(crate) fn request(&self, _permit: &Permit<RequestService<'_>>) -> Result<(), Refusal> {
        Err(not_enrolled())
    }

    pub(crate) fn change_pseudonym(&self, _permit: &Permit<ChangePseudonym>) -> Result<(), Refusal> {
        Err(not_enrolled())
    }
}

fn not_enrolled() -> Refusal {
    Refusal::Unavailable("not enrolled".into())
}
