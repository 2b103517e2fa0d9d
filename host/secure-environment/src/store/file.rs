//! How every file of the store begins and how those without secrets are authenticated:
//!
//! `M2M-SE`, kind (1 byte), format (2 bytes, big-endian), body, HMAC-SHA256 over all of it (32 bytes).
//!
//! The key of that HMAC is the file's own (store id and file name go into it), so that no file passes for another.

use serde::{Serialize, de::DeserializeOwned};

use super::RootKey;
use crate::{
    Error, OpenError,
    crypto::{hmac, kdf},
};

const MAGIC: &[u8; 6] = b"M2M-SE";
const FORMAT: u16 = 1;
const MAC_SALT: &[u8] = b"m2m-secure-environment file v1";

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Header = b'S' as isize,
    Manifest = b'M' as isize,
    Head = b'H' as isize,
    Key = b'K' as isize,
}

/// The beginning of a file.
pub(crate) fn begin(kind: Kind) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(kind as u8);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes
}

/// What follows the beginning, if that is right.
pub(crate) fn after_beginning<'a>(kind: Kind, file: &str, bytes: &'a [u8]) -> Result<&'a [u8], OpenError> {
    let broken = || broken(file, "the beginning of a file of this kind");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(broken)?;
    let (found, rest) = rest.split_first().ok_or_else(broken)?;
    let (format, rest) = rest.split_first_chunk::<2>().ok_or_else(broken)?;
    if *found != kind as u8 {
        return Err(broken());
    }
    match u16::from_be_bytes(*format) {
        FORMAT => Ok(rest),
        format => Err(OpenError::Format { file: file.to_owned(), format, known: FORMAT }),
    }
}

/// A whole file with `body`, authenticated under the key of `file`.
pub(crate) fn write(key: &hmac::Key, kind: Kind, body: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = begin(kind);
    encode(body, &mut bytes)?;
    let tag = key.mac(&[&bytes]);
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// The body of a file that `write` made under the same key.
pub(crate) fn read<T: DeserializeOwned>(key: &hmac::Key, kind: Kind, file: &str, bytes: &[u8]) -> Result<T, OpenError> {
    after_beginning(kind, file, bytes)?;
    let (content, tag) = split_tag(file, bytes)?;
    if !bool::from(key.verify(&[content], tag)) {
        return Err(broken(file, "what this store wrote there"));
    }
    decode(file, after_beginning(kind, file, content)?)
}

/// The body of a file that is not authenticated yet, because what authenticates it is inside.
pub(crate) fn peek<T: DeserializeOwned>(kind: Kind, file: &str, bytes: &[u8]) -> Result<T, OpenError> {
    let (content, _) = split_tag(file, bytes)?;
    decode(file, after_beginning(kind, file, content)?)
}

/// The key that authenticates `file` in this store.
pub(crate) fn mac_key(root: &RootKey, store: &[u8; 16], file: &str) -> Result<hmac::Key, Error> {
    Ok(hmac::Key::new(&*kdf::expand(MAC_SALT, root.expose(), &[store, file.as_bytes()])?))
}

pub(crate) fn encode(value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), Error> {
    ciborium::into_writer(value, bytes).map_err(|_| Error::unavailable("a file of the store could not be encoded"))
}

pub(crate) fn decode<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, OpenError> {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).map_err(|_| broken(file, "a body that can be decoded"))?;
    if rest.is_empty() { Ok(value) } else { Err(broken(file, "nothing after the body")) }
}

pub(crate) fn broken(file: &str, expected: &'static str) -> OpenError {
    OpenError::Broken { file: file.to_owned(), expected }
}

fn split_tag<'a>(file: &str, bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8; 32]), OpenError> {
    bytes.split_last_chunk::<32>().ok_or_else(|| broken(file, "a body and an authentication tag"))
}
