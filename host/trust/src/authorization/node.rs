//! The node's side.

use rand_core::CryptoRng;

use super::{
    AuthorizationError, AuthorizationReply, AuthorizationRequest, AuthorizationStatus, CertifiedKey, KeyPossession,
    KeyRequest, ProofOfSubscription, SharedPart, commitment,
};
use crate::aif::Scope;
use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::certificate::Certificate;
use crate::codec::{self, Bytes, message};
use crate::cose::{self, KeyHint, Signed};
use crate::identity::{AuthorityId, Digest, Epoch, Slot};
use crate::keys::{AgreementKey, Signer};
use crate::seal::{self, Kind, Purpose, Recipient, ReplyKey};

/// What a node asks with.
pub struct AuthorizationNode<'a, S> {
    /// The installed bundle.
    pub bundle: &'a TrustBundle,
    /// Which AA to ask.
    pub authority: &'a AuthorityId,
    /// Which MEF issued the subscription.
    pub enrolment_function: &'a AuthorityId,
    /// The signed subscription credential.
    pub subscription_credential: &'a [u8],
    /// Holds the subscription key.
    pub subscription: &'a S,
    /// Operations of one service.
    pub scope: Scope,
    /// The epoch of all the slots asked for.
    pub epoch: Epoch,
}

/// New keys of one pseudonym and the slot to use it in.
pub struct Pseudonym<V, K> {
    /// The slot.
    pub slot: Slot,
    /// Holds the signing key.
    pub signer: V,
    /// Holds the agreement key, of suite X25519.
    pub recipient: K,
}

message! {
    /// A request is on its way. Its encoding, kept encrypted, lets the node take the reply after a restart.
    #[derive(Debug)]
    pub struct AwaitingAuthorization {
        /// Hash of the sealed request.
        1 => request: Digest,
        /// Opens the reply.
        2 => reply_key: ReplyKey,
        /// The AA that was asked.
        3 => authority: AuthorityId,
        /// What was asked for, in order.
        4 => keys: Vec<CertifiedKey>,
        /// For what.
        5 => scope: Scope,
    }
}

/// A certificate of the node's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PseudonymCertificate {
    /// As it travels.
    pub encoded: Vec<u8>,
    /// What it says.
    pub certificate: Certificate,
}

impl<S: Signer> AuthorizationNode<'_, S> {
    /// Makes the sealed request. Sending the same bytes again is safe; the AA answers with the same reply.
    ///
    /// # Errors
    /// [`AuthorizationError::OtherAuthority`], [`AuthorizationError::OtherFunction`] for names that the bundle does not
    /// list, [`AuthorizationError::PseudonymKey`], [`AuthorizationError::Seal`], [`AuthorizationError::Key`].
    pub fn request<V: Signer, K: Recipient>(
        self,
        pseudonyms: &[Pseudonym<V, K>],
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, AwaitingAuthorization), AuthorizationError> {
        let authority = self.bundle.authority(Role::Authorization, self.authority);
        let authority = authority.ok_or_else(|| AuthorizationError::OtherAuthority(self.authority.clone()))?;
        let keys = pseudonyms.iter().enumerate().map(|(index, pseudonym)| pseudonym.key(index));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut opening = [0; 32];
        rng.fill_bytes(&mut opening);
        let shared = codec::encode(&self.shared(&keys, &opening, rng));
        let shared_digest = Digest::of(&[&shared]);
        let signed = pseudonyms.iter().zip(&keys).enumerate().map(|(index, (pseudonym, key))| {
            let possession = KeyPossession { shared: shared_digest, index: index_number(index), key: *key };
            let possession = cose::sign_detached(&possession, &self.bundle.domain, &pseudonym.signer)?;
            Ok(KeyRequest { key: *key, possession })
        });
        let request = AuthorizationRequest {
            keys: signed.collect::<Result<_, AuthorizationError>>()?,
            opening,
            proof: self.proof(shared_digest, rng)?.into(),
            shared: shared.into(),
        };
        let purpose = Purpose { kind: Kind::Authorization, recipient: self.authority.as_str(), context: &[] };
        let sealing_key = self.bundle.sealing_key(authority)?;
        let (sealed, reply_key) = seal::seal(&sealing_key, &purpose, codec::encode(&request), rng)?;
        let request = Digest::of(&[&sealed]);
        let authority = self.authority.clone();
        Ok((sealed, AwaitingAuthorization { request, reply_key, authority, keys, scope: self.scope }))
    }

    fn shared(&self, keys: &[CertifiedKey], opening: &[u8; 32], rng: &mut impl CryptoRng) -> SharedPart {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        SharedPart {
            authority: self.authority.clone(),
            enrolment_function: self.enrolment_function.clone(),
            nonce,
            epoch: self.epoch,
            count: index_number(keys.len()),
            scope: self.scope.clone(),
            commitment: commitment(opening, keys),
        }
    }

    fn proof(&self, shared: Digest, rng: &mut impl CryptoRng) -> Result<Vec<u8>, AuthorizationError> {
        let function = self.bundle.authority(Role::Enrolment, self.enrolment_function);
        let function = function.ok_or_else(|| AuthorizationError::OtherFunction(self.enrolment_function.clone()))?;
        let proof = ProofOfSubscription { credential: self.subscription_credential.to_vec().into(), shared };
        let signed = cose::sign(&proof, &self.bundle.domain, &[], &KeyHint::None, self.subscription)?;
        let purpose = Purpose { kind: Kind::Proof, recipient: function.id.as_str(), context: &shared.0 };
        Ok(seal::seal(&self.bundle.sealing_key(function)?, &purpose, signed, rng)?.0)
    }
}

impl<V: Signer, K: Recipient> Pseudonym<V, K> {
    fn key(&self, index: usize) -> Result<CertifiedKey, AuthorizationError> {
        let agreement = <[u8; 32]>::try_from(self.recipient.sealing_key().as_bytes());
        let agreement = agreement.map_err(|_| AuthorizationError::PseudonymKey { index })?;
        Ok(CertifiedKey { signing: self.signer.public_key(), agreement: AgreementKey(agreement), slot: self.slot })
    }
}

impl AwaitingAuthorization {
    /// What was asked for, in the order of the certificates.
    #[must_use]
    pub fn keys(&self) -> &[CertifiedKey] {
        &self.keys
    }

    /// Takes the reply: all certificates or none. `recipients` hold the agreement keys, in the order of the request. A reply
    /// that is refused changes nothing: the right one may still come.
    ///
    /// # Errors
    /// [`AuthorizationError`], in the order seal, signature, name, request, status, number, then each certificate.
    pub fn finish<K: Recipient>(
        &self,
        reply: &[u8],
        bundle: &TrustBundle,
        recipients: &[K],
    ) -> Result<Vec<PseudonymCertificate>, AuthorizationError> {
        let reply = self.reply_key.open(Kind::Authorization, reply)?;
        let signed = Signed::<AuthorizationReply>::decode(&reply).map_err(IssuerError::from)?;
        let (reply, signer) = bundle.verify(signed, Role::Authorization)?;
        if signer.id != self.authority {
            return Err(AuthorizationError::OtherAuthority(signer.id.clone()));
        }
        if reply.request != self.request {
            return Err(AuthorizationError::OtherRequest);
        }
        let received = reply.certificates.len();
        match reply.status {
            AuthorizationStatus::Granted if received == self.keys.len() && recipients.len() == received => {}
            AuthorizationStatus::Granted => {
                return Err(AuthorizationError::CertificateCount { received, expected: self.keys.len() });
            }
            refusal if received == 0 => return Err(AuthorizationError::Refused(refusal)),
            _ => return Err(AuthorizationError::CertificateCount { received, expected: 0 }),
        }
        let certificates = reply.certificates.iter().zip(&self.keys).zip(recipients).enumerate();
        certificates
            .map(|(index, ((sealed, key), recipient))| self.take(index, sealed, key, recipient, bundle))
            .collect()
    }

    fn take(
        &self,
        index: usize,
        sealed: &Bytes,
        key: &CertifiedKey,
        recipient: &impl Recipient,
        bundle: &TrustBundle,
    ) -> Result<PseudonymCertificate, AuthorizationError> {
        let purpose = Purpose { kind: Kind::Certificate, recipient: "", context: &[] };
        let (encoded, _) = seal::open(sealed, &purpose, recipient)?;
        let certificate =
            Certificate::verify(&encoded, bundle).map_err(|cause| AuthorizationError::Certificate { index, cause })?;
        let claims = certificate.claims();
        let scope_fits = !claims.scope.is_empty() && claims.scope.within(&self.scope);
        let keys_fit = *certificate.key() == key.signing && claims.agreement_key == key.agreement;
        let fits = *certificate.issuer() == self.authority && scope_fits && keys_fit && claims.linkage.slot == key.slot;
        if fits {
            Ok(PseudonymCertificate { encoded, certificate })
        } else {
            Err(AuthorizationError::OtherCertificate { index })
        }
    }
}

/// Requests are far shorter than 2^32 keys; a longer one would only be refused for its count.
pub(super) fn index_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
