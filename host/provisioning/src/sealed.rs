//! The state file: encrypted by a key of the Secure Environment, which also counts its versions, so that an older file put back is
//! noticed.

use ciborium::de::Error as DecodeError;
use m2m_secure_environment::{Bytes, Error as SeError, KeyHandle, REQUEST_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::files::Files;
use crate::keys::Keys;
use crate::state::State;

const FILE: &str = "state.sealed";
const LABEL: &[u8] = b"m2m-provisioning state 1";
const COUNTER: &str = "state";
/// So that a chunk with its associated data is one request to the Secure Environment.
const CHUNK_BYTES: usize = REQUEST_BYTES_MAX as usize - 1_024;

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading or writing failed.
    #[error("`{FILE}` in the folder `trust` of the state folder: {0}")]
    Io(#[from] std::io::Error),
    /// Not what this node wrote.
    #[error(
        "`{FILE}` is not authentic: restore the state folder from where it was last whole, or remove the file and enrol again"
    )]
    NotAuthentic,
    /// An older file than the last one written.
    #[error(
        "`{FILE}` has number {found}, and {newest} was written: it was put back to an earlier state, where used pseudonyms count as unused; remove the file and enrol again"
    )]
    PutBack {
        /// The file's number.
        found: u64,
        /// The highest number written.
        newest: u64,
    },
    /// The Secure Environment refused.
    #[error("the Secure Environment: {0}")]
    SecureEnvironment(#[from] SeError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    number: u64,
    chunks: Vec<Bytes<'static>>,
}

/// The sealed file.
pub(crate) struct SealedState {
    key: KeyHandle,
    number: u64,
}

impl SealedState {
    /// Opens it; without a file the state is a new one.
    pub(crate) fn open(files: &dyn Files, keys: &Keys) -> Result<(Self, State), StateError> {
        let (key, newest) = (keys.state_key()?, keys.counter(COUNTER)?);
        let Some(content) = files.read(FILE)? else {
            if newest > 0 {
                tracing::warn!("`{FILE}` is gone: the node enrols again");
            }
            return Ok((Self { key, number: newest }, State::default()));
        };
        let sealed: Sealed =
            ciborium::from_reader(content.as_slice()).map_err(|_: DecodeError<_>| StateError::NotAuthentic)?;
        let state = unseal(&key, &sealed)?;
        if sealed.number < newest {
            return Err(StateError::PutBack { found: sealed.number, newest });
        }
        Ok((Self { key, number: sealed.number }, state))
    }

    /// Writes a state; durable before this returns.
    ///
    /// The counter follows the file: a cut in between leaves a file that is ahead of it, which opens.
    pub(crate) fn write(&mut self, state: &State, files: &dyn Files, keys: &Keys) -> Result<(), StateError> {
        let number = self.number.saturating_add(1);
        let mut plaintext = Vec::new();
        // Writing to a Vec has no error, and the state holds nothing that CBOR cannot.
        let _ = ciborium::into_writer(state, &mut plaintext);
        let pieces: Vec<_> = plaintext.chunks(CHUNK_BYTES).collect();
        let seal = |(index, piece): (usize, &&[u8])| {
            self.key.encrypt(&associated(number, index, pieces.len()), piece).map(Bytes::from)
        };
        let chunks = pieces.iter().enumerate().map(seal).collect::<Result<_, _>>()?;
        let mut content = Vec::new();
        let _ = ciborium::into_writer(&Sealed { number, chunks }, &mut content);
        files.replace(FILE, &content)?;
        self.number = number;
        keys.raise_counter(COUNTER, number)?;
        Ok(())
    }
}

fn unseal(key: &KeyHandle, sealed: &Sealed) -> Result<State, StateError> {
    let mut plaintext = Vec::new();
    for (index, chunk) in sealed.chunks.iter().enumerate() {
        let piece = key.decrypt(&associated(sealed.number, index, sealed.chunks.len()), chunk);
        plaintext.extend(piece.map_err(|error| match error {
            SeError::NotAuthentic | SeError::Invalid(_) | SeError::TooLarge { .. } => StateError::NotAuthentic,
            other => StateError::SecureEnvironment(other),
        })?);
    }
    ciborium::from_reader(plaintext.as_slice()).map_err(|_: DecodeError<_>| StateError::NotAuthentic)
}

/// Binds a chunk to its place in its file.
fn associated(number: u64, index: usize, count: usize) -> Vec<u8> {
    let [index, count] = [index, count].map(|number| u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes());
    [LABEL, &number.to_be_bytes(), &index, &count].concat()
}
