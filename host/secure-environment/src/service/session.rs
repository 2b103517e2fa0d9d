//! A session of Noise: the handshake, and the encryption that it ends in. Its ephemeral and transport keys never leave it.

use std::sync::{Arc, Mutex};

use m2m_trust::{
    association::{NoiseHandshake, NoiseTransport},
    keys::AgreementKey,
};

use super::{key::Key, lock};
use crate::Error;

/// A session and the key that it was begun with.
///
/// INVARIANT (a session ends with its key): whatever takes a key out of a partition takes its sessions out as well.
pub(crate) struct Session {
    pub(crate) key: Arc<Key>,
    state: Mutex<State>,
}

enum State {
    Handshake(Box<dyn NoiseHandshake>),
    Transport(Box<dyn NoiseTransport>),
    /// After a message that was refused, nothing of a handshake can be trusted.
    Failed,
}

/// What a message of the handshake carried.
pub(crate) struct Read {
    pub(crate) payload: Vec<u8>,
    /// The other side's static key, once it is known.
    pub(crate) remote_static: Option<AgreementKey>,
}

impl Session {
    pub(crate) fn new(key: Arc<Key>, handshake: Box<dyn NoiseHandshake>) -> Self {
        Self { key, state: Mutex::new(State::Handshake(handshake)) }
    }

    pub(crate) fn write(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        self.handshake(|handshake| Ok(handshake.write(payload)?))
    }

    pub(crate) fn read(&self, message: &[u8]) -> Result<Read, Error> {
        self.handshake(|handshake| {
            let payload = handshake.read(message)?;
            Ok(Read { payload, remote_static: handshake.remote_static() })
        })
    }

    /// From the handshake to the transport; gives the hash of the handshake.
    pub(crate) fn finish(&self) -> Result<[u8; 32], Error> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut *state, State::Failed) {
            State::Handshake(handshake) => {
                let (transport, hash) = handshake.finish()?;
                *state = State::Transport(transport);
                Ok(hash.0)
            }
            other => {
                *state = other;
                Err(Error::OutOfTurn)
            }
        }
    }

    /// The counter is the session's own, so that no nonce is ever used twice.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<(u64, Vec<u8>), Error> {
        self.transport(|transport| Ok(transport.seal(plaintext)?))
    }

    pub(crate) fn open(&self, counter: u64, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
        self.transport(|transport| Ok(transport.open(counter, ciphertext)?))
    }

    fn handshake<T>(&self, act: impl FnOnce(&mut dyn NoiseHandshake) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = lock(&self.state);
        let State::Handshake(handshake) = &mut *state else { return Err(Error::OutOfTurn) };
        let result = act(&mut **handshake);
        if result.is_err() {
            *state = State::Failed;
        }
        result
    }

    fn transport<T>(&self, act: impl FnOnce(&mut dyn NoiseTransport) -> Result<T, Error>) -> Result<T, Error> {
        match &mut *lock(&self.state) {
            State::Transport(transport) => act(&mut **transport),
            State::Handshake(_) | State::Failed => Err(Error::OutOfTurn),
        }
    }
}
