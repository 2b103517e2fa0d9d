//! Security associations: confidential messages between two pseudonyms.
//!
//! `Noise_XX_25519_ChaChaPoly_SHA256`, addressed to one certificate. The prologue binds version, trust domain, service,
//! operation, the hash of the addressed certificate and the association's id; each side's certificate is the payload of
//! message 2 or 3, and its agreement key must be the static key that Noise has just authenticated.
//!
//! An association lives an hour, 2^20 messages, or until a certificate expires or a pseudonym changes, whatever comes
//! first. It is renewed by a new handshake, which brings new secrets, and never resumed.

mod crypto;
mod handshake;
mod noise;
mod packet;
mod software;
mod transport;
mod vault;
mod window;

pub use handshake::{AwaitingAnswer, AwaitingConfirmation, OwnPseudonym, Target, initiate, respond};
pub use noise::{NoiseError, NoiseHandshake, NoiseKey, NoiseRole, NoiseTransport};
pub use packet::{AssociationId, Opening};
pub use software::software_handshake;
pub use transport::{Association, LIFETIME_SECONDS, MESSAGES_MAX};

use crate::certificate::CertificateError;
use crate::codec::Malformed;
use crate::identity::{KeyId, Seconds};
use crate::keys::KeyUnavailable;
use crate::padding::PaddingError;

/// The one pattern and suite.
pub const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";

/// Why an association is not made, or a message of it is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssociationError {
    /// Not a packet of the expected kind.
    #[error("association: {0}")]
    Malformed(#[from] Malformed),
    /// A packet of another association.
    #[error("packet of another association")]
    OtherAssociation,
    /// Addressed to a certificate that is not the one given.
    #[error("association addressed to certificate {0}, which is not ours")]
    NotAddressed(KeyId),
    /// Not authentic: another prologue, key or order, or changed on the way.
    #[error("handshake does not authenticate")]
    Handshake,
    /// The agreement gave nothing secret.
    #[error("key agreement failed")]
    Agreement,
    /// The holder of the keys did not answer, or has ended them.
    #[error(transparent)]
    Unavailable(KeyUnavailable),
    /// Length or padding of the content.
    #[error("association: {0}")]
    Padding(#[from] PaddingError),
    /// The peer's certificate is not acceptable.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The answer came under another certificate than the addressed one.
    #[error("answered by another certificate than the addressed one")]
    OtherCertificate,
    /// The peer's certificate is one's own.
    #[error("peer shows our own certificate")]
    Reflection,
    /// The certificate's agreement key is not the static key of the handshake.
    #[error("certificate and static key do not belong together")]
    KeyMismatch,
    /// The peer's certificate does not allow what the association is for.
    #[error("the peer's certificate does not allow the service")]
    NotAuthorized,
    /// Ended, or past the end of a certificate.
    #[error("association ended at {0}")]
    Ended(Seconds),
    /// An hour or 2^20 messages: make a new one.
    #[error("association must be renewed")]
    RenewalDue,
    /// Received before, or too far behind.
    #[error("message {0} was received before or is too old")]
    Replay(u64),
    /// Not authentic under the association's keys.
    #[error("message does not authenticate")]
    NotAuthentic,
}

impl From<NoiseError> for AssociationError {
    fn from(error: NoiseError) -> Self {
        match error {
            NoiseError::Agreement => Self::Agreement,
            NoiseError::Unavailable(cause) => Self::Unavailable(cause),
            NoiseError::NotAuthentic | NoiseError::OutOfTurn | NoiseError::TooLarge => Self::Handshake,
        }
    }
}
