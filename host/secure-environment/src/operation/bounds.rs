//! What is checked of an operation before anything is done with it: its size, and which channel carries it.

use super::Operation;
use crate::{Error, crypto::aead};

/// All variable-length input of one operation together, at most.
pub const REQUEST_BYTES_MAX: u32 = 65_536;
/// Longest context of a signature.
pub const CONTEXT_BYTES_MAX: u32 = 255;
/// Most random bytes in one operation.
pub const RANDOM_BYTES_MAX: u32 = 1_024;
/// All variable-length input of one reserved operation, at most: a revocation list of 1 MiB is signed in one piece.
pub const RESERVED_REQUEST_BYTES_MAX: u32 = 1_114_112;
/// Longest name of a counter.
pub const COUNTER_NAME_BYTES_MAX: u32 = 64;
/// What `encrypt` adds to a plaintext: key version (4), nonce (24), tag (16).
pub const ENCRYPT_OVERHEAD_BYTES: usize = 4 + aead::OVERHEAD_BYTES;
/// What `seal` adds to a plaintext: encapsulated key (32), tag (16).
pub const SEAL_OVERHEAD_BYTES: usize = 48;

impl Operation<'_> {
    /// Whether only the provisioning channel carries it.
    pub(crate) fn is_reserved(&self) -> bool {
        match self {
            Self::SignRaw { .. }
            | Self::EncapsulationKey { .. }
            | Self::UnsealExport { .. }
            | Self::NoiseBegin { .. }
            | Self::NoiseWrite { .. }
            | Self::NoiseRead { .. }
            | Self::NoiseFinish { .. }
            | Self::NoiseSeal { .. }
            | Self::NoiseOpen { .. }
            | Self::NoiseEnd { .. }
            | Self::Counters
            | Self::RaiseCounters { .. } => true,
            Self::Generate { .. }
            | Self::Open { .. }
            | Self::Aliases
            | Self::Close { .. }
            | Self::Attributes { .. }
            | Self::PublicKey { .. }
            | Self::Sign { .. }
            | Self::Encrypt { .. }
            | Self::Decrypt { .. }
            | Self::Unseal { .. }
            | Self::Agree { .. }
            | Self::Derive { .. }
            | Self::Mac { .. }
            | Self::VerifyMac { .. }
            | Self::Rotate { .. }
            | Self::Destroy { .. }
            | Self::Attest { .. }
            | Self::Verify { .. }
            | Self::Seal { .. }
            | Self::Random { .. } => false,
        }
    }

    /// Whether it only frees something: such a call always works.
    pub(crate) fn only_frees(&self) -> bool {
        matches!(self, Self::Close { .. } | Self::NoiseEnd { .. })
    }

    /// Refuses what is over a size limit, before anything is done with it. What `encrypt` or `seal` took, `decrypt` and `unseal`
    /// take back: their overhead does not count.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let bytes = match self {
            Self::Sign { context, message, .. } | Self::Verify { context, message, .. } => {
                if context.len() > CONTEXT_BYTES_MAX as usize {
                    return Err(Error::TooLarge { max_bytes: CONTEXT_BYTES_MAX });
                }
                message.len()
            }
            Self::Random { bytes } if *bytes > RANDOM_BYTES_MAX => {
                return Err(Error::TooLarge { max_bytes: RANDOM_BYTES_MAX });
            }
            Self::Encrypt { aad, plaintext, .. } => aad.len() + plaintext.len(),
            Self::Decrypt { aad, ciphertext, .. } => {
                aad.len() + ciphertext.len().saturating_sub(ENCRYPT_OVERHEAD_BYTES)
            }
            Self::Seal { info, aad, plaintext, .. } => info.len() + aad.len() + plaintext.len(),
            Self::Unseal { info, aad, sealed, .. } => {
                info.len() + aad.len() + sealed.len().saturating_sub(SEAL_OVERHEAD_BYTES)
            }
            Self::Agree { info, .. } | Self::Derive { info, .. } => info.len(),
            Self::Mac { message, .. } | Self::VerifyMac { message, .. } => message.len(),
            Self::Attest { nonce, .. } => nonce.len(),
            Self::SignRaw { message, .. } => message.len(),
            Self::UnsealExport { info, aad, encapsulated, ciphertext, exporter_context, .. } => {
                info.len() + aad.len() + encapsulated.len() + ciphertext.len() + exporter_context.len()
            }
            Self::NoiseBegin { prologue, .. } => prologue.len(),
            Self::NoiseWrite { payload, .. } => payload.len(),
            Self::NoiseRead { message, .. } => message.len(),
            Self::NoiseSeal { plaintext, .. } => plaintext.len(),
            Self::NoiseOpen { ciphertext, .. } => ciphertext.len(),
            Self::RaiseCounters { counters } => {
                if counters.iter().any(|(name, _)| name.len() > COUNTER_NAME_BYTES_MAX as usize) {
                    return Err(Error::TooLarge { max_bytes: COUNTER_NAME_BYTES_MAX });
                }
                counters.iter().map(|(name, _)| name.len()).sum()
            }
            Self::Generate { .. }
            | Self::Open { .. }
            | Self::Aliases
            | Self::Close { .. }
            | Self::Attributes { .. }
            | Self::PublicKey { .. }
            | Self::Rotate { .. }
            | Self::Destroy { .. }
            | Self::Random { .. }
            | Self::EncapsulationKey { .. }
            | Self::NoiseFinish { .. }
            | Self::NoiseEnd { .. }
            | Self::Counters => 0,
        };
        let max_bytes = if self.is_reserved() { RESERVED_REQUEST_BYTES_MAX } else { REQUEST_BYTES_MAX };
        if bytes > max_bytes as usize { Err(Error::TooLarge { max_bytes }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HandleId;

    #[test]
    fn sizes() {
        let full = vec![0; REQUEST_BYTES_MAX as usize];
        let encrypt = |aad: &'static [u8]| Operation::Encrypt {
            key: HandleId(0),
            aad: aad.into(),
            plaintext: full.as_slice().into(),
        };
        assert_eq!(encrypt(b"").check_size(), Ok(()));
        assert_eq!(encrypt(b"x").check_size(), Err(Error::TooLarge { max_bytes: 65_536 }));
        let raw = vec![0; RESERVED_REQUEST_BYTES_MAX as usize + 1];
        let sign_raw = |bytes: &'static [u8]| Operation::SignRaw { key: HandleId(0), message: bytes.into() };
        let raw: &'static [u8] = raw.leak();
        assert_eq!(sign_raw(&raw[1..]).check_size(), Ok(()));
        assert_eq!(sign_raw(raw).check_size(), Err(Error::TooLarge { max_bytes: 1_114_112 }));
        let raise = |name: String| Operation::RaiseCounters { counters: vec![(name.into(), 1)] }.check_size();
        assert_eq!(raise("x".repeat(64)), Ok(()));
        assert_eq!(raise("x".repeat(65)), Err(Error::TooLarge { max_bytes: 64 }));
        assert_eq!(Operation::Random { bytes: 1024 }.check_size(), Ok(()));
        assert_eq!(Operation::Random { bytes: 1025 }.check_size(), Err(Error::TooLarge { max_bytes: 1024 }));
    }
}
