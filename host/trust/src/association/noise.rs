//! The seam to whoever holds the static key of associations, be it this process or a Secure Environment.
//!
//! Behind it are all secrets of a handshake and of what follows: static, ephemeral and transport keys, and the nonces.

use crate::identity::Digest;
use crate::keys::{AgreementKey, KeyUnavailable};

/// An X25519 private key that is the static key of handshakes.
pub trait NoiseKey: Send + Sync {
    /// Its public half.
    fn public_key(&self) -> AgreementKey;

    /// Begins a handshake of [`PATTERN`](super::PATTERN) under a fresh ephemeral key.
    ///
    /// # Errors
    /// [`NoiseError::Unavailable`].
    fn begin(&self, role: NoiseRole, prologue: &[u8]) -> Result<Box<dyn NoiseHandshake>, NoiseError>;
}

/// Who sends the first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseRole {
    /// The one who does.
    Initiator,
    /// The other one.
    Responder,
}

/// A handshake that is under way. After an error it is of no more use.
pub trait NoiseHandshake: Send {
    /// The next message, with a payload of at most 65,535 bytes less two public keys and two tags (96 bytes).
    ///
    /// # Errors
    /// [`NoiseError`].
    fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>, NoiseError>;

    /// The payload of the message that the other side sent.
    ///
    /// # Errors
    /// [`NoiseError`].
    fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, NoiseError>;

    /// The other side's static key, once a message has shown and authenticated it.
    fn remote_static(&self) -> Option<AgreementKey>;

    /// Ends the handshake after the last message: what encrypts from now on, and the hash of all that was said.
    ///
    /// # Errors
    /// [`NoiseError::OutOfTurn`] before that.
    fn finish(self: Box<Self>) -> Result<(Box<dyn NoiseTransport>, Digest), NoiseError>;
}

/// Encryption both ways under the keys of a handshake. Messages may be lost and change places: each has its counter.
pub trait NoiseTransport: Send {
    /// Encrypts at most 65,519 bytes. The counter is this side's next one: 0, 1, 2 and so on, never twice.
    ///
    /// # Errors
    /// [`NoiseError::TooLarge`], [`NoiseError::Unavailable`].
    fn seal(&mut self, plaintext: &[u8]) -> Result<(u64, Vec<u8>), NoiseError>;

    /// Decrypts what the other side gave with this counter. Whether it came before is for the caller to know.
    ///
    /// # Errors
    /// [`NoiseError::NotAuthentic`], [`NoiseError::Unavailable`].
    fn open(&mut self, counter: u64, ciphertext: &[u8]) -> Result<Vec<u8>, NoiseError>;
}

/// Why a handshake does not go on, or a message is not encrypted or decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// Another prologue, key, counter or order, or changed on the way.
    #[error("not authentic in this handshake or under its keys")]
    NotAuthentic,
    /// A key agreement gave nothing secret, as a public key of small order does.
    #[error("key agreement failed")]
    Agreement,
    /// Not what is due now: the other side's turn, or after the last message.
    #[error("not due in this state of the handshake")]
    OutOfTurn,
    /// Longer than a message of Noise can be: 65,535 bytes.
    #[error("longer than a message can be")]
    TooLarge,
    /// The holder of the keys did not answer, or has ended them.
    #[error(transparent)]
    Unavailable(#[from] KeyUnavailable),
}

impl From<snow::Error> for NoiseError {
    fn from(error: snow::Error) -> Self {
        match error {
            snow::Error::Dh => Self::Agreement,
            snow::Error::State(_) => Self::OutOfTurn,
            _ => Self::NotAuthentic,
        }
    }
}
