//! The state folder: keys, audit, cache, ties and the control socket. For one node at a time, and for its user alone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, File, MetadataExt, OpenOptions, OpenOptionsExt};
use m2m_secure_environment::{
    Channel, Credential, InProcess, Management, OpenError, Passphrase, PassphraseCost, SystemClock,
};
use rustix::fs::{FlockOperation, flock};

use crate::manifest::{Manifest, RootKey};

const LOCK: &str = "lock";

/// An open state folder. While it is held no other node can open it.
pub struct StateFolder {
    dir: Dir,
    path: PathBuf,
    _lock: File,
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another node runs on it.
    #[error(
        "another node runs on the state folder `{0}`: stop it first, or give this node a folder of its own (`node.state`)"
    )]
    InUse(PathBuf),
    /// Others may read it.
    #[error("the state folder `{path}` has mode {mode:o}, and others must not reach it: `chmod 700 {path}`")]
    Open {
        /// The folder.
        path: PathBuf,
        /// As it is.
        mode: u32,
    },
    /// It could not be made, opened or locked.
    #[error("the state folder `{path}`: {error}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is no root key.
    #[error(
        "there is no root key at `{path}`. Bring it back if this node has keys already: another one cannot open them. For a new node: `head -c 32 /dev/urandom > {path} && chmod 600 {path}`"
    )]
    NoRootKey {
        /// The file.
        path: PathBuf,
    },
    /// The root key, or the passphrase for it, could not be read.
    #[error("the root key `{path}`: {error}")]
    RootKey {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The Secure Environment could not be opened.
    #[error("the Secure Environment could not be opened: {0}")]
    SecureEnvironment(#[from] OpenError),
}

impl StateFolder {
    /// Opens it, and makes it where it is missing. `base` is the folder of `node.toml`.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(base: &Dir, base_path: &Path, manifest: &Manifest) -> Result<Self, StateError> {
        let path = base_path.join(&manifest.node.state);
        let io = |error| StateError::Io { path: path.clone(), error };
        match base.create_dir_with(&manifest.node.state, DirBuilder::new().mode(0o700)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        let dir = base.open_dir(&manifest.node.state).map_err(io)?;
        let mode = dir.dir_metadata().map_err(io)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StateError::Open { path, mode });
        }
        let lock = dir.open_with(LOCK, OpenOptions::new().write(true).create(true).mode(0o600)).map_err(io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { dir, path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::InUse(path)),
            Err(error) => Err(io(error.into())),
        }
    }

    /// The folder itself.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside, made where it is missing.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn folder(&self, name: &str) -> Result<Dir, StateError> {
        let io = |error| StateError::Io { path: self.path.join(name), error };
        match self.dir.create_dir_with(name, DirBuilder::new().mode(0o700)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        self.dir.open_dir(name).map_err(io)
    }

    /// Unlocks the Secure Environment in it. The third role comes apart: it is given away once, to provisioning.
    ///
    /// # Errors
    /// [`StateError::RootKey`] or [`StateError::SecureEnvironment`].
    pub fn secure_environment(
        &self,
        base_path: &Path,
        root_key: &RootKey,
    ) -> Result<(SecureEnvironment, ProvisioningChannel), StateError> {
        let dir = self.folder("keys")?;
        let clock = Arc::new(SystemClock::new());
        let in_process = match root_key {
            RootKey::Credential(path) => {
                let path = base_path.join(path);
                let missing = |error| match error {
                    StateError::RootKey { path, error } if error.kind() == io::ErrorKind::NotFound => {
                        StateError::NoRootKey { path }
                    }
                    other => other,
                };
                let provider = Credential::new(read_secret(&path).map_err(missing)?.into());
                InProcess::open(dir, &provider, clock)?
            }
            RootKey::PassphraseFile(path) => {
                let mut passphrase = read_secret(&base_path.join(path))?;
                // An editor's last line feed is not part of it.
                passphrase.pop_if(|last| *last == b'\n');
                let provider = Passphrase::new(passphrase.into(), PassphraseCost::default());
                InProcess::open(dir, &provider, clock)?
            }
        };
        let roles = SecureEnvironment { channel: in_process.channel(), management: in_process.management() };
        Ok((roles, ProvisioningChannel(in_process.provisioning())))
    }
}

/// The way to the keys of provisioning. There is one of it, and who takes part in no M2M system drops it.
pub struct ProvisioningChannel(Arc<dyn Channel>);

impl ProvisioningChannel {
    pub(crate) fn into_inner(self) -> Arc<dyn Channel> {
        self.0
    }
}

/// Two of the roles towards the Secure Environment.
pub struct SecureEnvironment {
    /// For partitions.
    pub channel: Arc<dyn Channel>,
    /// For whoever starts the node.
    pub management: Arc<dyn Management>,
}

fn read_secret(path: &Path) -> Result<Vec<u8>, StateError> {
    let root_key = |error| StateError::RootKey { path: path.to_owned(), error };
    let (parent, name) = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => (parent, name),
        _ => return Err(root_key(io::ErrorKind::InvalidInput.into())),
    };
    let folder = Dir::open_ambient_dir(parent, ambient_authority()).map_err(root_key)?;
    let mode = folder.metadata(name).map_err(root_key)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let others = format!("others can read it (mode {mode:o}): `chmod 600` it");
        return Err(root_key(io::Error::new(io::ErrorKind::PermissionDenied, others)));
    }
    folder.read(name).map_err(root_key)
}
