//! Components from outside: bounded, recognised and digested before anything else looks at them.

use std::io::Read;

use cap_std::fs::Dir;

use crate::digest::Sha256Digest;
use crate::manifest::ConfinedPath;

/// The largest component that is taken in.
pub const COMPONENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const ELF: &[u8] = b"\x7fELF";

/// The bytes of something that begins like a component, and their digest. Only these bytes are ever compiled.
#[derive(Debug)]
pub struct ComponentBytes {
    bytes: Vec<u8>,
    digest: Sha256Digest,
}

/// Why a file is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The file could not be read.
    #[error("could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// Over [`COMPONENT_BYTES_MAX`].
    #[error("is larger than {COMPONENT_BYTES_MAX} bytes, the most that a component may have")]
    TooLarge,
    /// A core module.
    #[error(
        "is a core module, and a component is expected: build it with `m2m-host build`, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Compiled code, which would be run without a check.
    #[error(
        "is compiled code, which is only ever taken from the node's own cache: give the `.wasm` file it was compiled from"
    )]
    Precompiled,
    /// Something else.
    #[error("is no WebAssembly component: it begins with `{begins}`")]
    NoComponent {
        /// The first bytes, in hexadecimal.
        begins: String,
    },
    /// Not the component that was named.
    #[error("has the digest {found}, and {expected} is expected ({named_in}): another build, or a changed file")]
    WrongDigest {
        /// Of the bytes that were read.
        found: Sha256Digest,
        /// As named.
        expected: Sha256Digest,
        /// Where it is named.
        named_in: String,
    },
}

impl ComponentBytes {
    /// Reads a file once.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn read(folder: &Dir, path: &ConfinedPath) -> Result<Self, IntakeError> {
        Self::take_in(folder.open(path)?)
    }

    /// Reads what was opened, up to the limit.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn take_in(file: impl Read) -> Result<Self, IntakeError> {
        let mut bytes = Vec::new();
        file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Self::try_from(bytes)
    }

    /// # Errors
    /// [`IntakeError::WrongDigest`].
    pub fn check_digest(&self, expected: Sha256Digest, named_in: &str) -> Result<(), IntakeError> {
        if self.digest == expected {
            return Ok(());
        }
        Err(IntakeError::WrongDigest { found: self.digest, expected, named_in: named_in.to_owned() })
    }

    /// As they were digested.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of exactly these bytes.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

impl TryFrom<Vec<u8>> for ComponentBytes {
    type Error = IntakeError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, IntakeError> {
        if bytes.len() as u64 > COMPONENT_BYTES_MAX {
            return Err(IntakeError::TooLarge);
        }
        match bytes.get(..8) {
            Some(COMPONENT) => Ok(Self { digest: Sha256Digest::of(&bytes), bytes }),
            Some(CORE_MODULE) => Err(IntakeError::CoreModule),
            Some(begins) if begins.starts_with(ELF) => Err(IntakeError::Precompiled),
            begins => Err(IntakeError::NoComponent { begins: hex::encode(begins.unwrap_or(&bytes)) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> IntakeError {
        ComponentBytes::try_from(bytes.to_vec()).unwrap_err()
    }

    #[test]
    fn only_components_are_taken_in() {
        ComponentBytes::try_from(COMPONENT.to_vec()).unwrap();
        assert!(matches!(refused(CORE_MODULE), IntakeError::CoreModule));
        assert!(matches!(refused(b"\x7fELF\x02\x01\x01\0"), IntakeError::Precompiled));
        assert!(matches!(refused(b"hello, world"), IntakeError::NoComponent { .. }));
        assert!(matches!(refused(b""), IntakeError::NoComponent { .. }));
    }

    #[test]
    fn too_large_is_said_before_anything_else() {
        let bytes = vec![0; usize::try_from(COMPONENT_BYTES_MAX).unwrap() + 1];
        assert!(matches!(ComponentBytes::try_from(bytes), Err(IntakeError::TooLarge)));
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let component = ComponentBytes::try_from(COMPONENT.to_vec()).unwrap();
        component.check_digest(Sha256Digest::of(COMPONENT), "node.toml").unwrap();
        let other = component.check_digest(Sha256Digest([0; 32]), "node.toml");
        assert!(matches!(other, Err(IntakeError::WrongDigest { .. })));
    }
}
