//! What the manufacturer needs to know of a node.

use m2m_trust::keys::PublicKey;
use serde::Serialize;

/// What `DEVICE.json` says: the device key, and the generic profile that the manufacturer is to vouch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeviceRequest {
    /// The public device key, 64 hexadecimal digits.
    pub device_key: String,
    /// The product.
    pub model: String,
    /// Its version.
    pub hardware_version: String,
    /// The generic profile.
    pub profile: DeviceProfile,
}

/// The generic profile; levels run from 0, nothing known, to 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeviceProfile {
    /// Proven stability of the software.
    pub software_stability: u8,
    /// Proven stability of the hardware.
    pub hardware_stability: u8,
    /// Resistance to attack.
    pub attack_resistance: u8,
    /// The common service functions that the node supports.
    pub service_functions: Vec<String>,
    /// What its keys are kept in: a library on the main processor.
    pub secure_environment: &'static str,
}

impl DeviceRequest {
    pub(crate) fn new(device: &PublicKey) -> Self {
        Self {
            device_key: hex::encode(device.to_bytes()),
            model: "m2m-host".to_owned(),
            hardware_version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: DeviceProfile {
                software_stability: 1,
                hardware_stability: 1,
                attack_resistance: 1,
                service_functions: vec!["security".to_owned(), "messaging".to_owned()],
                secure_environment: "library",
            },
        }
    }
}
