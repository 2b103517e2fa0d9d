//! What only the provisioning channel carries: raw signatures, sealed requests with their reply key, Noise, counters.

use std::{borrow::Cow, sync::Arc};

use super::{
    Service, bytes, cryptography, lock,
    partition::{Life, PartitionState},
    session::Session,
};
use crate::{Answer, ByteArray, Error, HandleId, Limit, Operation, SecretBytes32, SessionId, Usage, crypto};

/// Most counters of a partition.
const COUNTERS_MAX: usize = 64;

impl Service {
    pub(super) fn perform_reserved(
        &self,
        partition: &PartitionState,
        operation: Operation<'_>,
    ) -> Result<Answer, Error> {
        match operation {
            Operation::SignRaw { key, message } => {
                let key = self.usable(partition, key, Usage::SIGN_RAW)?;
                cryptography::sign_raw(&key, &message).map(|signature| Answer::Signature(ByteArray(signature)))
            }
            Operation::EncapsulationKey { key } => {
                let encapsulation_key = partition.key(key)?.versions().newest().encapsulation_key();
                encapsulation_key.map(bytes).ok_or(Error::invalid("nothing can be sealed to a key of this algorithm"))
            }
            Operation::UnsealExport { key, info, aad, encapsulated, ciphertext, exporter_context } => {
                let key = self.usable(partition, key, Usage::UNSEAL_EXPORT)?;
                let sealed = cryptography::Sealed {
                    info: &info,
                    aad: &aad,
                    encapsulated: &encapsulated,
                    ciphertext: &ciphertext,
                    exporter_context: &exporter_context,
                };
                let unsealed = cryptography::unseal_export(&key, &sealed)?;
                Ok(Answer::Unsealed {
                    plaintext: unsealed.plaintext.into(),
                    exported: SecretBytes32(unsealed.exported),
                })
            }
            Operation::NoiseBegin { key, initiator, prologue } => {
                self.begin_noise(partition, key, initiator, &prologue).map(Answer::Session)
            }
            Operation::NoiseWrite { session, payload } => self.session(partition, session)?.write(&payload).map(bytes),
            Operation::NoiseRead { session, message } => {
                let read = self.session(partition, session)?.read(&message)?;
                let remote_static = read.remote_static.map(|key| ByteArray(key.0));
                Ok(Answer::Payload { payload: read.payload.into(), remote_static })
            }
            Operation::NoiseFinish { session } => {
                self.session(partition, session)?.finish().map(|hash| Answer::Bytes32(ByteArray(hash)))
            }
            Operation::NoiseSeal { session, plaintext } => {
                let (counter, ciphertext) = self.session(partition, session)?.seal(&plaintext)?;
                Ok(Answer::Sealed { counter, ciphertext: ciphertext.into() })
            }
            Operation::NoiseOpen { session, counter, ciphertext } => {
                self.session(partition, session)?.open(counter, &ciphertext).map(bytes)
            }
            Operation::NoiseEnd { session } => partition.end_session(session).map(|()| Answer::Done),
            Operation::Counters => self.with_store(|store| Ok(Answer::Counters(store.counters(partition.id)))),
            Operation::RaiseCounters { counters } => self.raise_counters(partition, &counters),
            _ => Err(Error::Reserved),
        }
    }

    fn begin_noise(
        &self,
        partition: &PartitionState,
        key: HandleId,
        initiator: bool,
        prologue: &[u8],
    ) -> Result<SessionId, Error> {
        let key = self.usable(partition, key, Usage::NOISE)?;
        let own = key.versions().newest().noise_static().ok_or(Error::NotPermitted(Usage::NOISE))?;
        let handshake = crypto::noise::begin(own, initiator, prologue)?;
        let id = SessionId(self.new_handle().0);
        partition.open_session(id, Session::new(key, handshake), &self.limits)?;
        Ok(id)
    }

    /// The session, as long as its key lives.
    fn session(&self, partition: &PartitionState, id: SessionId) -> Result<Arc<Session>, Error> {
        let session = partition.session(id)?;
        if session.key.template.not_after.is_some() {
            session.key.lives(self.clock.wall_seconds())?;
        }
        Ok(session)
    }

    /// All or nothing; durable before it returns.
    fn raise_counters(&self, partition: &PartitionState, counters: &[(Cow<'_, str>, u64)]) -> Result<Answer, Error> {
        let life = lock(&partition.changes);
        if *life == Life::Dropped {
            return Err(Error::NotFound);
        }
        self.with_store(|store| {
            let kept = store.counters(partition.id);
            let mut raised = kept.clone();
            for (name, value) in counters {
                check_counter_name(name)?;
                let counter = raised.entry(name.clone().into_owned()).or_default();
                if value < counter {
                    return Err(Error::Rollback { name: name.to_string(), kept: *counter, offered: *value });
                }
                *counter = *value;
            }
            if raised.len() > COUNTERS_MAX {
                return Err(Error::Limit(Limit::Counters));
            }
            if raised != kept {
                store.set_counters(partition.id, raised)?;
            }
            Ok(Answer::Done)
        })
    }
}

fn check_counter_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("a counter's name is 1 to 64 ASCII characters without blanks"));
    }
    Ok(())
}
