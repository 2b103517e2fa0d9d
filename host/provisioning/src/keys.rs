//! The keys of the provisioning partition. None of them leaves the Secure Environment.

use m2m_secure_environment::trust::{NoiseKey, SealedKey, SigningKey, floor, raise_floor};
use m2m_secure_environment::{Algorithm, Error, KeyHandle, Partition, Template, Usage};
use m2m_trust::clock_floor::ClockFloor;

const DEVICE: &str = "device";
const STATE: &str = "state";
/// What aliases of subscription keys begin with.
pub(crate) const SUBSCRIPTION: &str = "subscription";
/// What aliases of batch keys begin with.
pub(crate) const BATCH: &str = "batch";

/// The partition.
pub(crate) struct Keys(Partition);

/// The root of the keys of one batch of pseudonyms. With it all of them end.
pub(crate) struct Batch(KeyHandle);

impl Keys {
    pub(crate) fn new(partition: Partition) -> Self {
        Self(partition)
    }

    /// The device key; `None` before it was made.
    pub(crate) fn device(&self) -> Result<Option<SigningKey>, Error> {
        match self.0.open(DEVICE) {
            Ok(key) => SigningKey::open(key).map(Some),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the device key.
    pub(crate) fn make_device(&self) -> Result<SigningKey, Error> {
        SigningKey::open(self.0.generate(DEVICE, &Template::new(Algorithm::Ed25519, Usage::SIGN_RAW).persistent())?)
    }

    /// Makes a subscription key.
    pub(crate) fn make_subscription(&self, alias: &str) -> Result<SigningKey, Error> {
        let usage = Usage::SIGN_RAW | Usage::DESTROY;
        SigningKey::open(self.0.generate(alias, &Template::new(Algorithm::Ed25519, usage).persistent())?)
    }

    /// A subscription key.
    pub(crate) fn subscription(&self, alias: &str) -> Result<SigningKey, Error> {
        SigningKey::open(self.0.open(alias)?)
    }

    /// Makes the root of a batch.
    pub(crate) fn make_batch(&self, alias: &str) -> Result<Batch, Error> {
        let children = Usage::SIGN_RAW | Usage::UNSEAL_EXPORT | Usage::NOISE;
        let template = Template::new(Algorithm::HmacSha256, Usage::DERIVE | Usage::DESTROY).persistent();
        let template = template.with_children([Algorithm::Ed25519, Algorithm::HpkeX25519], children);
        self.0.generate(alias, &template).map(Batch)
    }

    /// The root of a batch.
    pub(crate) fn batch(&self, alias: &str) -> Result<Batch, Error> {
        self.0.open(alias).map(Batch)
    }

    /// What encrypts the state file; made on first use.
    pub(crate) fn state_key(&self) -> Result<KeyHandle, Error> {
        let template = Template::new(Algorithm::ChaCha20Poly1305, Usage::ENCRYPT | Usage::DECRYPT).persistent();
        match self.0.open(STATE) {
            Err(Error::NotFound) => self.0.generate(STATE, &template),
            opened => opened,
        }
    }

    /// Destroys every subscription and batch key that `needed` does not know.
    pub(crate) fn destroy_unless(&self, needed: impl Fn(&str) -> bool) -> Result<(), Error> {
        let temporary = |alias: &str| [SUBSCRIPTION, BATCH].iter().any(|kind| alias.starts_with(kind));
        for alias in self.0.aliases()?.iter().filter(|alias| temporary(alias) && !needed(alias)) {
            self.0.open(alias)?.destroy()?;
        }
        Ok(())
    }

    /// What never goes back.
    pub(crate) fn floor(&self) -> Result<ClockFloor, Error> {
        floor(&self.0)
    }

    /// Raises it; durable before this returns.
    pub(crate) fn raise_floor(&self, raised: &ClockFloor) -> Result<(), Error> {
        raise_floor(&self.0, raised)
    }

    /// A counter, zero before it was raised.
    pub(crate) fn counter(&self, name: &str) -> Result<u64, Error> {
        Ok(self.0.counters()?.get(name).copied().unwrap_or_default())
    }

    /// Raises a counter; durable before this returns.
    pub(crate) fn raise_counter(&self, name: &str, to: u64) -> Result<(), Error> {
        self.0.raise_counters(&[(name, to)])
    }
}

impl Batch {
    /// The signing key with this number.
    pub(crate) fn signer(&self, index: u32) -> Result<SigningKey, Error> {
        SigningKey::open(self.derive("signing", index, Algorithm::Ed25519, Usage::SIGN_RAW)?)
    }

    /// The agreement key with this number, for opening its certificate.
    pub(crate) fn recipient(&self, index: u32) -> Result<SealedKey, Error> {
        SealedKey::open(self.agreement(index)?)
    }

    /// The agreement key with this number, for associations.
    pub(crate) fn noise(&self, index: u32) -> Result<NoiseKey, Error> {
        NoiseKey::open(self.agreement(index)?)
    }

    fn agreement(&self, index: u32) -> Result<KeyHandle, Error> {
        self.derive("agreement", index, Algorithm::HpkeX25519, Usage::UNSEAL_EXPORT | Usage::NOISE)
    }

    fn derive(&self, purpose: &str, index: u32, algorithm: Algorithm, usage: Usage) -> Result<KeyHandle, Error> {
        let info = [purpose.as_bytes(), &index.to_be_bytes()].concat();
        self.0.derive(&info, &Template::new(algorithm, usage))
    }
}
