//! Keys of a provisioning partition as the dialogues of [`m2m_trust`] take them, and the floor that never goes back.
//!
//! ```
//! use m2m_secure_environment::{Algorithm, Partition, PartitionType, Template, Usage, trust::SigningKey};
//! use m2m_trust::keys::Signer;
//! # use std::sync::Arc;
//! # use cap_std::{ambient_authority, fs::Dir};
//! # use m2m_secure_environment::{Credential, InProcess, SystemClock};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = tempfile::tempdir()?;
//! # let dir = Dir::open_ambient_dir(place.path(), ambient_authority())?;
//! # let environment = InProcess::open(dir, &Credential::new(vec![7; 32].into()), Arc::new(SystemClock::new()))?;
//! let id = environment.management().create_partition(&PartitionType::provisioning())?;
//! let partition = Partition::new(environment.provisioning(), id);
//! let template = Template::new(Algorithm::Ed25519, Usage::SIGN_RAW).persistent();
//! let device = SigningKey::open(partition.generate("device", &template)?)?;
//! let signature = device.sign(b"to be signed")?;
//! device.public_key().verify(b"to be signed", &signature)?;
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use m2m_trust::{
    association::{NoiseError, NoiseHandshake, NoiseRole, NoiseTransport},
    clock_floor::{ClockFloor, CrlFloor},
    identity::{AuthorityId, Digest, Epoch, Seconds},
    keys::{AgreementKey, KeyUnavailable, PublicKey, Signer},
    seal::{Decrypted, REPLY_KEY_LABEL, Recipient, SealError, SealingKey, Suite},
};

use crate::{Algorithm, Error, KeyHandle, NoiseSession, Partition, Usage};

/// An Ed25519 key with [`Usage::SIGN_RAW`].
#[derive(Clone, Debug)]
pub struct SigningKey {
    key: Arc<KeyHandle>,
    public: PublicKey,
}

impl SigningKey {
    /// Asks for the public key, once.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for a key that was not made for it; those of every call.
    pub fn open(key: impl Into<Arc<KeyHandle>>) -> Result<Self, Error> {
        let key = key.into();
        check_usage(&key, Usage::SIGN_RAW)?;
        let public = PublicKey::from_bytes(&key.public_key()?);
        let public = public.map_err(|_| Error::unavailable("the secure environment gave a weak public key"))?;
        Ok(Self { key, public })
    }

    /// The handle, to destroy the key or read its attributes.
    #[must_use]
    pub fn handle(&self) -> &Arc<KeyHandle> {
        &self.key
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyUnavailable> {
        self.key.sign_raw(message).map_err(unavailable)
    }
}

/// A key that objects are sealed to, X-Wing or X25519, with [`Usage::UNSEAL_EXPORT`].
#[derive(Clone, Debug)]
pub struct SealedKey {
    key: Arc<KeyHandle>,
    public: SealingKey,
}

impl SealedKey {
    /// Asks for the public key, once.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for a key that was not made for it; those of every call.
    pub fn open(key: impl Into<Arc<KeyHandle>>) -> Result<Self, Error> {
        let key = key.into();
        let suite = match check_usage(&key, Usage::UNSEAL_EXPORT)? {
            Algorithm::XWing => Suite::XWing,
            _ => Suite::X25519,
        };
        let public = SealingKey::new(suite, key.encapsulation_key()?);
        let public =
            public.map_err(|_| Error::unavailable("the secure environment gave a public key of another suite"))?;
        Ok(Self { key, public })
    }

    /// The handle, to destroy the key, to read its attributes, or to open it as a [`NoiseKey`] as well.
    #[must_use]
    pub fn handle(&self) -> &Arc<KeyHandle> {
        &self.key
    }
}

impl Recipient for SealedKey {
    fn sealing_key(&self) -> SealingKey {
        self.public.clone()
    }

    fn decrypt(&self, info: &[u8], aad: &[u8], encapsulated: &[u8], ciphertext: &[u8]) -> Result<Decrypted, SealError> {
        match self.key.unseal_export(info, aad, encapsulated, ciphertext, REPLY_KEY_LABEL) {
            Ok(unsealed) => Ok(Decrypted { plaintext: unsealed.plaintext, reply_key: unsealed.exported }),
            Err(Error::NotAuthentic) => Err(SealError::NotAuthentic),
            Err(error) => Err(unavailable(error).into()),
        }
    }
}

/// The static key of associations: X25519 with [`Usage::NOISE`].
#[derive(Clone, Debug)]
pub struct NoiseKey {
    key: Arc<KeyHandle>,
    public: AgreementKey,
}

impl NoiseKey {
    /// Asks for the public key, once.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for a key that was not made for it; those of every call.
    pub fn open(key: impl Into<Arc<KeyHandle>>) -> Result<Self, Error> {
        let key = key.into();
        check_usage(&key, Usage::NOISE)?;
        let public = AgreementKey(key.public_key()?);
        Ok(Self { key, public })
    }

    /// The handle, to destroy the key or read its attributes.
    #[must_use]
    pub fn handle(&self) -> &Arc<KeyHandle> {
        &self.key
    }
}

impl m2m_trust::association::NoiseKey for NoiseKey {
    fn public_key(&self) -> AgreementKey {
        self.public
    }

    fn begin(&self, role: NoiseRole, prologue: &[u8]) -> Result<Box<dyn NoiseHandshake>, NoiseError> {
        let session = self.key.begin_noise(role == NoiseRole::Initiator, prologue).map_err(noise_error)?;
        Ok(Box::new(Handshake(Session { session, _key: Arc::clone(&self.key) })))
    }
}

/// A session keeps its key open: a derived key would end with its last handle, and the session with it.
struct Session {
    session: NoiseSession,
    _key: Arc<KeyHandle>,
}

struct Handshake(Session);

impl NoiseHandshake for Handshake {
    fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>, NoiseError> {
        self.0.session.write(payload).map_err(noise_error)
    }

    fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, NoiseError> {
        self.0.session.read(message).map_err(noise_error)
    }

    fn remote_static(&self) -> Option<AgreementKey> {
        self.0.session.remote_static()
    }

    fn finish(self: Box<Self>) -> Result<(Box<dyn NoiseTransport>, Digest), NoiseError> {
        let hash = self.0.session.finish().map_err(noise_error)?;
        Ok((Box::new(Transport(self.0)), Digest(hash)))
    }
}

struct Transport(Session);

impl NoiseTransport for Transport {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(u64, Vec<u8>), NoiseError> {
        self.0.session.seal(plaintext).map_err(noise_error)
    }

    fn open(&mut self, counter: u64, ciphertext: &[u8]) -> Result<Vec<u8>, NoiseError> {
        self.0.session.open(counter, ciphertext).map_err(noise_error)
    }
}

const TIME: &str = "time";
const BUNDLE: &str = "bundle";
const EPOCH: &str = "epoch";
const CRL_PREFIX: &str = "crl:";

/// The floor that the partition's counters hold; all zero before anything was raised.
///
/// # Errors
/// Those of every call.
pub fn floor(partition: &Partition) -> Result<ClockFloor, Error> {
    let counters = partition.counters()?;
    let value = |name| counters.get(name).copied().unwrap_or_default();
    let crl = |(name, sequence): (&String, &u64)| {
        let issuer = AuthorityId::parse(name.strip_prefix(CRL_PREFIX)?).ok()?;
        Some(CrlFloor { issuer, sequence: *sequence })
    };
    Ok(ClockFloor {
        time: Seconds(value(TIME)),
        crls: counters.iter().filter_map(crl).collect(),
        bundle_version: value(BUNDLE),
        // Only `raise_floor` writes it, from as many bits.
        epoch: Epoch(u32::try_from(value(EPOCH)).unwrap_or(u32::MAX)),
    })
}

/// Raises the counters to this floor, all or none. Durable before it returns.
///
/// # Errors
/// [`Error::Rollback`] where part of it lies below what is kept; [`Error::Unavailable`] when the store cannot be written.
pub fn raise_floor(partition: &Partition, floor: &ClockFloor) -> Result<(), Error> {
    let crls: Vec<_> = floor.crls.iter().map(|crl| (format!("{CRL_PREFIX}{}", crl.issuer), crl.sequence)).collect();
    let mut counters = vec![(TIME, floor.time.0), (BUNDLE, floor.bundle_version), (EPOCH, u64::from(floor.epoch.0))];
    counters.extend(crls.iter().map(|(name, sequence)| (name.as_str(), *sequence)));
    partition.raise_counters(&counters)
}

/// Gives the algorithm of a key that has this usage.
fn check_usage(key: &KeyHandle, usage: Usage) -> Result<Algorithm, Error> {
    let template = key.attributes()?.template;
    if template.usage.contains(usage) { Ok(template.algorithm) } else { Err(Error::NotPermitted(usage)) }
}

fn unavailable(error: Error) -> KeyUnavailable {
    KeyUnavailable(error.to_string())
}

fn noise_error(error: Error) -> NoiseError {
    match error {
        Error::NotAuthentic => NoiseError::NotAuthentic,
        Error::OutOfTurn => NoiseError::OutOfTurn,
        Error::TooLarge { .. } => NoiseError::TooLarge,
        // The one argument that can be malformed is the other side's public key.
        Error::Invalid(_) => NoiseError::Agreement,
        other => NoiseError::Unavailable(unavailable(other)),
    }
}
