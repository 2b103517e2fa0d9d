//! Credentials: CBOR Web Tokens (RFC 8392) that bind a key (`cnf`, RFC 8747) to what its holder is or may do.
//!
//! The key behind a credential is never the key of another: device, subscription and each certificate have their own.

mod initial;
mod subscription;

use ciborium::Value;

pub use initial::{Certification, Dloas, HardwareVersion, InitialCredential, Profile, SecureEnvironmentType};
pub use subscription::{CredentialId, SUBSCRIPTION_SECONDS, SubscriptionCredential};

use crate::bundle::IssuerError;
use crate::codec::{self, Cbor, Malformed};
use crate::identity::Seconds;
use crate::keys::PublicKey;

/// Why a credential is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not issued by an authority of the role that issues such credentials.
    #[error("credential: {0}")]
    Issuer(#[from] IssuerError),
    /// `iss` names another authority than the one that signed.
    #[error("credential says it is issued by another authority than its signer")]
    IssuerName,
    /// Its time has not come.
    #[error("credential is valid from {not_before}, now is {now}")]
    NotYetValid {
        /// `nbf`.
        not_before: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// Its time is over.
    #[error("credential was valid until {expires}, now is {now}")]
    Expired {
        /// `exp`.
        expires: Seconds,
        /// The time of the check.
        now: Seconds,
    },
}

/// `nbf` is the first second of validity, `exp` the first after it.
pub(crate) fn check_validity(not_before: Seconds, expires: Seconds, now: Seconds) -> Result<(), CredentialError> {
    if now < not_before {
        return Err(CredentialError::NotYetValid { not_before, now });
    }
    if now >= expires {
        return Err(CredentialError::Expired { expires, now });
    }
    Ok(())
}

/// The key that a credential is about: `cnf` with one COSE_Key, `{1: {1: 1, -1: 6, -2: x}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation(pub PublicKey);

impl Cbor for Confirmation {
    fn to_value(&self) -> Value {
        // kty (1) OKP (1), crv (-1) Ed25519 (6), x (-2): RFC 9053, section 7.2.
        let key = codec::map([(1, 1_u8.to_field()), (-1, 6_u8.to_field()), (-2, self.0.to_field())]);
        codec::map([(1, Some(key))])
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let mut confirmation = codec::Fields::new(value, field)?;
        let CoseKey { kty, crv, x } = confirmation.take(1, field)?;
        confirmation.finish()?;
        if (kty, crv) == (1, 6) {
            Ok(Self(x))
        } else {
            Err(Malformed::Unexpected { field, expected: "an Ed25519 key" })
        }
    }
}

codec::message! {
    struct CoseKey {
        1 => kty: u8,
        -1 => crv: u8,
        -2 => x: PublicKey,
    }
}
