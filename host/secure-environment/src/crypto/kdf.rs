//! HKDF-SHA256 (RFC 5869). Each purpose has a salt of its own; everything that tells two keys apart is in `info`, where the only
//! part of variable length comes last.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Seed;
use crate::{Algorithm, Error};

const AGREE: &[u8] = b"m2m-secure-environment agree v1";
const DERIVE: &[u8] = b"m2m-secure-environment derive v1";

/// 32 bytes from `secret`.
pub(crate) fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<Seed, Error> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand_multi_info(info, out.as_mut())
        .map_err(|_| Error::unavailable("the key derivation failed"))?;
    Ok(out)
}

/// The key of an agreement between the holders of two public keys, whichever of them asks.
pub(crate) fn agreed(
    shared: &[u8; 32],
    publics: [&[u8; 32]; 2],
    algorithm: Algorithm,
    info: &[u8],
) -> Result<Seed, Error> {
    let [one, other] = publics;
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    expand(AGREE, shared, &[&[algorithm.number()], first, second, info])
}

/// A child of a symmetric key.
pub(crate) fn derived(root: &[u8; 32], algorithm: Algorithm, info: &[u8]) -> Result<Seed, Error> {
    expand(DERIVE, root, &[&[algorithm.number()], info])
}
