//! Randomness from the operating system.

use rand_core::UnwrapErr;

/// Draws from the operating system; a system that has none to give ends the thread that asked, before anything is issued.
pub(crate) fn system() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// New random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_core::Rng::fill_bytes(&mut system(), &mut bytes);
    bytes
}
