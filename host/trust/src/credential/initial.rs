//! The initial credential: what the manufacturer vouches for.

use ciborium::Value;

use super::{Confirmation, CredentialError};
use crate::bundle::{Role, TrustBundle};
use crate::codec::{Cbor, Malformed, message};
use crate::cose::{self, Message, Signed};
use crate::identity::{CanonicalId, Digest, TrustDomain};
use crate::keys::{KeyUnavailable, Signer};

message! {
    /// Canonical identity, device key and generic profile under one signature. Claims of EAT (RFC 9711).
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct InitialCredential {
        /// The device key.
        8 => pub confirmation: Confirmation,
        /// `ueid`: the canonical identity.
        256 => pub canonical_id: CanonicalId,
        /// `oemid`: the manufacturer, 16 random bytes.
        258 => pub manufacturer: [u8; 16],
        /// `hwmodel`: the product.
        259 => pub hardware_model: crate::codec::Bytes,
        /// `hwversion`.
        260 => pub hardware_version: HardwareVersion,
        /// `dloas`: certifications.
        269 => pub certifications: Option<Dloas>,
        /// The generic profile.
        -70_001 => pub profile: Profile,
    }
}

message! {
    /// `hwversion`: text of the manufacturer's own scheme.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array HardwareVersion {
        /// As in `1.2`.
        pub version: String,
    }
}

/// `dloas`: at least one certification.
pub type Dloas = Vec<Certification>;

message! {
    /// A Digital Letter of Approval (GlobalPlatform), where it is registered and for which platform.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub array Certification {
        /// URI of the registrar.
        pub registrar: String,
        /// The platform's label there.
        pub platform: String,
    }
}

message! {
    /// The generic profile. The levels run from 0, nothing known, to 4.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Profile {
        /// Proven stability of the software.
        1 => pub software_stability: u8,
        /// Proven stability of the hardware.
        2 => pub hardware_stability: u8,
        /// Resistance to attack.
        3 => pub attack_resistance: u8,
        /// Names of the common service functions that it supports.
        4 => pub service_functions: Vec<String>,
        /// What its keys are kept in.
        5 => pub secure_environment: SecureEnvironmentType,
    }
}

/// The kind of Secure Environment, numbered as in oneM2M TS-0016.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecureEnvironmentType {
    /// 1: a UICC.
    Uicc,
    /// 2: a GlobalPlatform secure element.
    SecureElement,
    /// 3: a trusted execution environment.
    TrustedExecution,
    /// 4: a library on the main processor, which is what this project's own is.
    Library,
}

impl Cbor for SecureEnvironmentType {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Uicc => 1,
            Self::SecureElement => 2,
            Self::TrustedExecution => 3,
            Self::Library => 4,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            1 => Ok(Self::Uicc),
            2 => Ok(Self::SecureElement),
            3 => Ok(Self::TrustedExecution),
            4 => Ok(Self::Library),
            _ => Err(Malformed::Unexpected { field, expected: "a type of Secure Environment from 1 to 4" }),
        }
    }
}

impl Message for InitialCredential {
    const TYPE: u16 = 65_002;
    const NAME: &'static str = "initial credential";
    const SIZE_MAX: usize = 2048;
}

impl InitialCredential {
    /// Signs it as the manufacturer.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, manufacturer: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, manufacturer)
    }

    /// Verifies it under the manufacturers of the bundle.
    ///
    /// # Errors
    /// [`CredentialError::Issuer`].
    pub fn verify(bytes: &[u8], bundle: &TrustBundle) -> Result<Self, CredentialError> {
        let signed = Signed::<Self>::decode(bytes).map_err(crate::bundle::IssuerError::from)?;
        Ok(bundle.verify(signed, Role::Manufacturer)?.0)
    }

    /// How other messages refer to the encoded credential.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> Digest {
        Digest::of(&[bytes])
    }
}
