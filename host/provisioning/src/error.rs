//! What can be wrong with provisioning.

use m2m_secure_environment::Error as SeError;
use m2m_trust::authorization::AuthorizationError;
use m2m_trust::bundle::BundleError;
use m2m_trust::clock_floor::FloorError;
use m2m_trust::credential::CredentialError;
use m2m_trust::enrolment::EnrolmentError;
use m2m_trust::identity::TrustDomain;
use m2m_trust::initialization::InitializationError;
use m2m_trust::revocation::CrlError;

use crate::http::HttpError;
use crate::sealed::StateError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ProvisioningError {
    /// The sealed state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file of the state folder cannot be read or written.
    #[error("folder `trust` of the state folder: {0}")]
    Io(#[from] std::io::Error),
    /// The Secure Environment refused.
    #[error("the Secure Environment: {0}")]
    SecureEnvironment(#[from] SeError),
    /// The audit cannot record it.
    #[error("the audit: {0}")]
    Audit(String),
    /// No initialization.
    #[error("the node is not initialized: `m2m-host init` with the file that the manufacturer made for its device key")]
    NotInitialized,
    /// Not an acceptable initialization.
    #[error(transparent)]
    Initialization(#[from] InitializationError),
    /// Installed before the device key was made.
    #[error(
        "the node has no device key yet: `m2m-host init` makes it, and the manufacturer makes the initialization for it"
    )]
    NoDeviceKey,
    /// The node belongs to another trust domain already.
    #[error(
        "the node belongs to trust domain {installed}, the initialization to {offered}: give that node a state folder of its own"
    )]
    OtherDomain {
        /// The node's.
        installed: TrustDomain,
        /// The initialization's.
        offered: TrustDomain,
    },
    /// The trust bundle is not acceptable.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Another trust bundle under the version of the installed one.
    #[error("two different trust bundles have version {0}")]
    BundleEquivocation(u64),
    /// A credential is not acceptable.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The clock cannot be believed, or something went back.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// The trust bundle names no operation of those to obtain.
    #[error("the trust domain has none of the operations to obtain: {0}")]
    NothingToObtain(String),
    /// Enrolment failed.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// Authorization failed.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// A revocation list is not acceptable.
    #[error(transparent)]
    Revocation(#[from] CrlError),
    /// An authority did not answer.
    #[error("`{authority}` {cause}")]
    Http {
        /// Its name.
        authority: String,
        /// Why.
        cause: HttpError,
    },
}
