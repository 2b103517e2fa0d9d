//! What a partition and its keys offer over the provisioning channel, and nowhere else: over another one, each of these answers
//! [`Error::Reserved`].

use std::{collections::BTreeMap, fmt};

use m2m_trust::keys::AgreementKey;
use zeroize::Zeroizing;

use super::{KeyHandle, OTHER_ANSWER, Partition};
use crate::{Answer, Error, Operation, SessionId};

/// What [`KeyHandle::unseal_export`] gives.
pub struct Unsealed {
    /// The content.
    pub plaintext: Vec<u8>,
    /// 32 bytes that only the sender and this key can export.
    pub exported: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed(<{} bytes>)", self.plaintext.len())
    }
}

impl Partition {
    /// The partition's monotone counters by name.
    ///
    /// # Errors
    /// Those of every call.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>, Error> {
        match self.call(Operation::Counters)? {
            Answer::Counters(counters) => Ok(counters),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// Raises counters, all or none, and makes those that do not exist yet. Durable before it returns. The value that a counter
    /// has already is no step back. Names are 1 to 64 ASCII characters without blanks.
    ///
    /// # Errors
    /// [`Error::Rollback`] for the first that would go back; [`Error::Limit`] beyond 64 names; [`Error::Invalid`] or
    /// [`Error::TooLarge`] for a name; [`Error::Unavailable`] when the store cannot be written.
    pub fn raise_counters(&self, counters: &[(&str, u64)]) -> Result<(), Error> {
        let counters = counters.iter().map(|(name, value)| ((*name).into(), *value)).collect();
        self.call(Operation::RaiseCounters { counters }).map(|_| ())
    }
}

impl KeyHandle {
    /// Ed25519 over the message as it is (RFC 8032, section 5.1), as COSE wants it.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign), the message having at most
    /// [`RESERVED_REQUEST_BYTES_MAX`](crate::RESERVED_REQUEST_BYTES_MAX).
    pub fn sign_raw(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        match self.partition.call(Operation::SignRaw { key: self.handle, message: message.into() })? {
            Answer::Signature(signature) => Ok(signature.0),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// The public key that others seal to: 32 bytes, or 1,216 for X-Wing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an algorithm without one.
    pub fn encapsulation_key(&self) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::EncapsulationKey { key: self.handle })
    }

    /// Opens one message of HPKE base mode, by whichever version it was sealed to, and exports 32 bytes under
    /// `exporter_context` (RFC 9180, section 5.3).
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], and as for [`sign_raw`](Self::sign_raw).
    pub fn unseal_export(
        &self,
        info: &[u8],
        aad: &[u8],
        encapsulated: &[u8],
        ciphertext: &[u8],
        exporter_context: &[u8],
    ) -> Result<Unsealed, Error> {
        let operation = Operation::UnsealExport {
            key: self.handle,
            info: info.into(),
            aad: aad.into(),
            encapsulated: encapsulated.into(),
            ciphertext: ciphertext.into(),
            exporter_context: exporter_context.into(),
        };
        match self.partition.call(operation)? {
            Answer::Unsealed { plaintext, exported } => {
                Ok(Unsealed { plaintext: plaintext.into_vec(), exported: exported.0 })
            }
            _ => Err(OTHER_ANSWER),
        }
    }

    /// Begins a session of Noise with this key as static key, under an ephemeral key that is made inside.
    ///
    /// # Errors
    /// [`Error::Limit`] for sessions, and as for [`sign`](Self::sign).
    pub fn begin_noise(&self, initiator: bool, prologue: &[u8]) -> Result<NoiseSession, Error> {
        match self.partition.call(Operation::NoiseBegin { key: self.handle, initiator, prologue: prologue.into() })? {
            Answer::Session(id) => Ok(NoiseSession { partition: self.partition.clone(), id, remote_static: None }),
            _ => Err(OTHER_ANSWER),
        }
    }
}

/// A session of Noise, from the first message of its handshake. Dropping it ends it, and so does the end of its key.
pub struct NoiseSession {
    partition: Partition,
    id: SessionId,
    remote_static: Option<AgreementKey>,
}

impl NoiseSession {
    /// The next message of the handshake.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`], [`Error::TooLarge`]; [`Error::Invalid`] where the other side's key gives nothing secret;
    /// [`Error::NotFound`] once the session or its key has ended, here and in every other method.
    pub fn write(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        self.partition.bytes(Operation::NoiseWrite { session: self.id, payload: payload.into() })
    }

    /// The payload of the other side's message of the handshake. A message that is refused ends the handshake.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], and as for [`write`](Self::write).
    pub fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self.partition.call(Operation::NoiseRead { session: self.id, message: message.into() })? {
            Answer::Payload { payload, remote_static } => {
                self.remote_static = remote_static.map(|key| AgreementKey(key.0));
                Ok(payload.into_vec())
            }
            _ => Err(OTHER_ANSWER),
        }
    }

    /// The other side's static key, once a message has shown and authenticated it.
    #[must_use]
    pub fn remote_static(&self) -> Option<AgreementKey> {
        self.remote_static
    }

    /// Ends the handshake after its last message and gives its hash.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`].
    pub fn finish(&self) -> Result<[u8; 32], Error> {
        self.partition.bytes32(Operation::NoiseFinish { session: self.id })
    }

    /// After the handshake: encrypts, and gives the counter that the session took.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`], [`Error::TooLarge`].
    pub fn seal(&self, plaintext: &[u8]) -> Result<(u64, Vec<u8>), Error> {
        match self.partition.call(Operation::NoiseSeal { session: self.id, plaintext: plaintext.into() })? {
            Answer::Sealed { counter, ciphertext } => Ok((counter, ciphertext.into_vec())),
            _ => Err(OTHER_ANSWER),
        }
    }

    /// After the handshake: decrypts. Whether the counter came before is for the caller to know.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`], [`Error::OutOfTurn`].
    pub fn open(&self, counter: u64, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
        let operation = Operation::NoiseOpen { session: self.id, counter, ciphertext: ciphertext.into() };
        self.partition.bytes(operation)
    }
}

impl Drop for NoiseSession {
    fn drop(&mut self) {
        // A session whose key has ended is gone already, so an error means nothing here.
        let _ = self.partition.call(Operation::NoiseEnd { session: self.id });
    }
}

impl fmt::Debug for NoiseSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoiseSession").field("partition", &self.partition.id()).finish_non_exhaustive()
    }
}
