//! Where the key comes from that everything in the store is sealed under.

use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    ByteArray,
    crypto::{Seed, kdf, random},
};

/// The root key: 32 secret bytes, wiped when dropped.
pub struct RootKey(Seed);

impl RootKey {
    /// A root key of a provider's own.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(..)")
    }
}

/// Gives the root key of a store.
pub trait RootKeyProvider {
    /// Its name in the store's header; a store opens only with the provider that it was made with.
    fn name(&self) -> &'static str;

    /// A root key for a new store, and what the store's header must keep to get the same one again: no secret.
    ///
    /// # Errors
    /// [`RootKeyError`].
    fn create(&self) -> Result<(RootKey, Vec<u8>), RootKeyError>;

    /// The root key of a store whose header kept `parameters`. Anybody may have edited them.
    ///
    /// # Errors
    /// [`RootKeyError`].
    fn open(&self, parameters: &[u8]) -> Result<RootKey, RootKeyError>;
}

/// Why there is no root key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyError {
    /// A credential that is too short to be random enough.
    #[error(
        "the credential has {bytes} bytes, and at least 32 random ones are needed: `head -c 32 /dev/urandom` makes some"
    )]
    ShortCredential {
        /// Its length.
        bytes: usize,
    },
    /// An empty passphrase.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A cost outside the bounds that [`PassphraseCost`] names.
    #[error("the passphrase's cost is out of bounds: expected 19 MiB to 2 GiB, 1 to 64 passes, 1 to 16 lanes")]
    Cost,
    /// Parameters that this provider did not write.
    #[error("the store's header holds no parameters of this provider")]
    Parameters,
    /// Not now; the text says what is missing.
    #[error("{0}")]
    Unavailable(String),
}

/// At least 32 random bytes that the integrator hands over, as from a service manager or an orchestrator.
pub struct Credential(SecretSlice<u8>);

impl Credential {
    /// A credential with these bytes, all of which count.
    #[must_use]
    pub fn new(bytes: SecretSlice<u8>) -> Self {
        Self(bytes)
    }

    fn root_key(&self) -> Result<RootKey, RootKeyError> {
        let bytes = self.0.expose_secret();
        if bytes.len() < 32 {
            return Err(RootKeyError::ShortCredential { bytes: bytes.len() });
        }
        kdf::expand(b"m2m-secure-environment credential v1", bytes, &[]).map(RootKey).map_err(unavailable)
    }
}

impl RootKeyProvider for Credential {
    fn name(&self) -> &'static str {
        "credential"
    }

    fn create(&self) -> Result<(RootKey, Vec<u8>), RootKeyError> {
        Ok((self.root_key()?, Vec::new()))
    }

    fn open(&self, parameters: &[u8]) -> Result<RootKey, RootKeyError> {
        if parameters.is_empty() { self.root_key() } else { Err(RootKeyError::Parameters) }
    }
}

/// A passphrase, through Argon2id (RFC 9106).
pub struct Passphrase {
    passphrase: SecretSlice<u8>,
    cost: PassphraseCost,
}

/// What one guess at a passphrase costs. An existing store keeps the cost that it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseCost {
    /// Memory in KiB: 19 MiB (OWASP's least) to 2 GiB.
    pub memory_kib: u32,
    /// Passes over the memory, 1 to 64.
    pub passes: u32,
    /// Lanes, 1 to 16.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// The second choice of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PassphraseParameters {
    salt: ByteArray<16>,
    cost: PassphraseCost,
}

impl Passphrase {
    /// A passphrase; `cost` is for a new store.
    #[must_use]
    pub fn new(passphrase: SecretSlice<u8>, cost: PassphraseCost) -> Self {
        Self { passphrase, cost }
    }

    fn root_key(&self, parameters: &PassphraseParameters) -> Result<RootKey, RootKeyError> {
        let cost = parameters.cost;
        // The header may have been edited, so the bounds hold for it too: no guess made cheap, no start made impossible.
        let within = (19 * 1024..=2 * 1024 * 1024).contains(&cost.memory_kib)
            && (1..=64).contains(&cost.passes)
            && (1..=16).contains(&cost.lanes);
        if !within {
            return Err(RootKeyError::Cost);
        }
        if self.passphrase.expose_secret().is_empty() {
            return Err(RootKeyError::EmptyPassphrase);
        }
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| RootKeyError::Cost)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.passphrase.expose_secret(), &parameters.salt.0, key.as_mut())
            .map_err(|error| RootKeyError::Unavailable(format!("argon2: {error}")))?;
        Ok(RootKey(key))
    }
}

impl RootKeyProvider for Passphrase {
    fn name(&self) -> &'static str {
        "passphrase"
    }

    fn create(&self) -> Result<(RootKey, Vec<u8>), RootKeyError> {
        let salt = ByteArray(random::array().map_err(unavailable)?);
        let parameters = PassphraseParameters { salt, cost: self.cost };
        let mut encoded = Vec::new();
        ciborium::into_writer(&parameters, &mut encoded).map_err(|_| RootKeyError::Parameters)?;
        Ok((self.root_key(&parameters)?, encoded))
    }

    fn open(&self, parameters: &[u8]) -> Result<RootKey, RootKeyError> {
        let parameters = ciborium::from_reader(parameters).map_err(|_| RootKeyError::Parameters)?;
        self.root_key(&parameters)
    }
}

fn unavailable(error: crate::Error) -> RootKeyError {
    RootKeyError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(bytes: &[u8]) -> SecretSlice<u8> {
        bytes.to_vec().into()
    }

    const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 19 * 1024, passes: 1, lanes: 1 };

    #[test]
    fn a_credential_gives_the_same_root_key_again_and_another_one_another() {
        let (root, parameters) = Credential::new(secret(&[1; 32])).create().unwrap();
        let again = Credential::new(secret(&[1; 32])).open(&parameters).unwrap();
        let other = Credential::new(secret(&[1; 33])).open(&parameters).unwrap();
        assert_eq!(root.expose(), again.expose());
        assert_ne!(root.expose(), other.expose());
        let short = Credential::new(secret(&[1; 31]));
        assert_eq!(short.create().unwrap_err(), RootKeyError::ShortCredential { bytes: 31 });
    }

    #[test]
    fn a_passphrase_gives_the_same_root_key_again_and_another_one_another() {
        let (root, parameters) = Passphrase::new(secret(b"open sesame"), CHEAP).create().unwrap();
        // The cost of an existing store is the one that it was made with.
        let again = Passphrase::new(secret(b"open sesame"), PassphraseCost::default()).open(&parameters).unwrap();
        let other = Passphrase::new(secret(b"open sesam"), CHEAP).open(&parameters).unwrap();
        assert_eq!(root.expose(), again.expose());
        assert_ne!(root.expose(), other.expose());
        assert_eq!(Passphrase::new(secret(b""), CHEAP).create().unwrap_err(), RootKeyError::EmptyPassphrase);
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused_before_it_is_paid() {
        for cost in [
            PassphraseCost { memory_kib: 18 * 1024, ..CHEAP },
            PassphraseCost { memory_kib: u32::MAX, ..CHEAP },
            PassphraseCost { passes: u32::MAX, ..CHEAP },
            PassphraseCost { lanes: 0, ..CHEAP },
        ] {
            assert_eq!(Passphrase::new(secret(b"x"), cost).create().unwrap_err(), RootKeyError::Cost, "{cost:?}");
        }
    }
}
