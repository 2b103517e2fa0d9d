//! The manufacturer: signs what a device is, and packs what it needs to enrol.

use std::path::Path;

use m2m_trust::credential::{
    Certification, Confirmation, HardwareVersion, InitialCredential, Profile, SecureEnvironmentType,
};
use m2m_trust::identity::{CanonicalId, Digest};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::{KeyError, KeyUnavailable, PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::domain::{Domain, DomainError};
use crate::keys::{KeyStore, KeyStoreError};
use crate::random;
use crate::settings::{Role, Settings};
use crate::snippet::FileError;

/// What a device says of itself, as `m2m-host init` writes it. The manufacturer knows whether it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// The Ed25519 device key.
    #[serde(with = "hex::serde")]
    pub device_key: [u8; 32],
    /// The generic profile.
    pub profile: DeviceProfile,
    /// The product.
    pub model: String,
    /// Its version.
    pub hardware_version: String,
}

/// The generic profile; levels are 0, nothing known, to 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceProfile {
    /// Proven stability of the software.
    pub software_stability: u8,
    /// Proven stability of the hardware.
    pub hardware_stability: u8,
    /// Resistance to attack.
    pub attack_resistance: u8,
    /// Names of the common service functions.
    pub service_functions: Vec<String>,
    /// What its keys are kept in.
    pub secure_environment: DeviceEnvironment,
}

/// The kind of Secure Environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceEnvironment {
    /// A UICC.
    Uicc,
    /// A GlobalPlatform secure element.
    SecureElement,
    /// A trusted execution environment.
    Tee,
    /// A library on the main processor.
    Library,
}

/// What was signed.
#[derive(Debug, Clone)]
pub struct Manufactured {
    /// The new canonical identity.
    pub canonical_id: CanonicalId,
    /// The encoded [`Initialization`].
    pub initialization: Vec<u8>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum ManufactureError {
    /// Settings.
    #[error(transparent)]
    File(#[from] FileError),
    /// The domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Not a key that a device can have.
    #[error("`device-key`: {0}")]
    DeviceKey(#[from] KeyError),
    /// A level that does not exist.
    #[error("`{name}` is {found}, expected 0 to 4")]
    Level {
        /// Which.
        name: &'static str,
        /// What it is.
        found: u8,
    },
    /// The manufacturer's key.
    #[error(transparent)]
    Sign(#[from] KeyUnavailable),
}

/// Signs a new initial credential for `device` with the manufacturer's key in the domain's folder.
///
/// # Errors
/// [`ManufactureError`].
pub fn manufacture(
    domain: &Path,
    device: &Device,
    certifications: &[(String, String)],
) -> Result<Manufactured, ManufactureError> {
    let key = PublicKey::from_bytes(&device.device_key)?;
    device.profile.check()?;
    let folder = domain.join(Role::Manufacturer.name());
    let settings = Settings::read(&folder)?;
    let domain = Domain::of(&settings)?;
    let signing = KeyStore::open(&folder, &settings.root_key)?.signing()?;
    let certification = |(registrar, platform): &(String, String)| Certification {
        registrar: registrar.clone(),
        platform: platform.clone(),
    };
    let credential = InitialCredential {
        confirmation: Confirmation(key),
        canonical_id: CanonicalId::random(random::bytes()),
        manufacturer: manufacturer_id(&signing.public_key()),
        hardware_model: device.model.clone().into_bytes().into(),
        hardware_version: HardwareVersion { version: device.hardware_version.clone() },
        certifications: (!certifications.is_empty()).then(|| certifications.iter().map(certification).collect()),
        profile: device.profile.clone().into(),
    };
    let initialization = Initialization {
        domain: domain.bundle.domain,
        roots: domain.roots,
        credential: credential.issue(&domain.bundle.domain, &signing)?.into(),
        bundle: domain.signed_bundle.into(),
    };
    Ok(Manufactured { canonical_id: credential.canonical_id, initialization: initialization.encode() })
}

/// `oemid` of type RAND wants sixteen bytes that never change: those of the hash of the manufacturer's key.
fn manufacturer_id(key: &PublicKey) -> [u8; 16] {
    let mut id = [0; 16];
    id.iter_mut().zip(Digest::of(&[&key.to_bytes()]).0).for_each(|(to, from)| *to = from);
    id
}

impl DeviceProfile {
    fn check(&self) -> Result<(), ManufactureError> {
        let levels = [
            ("software-stability", self.software_stability),
            ("hardware-stability", self.hardware_stability),
            ("attack-resistance", self.attack_resistance),
        ];
        let above = levels.into_iter().find(|(_, level)| *level > 4);
        above.map_or(Ok(()), |(name, found)| Err(ManufactureError::Level { name, found }))
    }
}

impl From<DeviceProfile> for Profile {
    fn from(profile: DeviceProfile) -> Self {
        Self {
            software_stability: profile.software_stability,
            hardware_stability: profile.hardware_stability,
            attack_resistance: profile.attack_resistance,
            service_functions: profile.service_functions,
            secure_environment: match profile.secure_environment {
                DeviceEnvironment::Uicc => SecureEnvironmentType::Uicc,
                DeviceEnvironment::SecureElement => SecureEnvironmentType::SecureElement,
                DeviceEnvironment::Tee => SecureEnvironmentType::TrustedExecution,
                DeviceEnvironment::Library => SecureEnvironmentType::Library,
            },
        }
    }
}
