//! What a signature of the Secure Environment covers, so that one given for a purpose is worthless for another.
//!
//! The signed message is the concatenation of
//!
//! | part | bytes |
//! |---|---|
//! | label | `m2m-secure-environment/sign/v1` and a zero byte |
//! | length of the partition type | 1 |
//! | partition type, such as `ae` | 1 to 32 |
//! | length of the context | 1 |
//! | context, UTF-8 | 0 to 255 |
//! | message | the rest |
//!
//! signed with plain Ed25519 (RFC 8032, section 5.1). Anyone who has the public key, the type and the context can verify it with
//! any implementation of Ed25519.

use crate::{Error, PartitionType, crypto::ed25519, operation::CONTEXT_BYTES_MAX};

const LABEL: &[u8] = b"m2m-secure-environment/sign/v1\0";

/// The bytes that are signed for `message` under `context` in a partition of type `kind`.
///
/// # Errors
/// [`Error::TooLarge`] for a context over 255 bytes.
///
/// ```
/// use m2m_secure_environment::{PartitionType, signing_input};
///
/// let input = signing_input(&PartitionType::new("ae")?, "metering/report", b"42 kWh")?;
/// assert_eq!(input, b"m2m-secure-environment/sign/v1\0\x02ae\x0fmetering/report42 kWh");
/// # Ok::<(), m2m_secure_environment::Error>(())
/// ```
pub fn signing_input(kind: &PartitionType, context: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
    with_parts(kind, context, message, |parts| Ok(parts.concat()))
}

/// Whether `signature` is one that a key in a partition of type `kind` gave, strictly: a public key of small order and every
/// encoding that is not canonical make it false. Needs no Secure Environment.
///
/// # Errors
/// [`Error::TooLarge`] for a context over 255 bytes.
pub fn verify_signature(
    kind: &PartitionType,
    public_key: &[u8; 32],
    context: &str,
    message: &[u8],
    signature: &[u8; 64],
) -> Result<bool, Error> {
    Ok(ed25519::verify(public_key, &signing_input(kind, context, message)?, signature))
}

/// Hands the parts to `use_parts` without joining them.
pub(crate) fn with_parts<T>(
    kind: &PartitionType,
    context: &str,
    message: &[u8],
    use_parts: impl FnOnce(&[&[u8]]) -> Result<T, Error>,
) -> Result<T, Error> {
    const TOO_LARGE: Error = Error::TooLarge { max_bytes: CONTEXT_BYTES_MAX };
    let kind = kind.as_str().as_bytes();
    let kind_length = u8::try_from(kind.len()).map_err(|_| TOO_LARGE)?;
    let context_length = u8::try_from(context.len()).map_err(|_| TOO_LARGE)?;
    use_parts(&[LABEL, &[kind_length], kind, &[context_length], context.as_bytes(), message])
}
