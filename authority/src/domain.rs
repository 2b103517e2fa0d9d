//! What all roles of a trust domain know of it: `domain.json` and the signed bundle.

use std::path::{Path, PathBuf};

use m2m_trust::bundle::TrustBundle;
use m2m_trust::clock_floor::ClockFloor;
use m2m_trust::identity::TrustDomain;
use m2m_trust::keys::PublicKey;
use serde::{Deserialize, Serialize};

use crate::settings::{Role, Settings};

/// The description of a domain, beside the folders of its roles.
pub const FILE_NAME: &str = "domain.json";
/// The signed bundle beside it.
pub const BUNDLE_FILE_NAME: &str = "bundle.cose";

/// `domain.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DomainDescription {
    /// What people call it.
    pub name: String,
    /// The trust domain, 16 bytes.
    #[serde(with = "hex::serde")]
    pub domain: [u8; 16],
    /// Root keys, 32 bytes each.
    pub roots: Vec<RootKeyText>,
    /// The servers.
    pub servers: Vec<Server>,
}

/// A root key in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RootKeyText(#[serde(with = "hex::serde")] pub [u8; 32]);

/// A server of the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Its role.
    pub role: Role,
    /// Its name.
    pub id: String,
    /// Where it is reached.
    pub url: String,
}

/// A verified bundle with what it was verified under.
#[derive(Debug, Clone)]
pub struct Domain {
    /// What people call it.
    pub name: String,
    /// The root keys.
    pub roots: Vec<PublicKey>,
    /// The servers.
    pub servers: Vec<Server>,
    /// The bundle.
    pub bundle: TrustBundle,
    /// The bundle as it is signed.
    pub signed_bundle: Vec<u8>,
}

/// Why a domain cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// A file is missing or cannot be read.
    #[error("`{}`: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// `domain.json` is not one.
    #[error("`{}`: {cause}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
    /// A root key that is none.
    #[error("`{}`: root key {index}: {cause}", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// Its place, from 0.
        index: usize,
        /// Why.
        cause: m2m_trust::keys::KeyError,
    },
    /// The bundle is not of this domain.
    #[error("`{}`: {cause}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: m2m_trust::bundle::BundleError,
    },
}

impl Domain {
    /// Reads and verifies the domain that the settings name.
    ///
    /// # Errors
    /// [`DomainError`] with the file.
    pub fn of(settings: &Settings) -> Result<Self, DomainError> {
        Self::read(&settings.domain, &settings.bundle)
    }

    /// Reads and verifies the domain in a folder.
    ///
    /// # Errors
    /// [`DomainError`] with the file.
    pub fn in_folder(folder: &Path) -> Result<Self, DomainError> {
        Self::read(&folder.join(FILE_NAME), &folder.join(BUNDLE_FILE_NAME))
    }

    fn read(description: &Path, bundle: &Path) -> Result<Self, DomainError> {
        let path = description.to_owned();
        let read =
            |path: &Path| std::fs::read(path).map_err(|cause| DomainError::Read { path: path.to_owned(), cause });
        let described: DomainDescription = serde_json::from_slice(&read(description)?)
            .map_err(|cause| DomainError::Description { path: path.clone(), cause })?;
        let root = |(index, root): (usize, &RootKeyText)| {
            PublicKey::from_bytes(&root.0).map_err(|cause| DomainError::Root { path: path.clone(), index, cause })
        };
        let roots = described.roots.iter().enumerate().map(root).collect::<Result<Vec<_>, _>>()?;
        let signed_bundle = read(bundle)?;
        let domain = TrustDomain(described.domain);
        let accepted = TrustBundle::accept(&signed_bundle, &domain, &roots, &mut ClockFloor::default());
        let accepted = accepted.map_err(|cause| DomainError::Bundle { path: bundle.to_owned(), cause })?;
        Ok(Self { name: described.name, roots, servers: described.servers, bundle: accepted, signed_bundle })
    }

    /// Where a server is reached.
    #[must_use]
    pub fn url(&self, role: Role, id: &str) -> Option<&str> {
        self.servers.iter().find(|server| server.role == role && server.id == id).map(|server| server.url.as_str())
    }
}
