//! Noise in memory, over snow: what the holder of a static key uses.

use std::sync::Arc;

use snow::{HandshakeState, StatelessTransportState};
use zeroize::Zeroizing;

use super::PATTERN;
use super::crypto::{HANDLE, Resolver};
use super::noise::{NoiseError, NoiseHandshake, NoiseRole, NoiseTransport};
use super::vault::Vault;
use crate::identity::Digest;
use crate::keys::{Agreement, AgreementKey};

/// The longest message (Noise, section 3).
const MESSAGE_BYTES_MAX: usize = 65_535;
/// What a message of a handshake holds beside its payload: two public keys and two tags at most.
const OVERHEAD_BYTES_MAX: usize = 96;
const TAG_BYTES: usize = 16;

/// Begins a handshake of [`PATTERN`] in this process. `ephemeral` is 32 fresh random bytes, for this handshake only.
///
/// # Errors
/// [`NoiseError`].
pub fn software_handshake(
    own: Arc<dyn Agreement>,
    ephemeral: Zeroizing<[u8; 32]>,
    role: NoiseRole,
    prologue: &[u8],
) -> Result<Box<dyn NoiseHandshake>, NoiseError> {
    Ok(Box::new(Software::begin(own, ephemeral, role, prologue)?))
}

struct Software {
    noise: HandshakeState,
    vault: Arc<Vault>,
}

impl Software {
    fn begin(
        own: Arc<dyn Agreement>,
        ephemeral: Zeroizing<[u8; 32]>,
        role: NoiseRole,
        prologue: &[u8],
    ) -> Result<Self, NoiseError> {
        let vault = Arc::new(Vault::default());
        let resolver = Resolver { own, ephemeral, vault: vault.clone() };
        let builder = snow::Builder::with_resolver(PATTERN.parse()?, Box::new(resolver));
        let builder = builder.local_private_key(&HANDLE)?.prologue(prologue)?;
        let noise = match role {
            NoiseRole::Initiator => builder.build_initiator()?,
            NoiseRole::Responder => builder.build_responder()?,
        };
        Ok(Self { noise, vault })
    }

    fn finish(self) -> Result<(Transport, Digest), NoiseError> {
        let hash = <[u8; 32]>::try_from(self.noise.get_handshake_hash()).map_err(|_| NoiseError::OutOfTurn)?;
        let noise = self.noise.into_stateless_transport_mode()?;
        // The ciphers have their keys; nothing may be left that leads to them.
        self.vault.clear();
        Ok((Transport { noise, sent: 0 }, Digest(hash)))
    }
}

impl NoiseHandshake for Software {
    fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>, NoiseError> {
        if payload.len() > MESSAGE_BYTES_MAX - OVERHEAD_BYTES_MAX {
            return Err(NoiseError::TooLarge);
        }
        let mut message = vec![0; payload.len() + OVERHEAD_BYTES_MAX];
        let written = self.noise.write_message(payload, &mut message)?;
        message.truncate(written);
        Ok(message)
    }

    fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let mut payload = vec![0; message.len()];
        let read = self.noise.read_message(message, &mut payload)?;
        payload.truncate(read);
        Ok(payload)
    }

    fn remote_static(&self) -> Option<AgreementKey> {
        self.noise.get_remote_static().and_then(|key| key.try_into().ok()).map(AgreementKey)
    }

    fn finish(self: Box<Self>) -> Result<(Box<dyn NoiseTransport>, Digest), NoiseError> {
        let (transport, hash) = Self::finish(*self)?;
        Ok((Box::new(transport), hash))
    }
}

struct Transport {
    noise: StatelessTransportState,
    sent: u64,
}

impl NoiseTransport for Transport {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(u64, Vec<u8>), NoiseError> {
        if plaintext.len() > MESSAGE_BYTES_MAX - TAG_BYTES {
            return Err(NoiseError::TooLarge);
        }
        let counter = self.sent;
        let mut ciphertext = vec![0; plaintext.len() + TAG_BYTES];
        let written = self.noise.write_message(counter, plaintext, &mut ciphertext)?;
        ciphertext.truncate(written);
        self.sent = counter.saturating_add(1);
        Ok((counter, ciphertext))
    }

    fn open(&mut self, counter: u64, ciphertext: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let mut plaintext = vec![0; ciphertext.len()];
        let read = self.noise.read_message(counter, ciphertext, &mut plaintext)?;
        plaintext.truncate(read);
        Ok(plaintext)
    }
}

#[cfg(test)]
mod tests;
