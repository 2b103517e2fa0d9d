//! The keys of an authority, in a Secure Environment store of its own: a folder `keys/`, encrypted under the root key file.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_secure_environment::trust::{SealedKey, SigningKey};
use m2m_secure_environment::{
    Algorithm, Credential, Error, InProcess, OpenError, Partition, PartitionType, SystemClock, Template, Usage,
};
use m2m_trust::keys::{KeyUnavailable, PublicKey, Signer};
use m2m_trust::seal::{Decrypted, Recipient, SealError, SealingKey, Suite};

const FOLDER: &str = "keys";
const SIGNING: &str = "signing";
const SEALING: &str = "sealing";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The root key file or the folder.
    #[error("`{}`: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The Secure Environment does not open its store.
    #[error("key store in `{}`: {cause}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: OpenError,
    },
    /// The Secure Environment does not give or make a key.
    #[error("key `{alias}`: {cause}")]
    Key {
        /// Which.
        alias: &'static str,
        /// Why.
        cause: Error,
    },
    /// The store has no partition for them: it was made by something else.
    #[error("the key store has no keys of an authority; `m2m-authority init` makes them")]
    Empty,
}

/// An open key store.
pub struct KeyStore {
    partition: Partition,
}

impl KeyStore {
    /// Makes a store with a new root key in `folder`.
    ///
    /// # Errors
    /// [`KeyStoreError`]; also where there is one already.
    pub fn create(folder: &Path, root_key: &Path) -> Result<Self, KeyStoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| KeyStoreError::File { path, cause }
        };
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o600).open(root_key);
        let secret = crate::random::bytes::<32>();
        file.and_then(|mut file| {
            io::Write::write_all(&mut file, &secret)?;
            file.sync_all()
        })
        .map_err(failed(root_key))?;
        let keys = folder.join(FOLDER);
        std::fs::DirBuilder::new().mode(0o700).create(&keys).map_err(failed(&keys))?;
        let environment = open(&keys, root_key)?;
        let kind = PartitionType::provisioning();
        let id = environment.management().create_partition(&kind);
        let id = id.map_err(|cause| KeyStoreError::Key { alias: "partition", cause })?;
        Ok(Self { partition: Partition::new(environment.provisioning(), id) })
    }

    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn open(folder: &Path, root_key: &Path) -> Result<Self, KeyStoreError> {
        let environment = open(&folder.join(FOLDER), root_key)?;
        let partitions = environment.management().partitions();
        let partitions = partitions.map_err(|cause| KeyStoreError::Key { alias: "partition", cause })?;
        let own = partitions.iter().find(|(_, kind)| *kind == PartitionType::provisioning());
        let (id, _) = own.ok_or(KeyStoreError::Empty)?;
        Ok(Self { partition: Partition::new(environment.provisioning(), *id) })
    }

    /// Makes the signing key.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`], also where there is one already.
    pub fn make_signing(&self) -> Result<Signing, KeyStoreError> {
        self.make(SIGNING, Algorithm::Ed25519, Usage::SIGN_RAW)?;
        self.signing()
    }

    /// Makes the key that requests are sealed to.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`], also where there is one already.
    pub fn make_sealing(&self, suite: Suite) -> Result<Sealing, KeyStoreError> {
        let algorithm = match suite {
            Suite::XWing => Algorithm::XWing,
            Suite::X25519 => Algorithm::HpkeX25519,
        };
        self.make(SEALING, algorithm, Usage::UNSEAL_EXPORT)?;
        self.sealing()
    }

    fn make(&self, alias: &'static str, algorithm: Algorithm, usage: Usage) -> Result<(), KeyStoreError> {
        let template = Template::new(algorithm, usage).persistent();
        self.partition.generate(alias, &template).map(drop).map_err(|cause| KeyStoreError::Key { alias, cause })
    }

    /// The signing key.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`].
    pub fn signing(&self) -> Result<Signing, KeyStoreError> {
        let key = self.partition.open(SIGNING).and_then(SigningKey::open);
        key.map(Signing::new).map_err(|cause| KeyStoreError::Key { alias: SIGNING, cause })
    }

    /// The key that requests are sealed to.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`].
    pub fn sealing(&self) -> Result<Sealing, KeyStoreError> {
        let key = self.partition.open(SEALING).and_then(SealedKey::open);
        key.map(Sealing::new).map_err(|cause| KeyStoreError::Key { alias: SEALING, cause })
    }
}

fn open(keys: &Path, root_key: &Path) -> Result<InProcess, KeyStoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| KeyStoreError::File { path, cause }
    };
    let credential = Credential::new(std::fs::read(root_key).map_err(failed(root_key))?.into());
    let dir = Dir::open_ambient_dir(keys, ambient_authority()).map_err(failed(keys))?;
    InProcess::open(dir, &credential, Arc::new(SystemClock::new()))
        .map_err(|cause| KeyStoreError::Open { path: keys.to_owned(), cause })
}

/// A signing key, wherever it is held.
#[derive(Clone)]
pub struct Signing(Arc<dyn Signer + Send + Sync>);

impl Signing {
    /// A key that somebody else holds.
    #[must_use]
    pub fn new(key: impl Signer + Send + Sync + 'static) -> Self {
        Self(Arc::new(key))
    }
}

impl Signer for Signing {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyUnavailable> {
        self.0.sign(message)
    }
}

/// A key that requests are sealed to, wherever it is held.
#[derive(Clone)]
pub struct Sealing(Arc<dyn Recipient + Send + Sync>);

impl Sealing {
    /// A key that somebody else holds.
    #[must_use]
    pub fn new(key: impl Recipient + Send + Sync + 'static) -> Self {
        Self(Arc::new(key))
    }
}

impl Recipient for Sealing {
    fn sealing_key(&self) -> SealingKey {
        self.0.sealing_key()
    }

    fn decrypt(&self, info: &[u8], aad: &[u8], encapsulated: &[u8], ciphertext: &[u8]) -> Result<Decrypted, SealError> {
        self.0.decrypt(info, aad, encapsulated, ciphertext)
    }
}
