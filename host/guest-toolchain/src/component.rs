//! What a build gives.

use std::{fmt, fs, path::PathBuf};

use sha2::{Digest, Sha256};

use crate::BuildError;

/// One component, as it lies in the target directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltComponent {
    /// The name of its package.
    pub name: String,
    /// The `.wasm` file.
    pub path: PathBuf,
    /// Its length.
    pub size_bytes: u64,
    /// The digest of its bytes.
    pub sha256: [u8; 32],
}

impl BuiltComponent {
    pub(crate) fn read(name: String, path: PathBuf) -> Result<Self, BuildError> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(BuildError::Component { path, source }),
        };
        Ok(BuiltComponent { name, path, size_bytes: bytes.len() as u64, sha256: Sha256::digest(&bytes).into() })
    }

    /// As a capability file names it: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        struct Hex<'a>(&'a [u8]);
        impl fmt::Display for Hex<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        format!("sha256:{}", Hex(&self.sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_capability_files_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, b"abc").unwrap();
        let component = BuiltComponent::read("a".to_owned(), path).unwrap();
        assert_eq!(component.size_bytes, 3);
        // FIPS 180-4, the one-block example
        assert_eq!(component.digest(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
