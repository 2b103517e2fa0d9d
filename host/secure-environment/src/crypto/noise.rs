//! The handshake of associations (Noise, revision 34), by the implementation of `m2m-trust`, under keys that are in here.

use std::sync::Arc;

use m2m_trust::{
    association::{NoiseHandshake, NoiseRole, software_handshake},
    keys::{Agreement, AgreementKey, KeyUnavailable},
};

use super::{Seed, random, x25519};
use crate::Error;

/// Begins a handshake under a fresh ephemeral key.
pub(crate) fn begin(own: Arc<x25519::Key>, initiator: bool, prologue: &[u8]) -> Result<Box<dyn NoiseHandshake>, Error> {
    let role = if initiator { NoiseRole::Initiator } else { NoiseRole::Responder };
    Ok(software_handshake(own, random::seed()?, role, prologue)?)
}

impl Agreement for x25519::Key {
    fn public_key(&self) -> AgreementKey {
        AgreementKey(self.public())
    }

    fn agree(&self, peer: &AgreementKey) -> Result<Seed, KeyUnavailable> {
        self.shared(&peer.0).map_err(|error| KeyUnavailable(error.to_string()))
    }
}
