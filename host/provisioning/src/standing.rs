//! What the node is and may do at this moment: provisioning writes it, speech reads it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use m2m_trust::association::NoiseKey;
use m2m_trust::authorization::PseudonymCertificate;
use m2m_trust::bundle::TrustBundle;
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::identity::{Micros, Seconds, ServiceId};
use m2m_trust::keys::Signer;
use m2m_trust::revocation::Revocations;

/// The whole of it. Every change is made under one write lock, so a reader never sees half a change.
#[derive(Default)]
pub(crate) struct Standing {
    /// Whom the node believes; `None` before initialization.
    pub(crate) bundle: Option<Arc<TrustBundle>>,
    /// What never goes back.
    pub(crate) floor: ClockFloor,
    /// What is revoked.
    pub(crate) revocations: Revocations,
    /// The present pseudonym of each service.
    pub(crate) active: HashMap<ServiceId, Active>,
    /// Whether anything may be signed.
    pub(crate) voice: Voice,
    /// Grows by one with each change of pseudonyms. A service that is added between two changes leaves it as it is.
    pub(crate) generation: u64,
}

/// The present pseudonym of one service.
#[derive(Clone)]
pub(crate) struct Active {
    /// Its certificate.
    pub(crate) certificate: PseudonymCertificate,
    /// Signs broadcasts.
    pub(crate) signer: Arc<dyn Signer + Send + Sync>,
    /// Static key of associations.
    pub(crate) noise: Arc<dyn NoiseKey>,
    /// The first second in which the certificate no longer counts.
    pub(crate) slot_end: Seconds,
}

/// Whether the node may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    /// Messages are signed.
    Speaking,
    /// What is signed goes out; nothing more is signed.
    Draining,
    /// Nothing leaves the node.
    Silent {
        /// When it ends.
        until: Micros,
    },
    /// There is no pseudonym to speak under.
    #[default]
    NotAuthorized,
}

/// Shared between provisioning and speech.
#[derive(Clone, Default)]
pub(crate) struct SharedStanding(Arc<RwLock<Standing>>);

impl SharedStanding {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Standing> {
        // Writers replace whole fields: what a panicking one left behind is still consistent.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Standing> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
