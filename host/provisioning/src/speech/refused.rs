//! Why something that arrived is not believed.

use m2m_trust::association::AssociationError;
use m2m_trust::broadcast::BroadcastError;
use m2m_trust::certificate::CertificateError;
use m2m_trust::clock_floor::FloorError;
use m2m_trust::codec::Malformed;

use super::present::NoPresent;

/// One variant for each cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a frame, or not what belongs into one.
    #[error("frame: {0}")]
    Malformed(#[from] Malformed),
    /// Before initialization nobody is believed.
    #[error("no trust bundle is installed")]
    NoTrustBundle,
    /// The clock cannot be believed, so nothing else can.
    #[error(transparent)]
    Clock(#[from] FloorError),
    /// The topic belongs to no service, so no right could cover it.
    #[error("topic `{0}` belongs to no service")]
    UnknownTopic(String),
    /// A signed message.
    #[error(transparent)]
    Broadcast(#[from] BroadcastError),
    /// A packet of an association.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// The peer's certificate does not allow the operation of the topic inside.
    #[error("the peer's certificate does not allow `{0}`")]
    NotAuthorized(String),
    /// The same opening again.
    #[error("association was opened before")]
    OpeningRepeated,
    /// More openings than are answered in a second.
    #[error("too many openings of associations")]
    TooManyOpenings,
    /// No place for another association.
    #[error("too many associations")]
    TooManyAssociations,
}

impl Refused {
    /// A short name, to count by.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoTrustBundle => "no-trust-bundle",
            Self::Clock(_) => "clock",
            Self::UnknownTopic(_) => "unknown-topic",
            Self::Broadcast(error) => error.cause(),
            Self::Association(error) => association_cause(error),
            Self::NotAuthorized(_) => "not-authorized",
            Self::OpeningRepeated => "replay",
            Self::TooManyOpenings => "too-many-openings",
            Self::TooManyAssociations => "too-many-associations",
        }
    }
}

fn association_cause(error: &AssociationError) -> &'static str {
    match error {
        AssociationError::Malformed(_) | AssociationError::Padding(_) => "malformed",
        AssociationError::OtherAssociation | AssociationError::NotAddressed(_) => "not-addressed",
        AssociationError::Handshake | AssociationError::Agreement => "handshake",
        AssociationError::Unavailable(_) => "key",
        AssociationError::Certificate(CertificateError::Revoked) => "revoked",
        AssociationError::Certificate(_) => "certificate",
        AssociationError::OtherCertificate | AssociationError::KeyMismatch => "other-certificate",
        AssociationError::Reflection => "reflection",
        AssociationError::NotAuthorized => "not-authorized",
        AssociationError::Ended(_) | AssociationError::RenewalDue => "ended",
        AssociationError::Replay(_) => "replay",
        AssociationError::NotAuthentic => "not-authentic",
    }
}

impl From<NoPresent> for Refused {
    fn from(error: NoPresent) -> Self {
        match error {
            NoPresent::TrustBundle => Self::NoTrustBundle,
            NoPresent::Clock(error) => Self::Clock(error),
        }
    }
}
