//! The subscription credential: what the MEF lets a node ask for. Only the node and the MEF ever see it.

use std::fmt;

use ciborium::Value;

use super::{Confirmation, CredentialError, check_validity};
use crate::aif::Scope;
use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::codec::{Cbor, Malformed, message};
use crate::cose::{self, Message, Signed};
use crate::identity::{AuthorityId, Seconds, TrustDomain};
use crate::keys::{KeyUnavailable, Signer};

/// How long a subscription lasts unless the MEF's policy says otherwise: 365 days, in seconds.
pub const SUBSCRIPTION_SECONDS: u64 = 365 * 24 * 3600;

/// `cti`: sixteen random bytes, never derived from the canonical identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialId(pub [u8; 16]);

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Cbor for CredentialId {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Cbor::from_value(value, field).map(Self)
    }
}

message! {
    /// Claims of the subscription credential.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct SubscriptionCredential {
        /// `iss`: the MEF.
        1 => pub issuer: AuthorityId,
        /// `exp`.
        4 => pub expires: Seconds,
        /// `nbf`.
        5 => pub not_before: Seconds,
        /// `cti`.
        7 => pub id: CredentialId,
        /// The subscription key.
        8 => pub confirmation: Confirmation,
        /// Applications, services and capabilities that may be asked for.
        9 => pub scope: Scope,
        /// Certificates in an epoch, over all services.
        -70_002 => pub quota: u32,
    }
}

impl Message for SubscriptionCredential {
    const TYPE: u16 = 65_007;
    const NAME: &'static str = "subscription credential";
    const SIZE_MAX: usize = 2048;
}

impl SubscriptionCredential {
    /// Signs it as the MEF.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, mef: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, mef)
    }

    /// Verifies it under the MEFs of the bundle, in the order signature, issuer, validity.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn verify(bytes: &[u8], bundle: &TrustBundle, now: Seconds) -> Result<Self, CredentialError> {
        let signed = Signed::<Self>::decode(bytes).map_err(IssuerError::from)?;
        let (credential, issuer) = bundle.verify(signed, Role::Enrolment)?;
        if issuer.id != credential.issuer {
            return Err(CredentialError::IssuerName);
        }
        check_validity(credential.not_before, credential.expires, now)?;
        Ok(credential)
    }
}
