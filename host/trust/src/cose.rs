//! Signed objects: untagged COSE_Sign1 (RFC 9052) with one algorithm, one type for each kind of message and the trust
//! domain in the signature.
//!
//! Protected header: `alg` (1) = -19, Ed25519 (RFC 9864); `typ` (16) as in RFC 9596; `kid` (4), eight bytes, except in a
//! broadcast that carries its certificate in `kcwt` (13, RFC 9528). Unprotected header: empty. `external_aad`: `oM2M-NS/1`,
//! the sixteen bytes of the trust domain, and what else the kind of message adds.

use ciborium::Value;

use crate::codec::{self, Bytes, Cbor, Malformed};
use crate::identity::{Digest, KeyId, TrustDomain};
use crate::keys::{KeyError, KeyUnavailable, PublicKey, Signer};

/// What every signature of the protocol begins its additional data with.
pub const PROTOCOL: &[u8] = b"oM2M-NS/1";

// Header parameters: RFC 9052, 3.1; RFC 9528, 4.1; RFC 9596.
const ALG: i64 = 1;
const CRIT: i64 = 2;
const KID: i64 = 4;
const KCWT: i64 = 13;
const TYP: i64 = 16;
/// Ed25519, RFC 9864.
const ED25519: i64 = -19;
const SIGNATURE_BYTES: usize = 64;

/// A kind of signed message.
pub trait Message: Cbor {
    /// Its value of the header parameter `typ`, from the range for experiments of CoAP content formats.
    const TYPE: u16;
    /// What errors call it.
    const NAME: &'static str;
    /// The most bytes that a signed message of this kind may have.
    const SIZE_MAX: usize;
}

/// Why a signed object is refused before its content counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not the one encoding of such an object.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Not a COSE_Sign1 with an attached payload.
    #[error("not a signed object")]
    NotSign1,
    /// Another algorithm than Ed25519 (-19), or none.
    #[error("algorithm {found:?}, expected -19 (Ed25519)")]
    Algorithm {
        /// The registered number, where there was one.
        found: Option<i64>,
    },
    /// Anything in the unprotected header: it is not signed.
    #[error("parameters in the unprotected header, expected none")]
    Unprotected,
    /// A critical parameter. None is defined, so none is understood.
    #[error("unknown critical header parameter")]
    Critical,
    /// A header parameter that this kind of message does not have, or no `kid` where it must have one.
    #[error("header parameters do not fit the kind of message")]
    Header,
    /// A message of another kind.
    #[error("message type {found:?}, expected {expected}")]
    Type {
        /// What `typ` said, where it was a number.
        found: Option<u64>,
        /// What was expected here.
        expected: u16,
    },
    /// The key is not acceptable or the signature does not verify under it, in this trust domain.
    #[error("{0}")]
    Key(#[from] KeyError),
}

/// Whose key signed, by hint or by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyHint {
    /// The first eight bytes of the hash of a key or of a certificate.
    Id(KeyId),
    /// A whole certificate.
    Certificate(Bytes),
    /// None: the message itself says which key, as a proof of possession does.
    None,
}

/// Signs `message` and encodes the signed object.
///
/// # Errors
/// [`KeyUnavailable`] from the signer.
pub fn sign<M: Message>(
    message: &M,
    domain: &TrustDomain,
    extra: &[u8],
    hint: &KeyHint,
    signer: &impl Signer,
) -> Result<Vec<u8>, KeyUnavailable> {
    let unsigned = Unsigned::new(message, hint);
    let signature = signer.sign(&unsigned.to_be_signed(domain, extra))?;
    let parts =
        [unsigned.protected.to_value(), Value::Map(Vec::new()), unsigned.payload.to_value(), signature.to_value()];
    Ok(codec::encode_value(&Value::Array(parts.into())))
}

/// As [`sign`], with the signer's own key as hint.
///
/// # Errors
/// [`KeyUnavailable`] from the signer.
pub fn sign_by<M: Message>(message: &M, domain: &TrustDomain, signer: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
    sign(message, domain, &[], &KeyHint::Id(signer.public_key().key_id()), signer)
}

/// Signs what both sides can put together themselves; only the signature travels.
///
/// # Errors
/// [`KeyUnavailable`] from the signer.
pub fn sign_detached<M: Message>(
    message: &M,
    domain: &TrustDomain,
    signer: &impl Signer,
) -> Result<[u8; SIGNATURE_BYTES], KeyUnavailable> {
    signer.sign(&Unsigned::new(message, &KeyHint::None).to_be_signed(domain, &[]))
}

/// Checks what [`sign_detached`] gave.
///
/// # Errors
/// [`KeyError::Signature`].
pub fn verify_detached<M: Message>(
    message: &M,
    domain: &TrustDomain,
    key: &PublicKey,
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), KeyError> {
    key.verify(&Unsigned::new(message, &KeyHint::None).to_be_signed(domain, &[]), signature)
}

/// A signed object that was decoded and not yet verified.
pub struct Signed<M> {
    signed: Unsigned,
    signature: [u8; SIGNATURE_BYTES],
    hint: KeyHint,
    message: M,
}

impl<M: Message> Signed<M> {
    /// Decodes and checks everything but the signature, in the order size, encoding, algorithm, header, type, content.
    ///
    /// # Errors
    /// [`SignedError`], except [`SignedError::Key`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SignedError> {
        let parts = codec::decode_value(bytes, M::SIZE_MAX)?.into_array().map_err(|_| SignedError::NotSign1)?;
        let Ok([Value::Bytes(protected), Value::Map(unprotected), Value::Bytes(payload), Value::Bytes(signature)]) =
            <[Value; 4]>::try_from(parts)
        else {
            return Err(SignedError::NotSign1);
        };
        // The protected header and the payload are CBOR inside byte strings, so they are scanned on their own.
        let header = codec::decode_value(&protected, M::SIZE_MAX)?.into_map().map_err(|_| SignedError::NotSign1)?;
        check_algorithm(&header)?;
        if !unprotected.is_empty() {
            return Err(SignedError::Unprotected);
        }
        let hint = checked_hint::<M>(header)?;
        let message = codec::decode(&payload, M::SIZE_MAX, M::NAME)?;
        let signature = signature.as_slice().try_into().map_err(|_| SignedError::NotSign1)?;
        let signed = Unsigned { protected: protected.into(), payload: payload.into() };
        Ok(Self { signed, signature, hint, message })
    }

    /// Who is said to have signed.
    #[must_use]
    pub fn hint(&self) -> &KeyHint {
        &self.hint
    }

    /// The hint, where it is a key id.
    ///
    /// # Errors
    /// [`SignedError::Header`] where it is not.
    pub fn key_id(&self) -> Result<KeyId, SignedError> {
        match &self.hint {
            KeyHint::Id(id) => Ok(*id),
            _ => Err(SignedError::Header),
        }
    }

    /// What is said, before anybody has vouched for it: only good for finding the key to verify with.
    #[must_use]
    pub fn unverified(&self) -> &M {
        &self.message
    }

    /// Hash of the encoded message.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&[&self.signed.payload])
    }

    /// Verifies under `key`; `extra` is what this kind of message adds to the additional data.
    ///
    /// # Errors
    /// [`SignedError::Key`].
    pub fn verify(self, domain: &TrustDomain, extra: &[u8], key: &PublicKey) -> Result<M, SignedError> {
        self.verify_any(domain, extra, [key]).map(|(message, _)| message)
    }

    /// Verifies under whichever of `keys` fits, since several keys may share an id; gives that key's index too.
    ///
    /// # Errors
    /// [`SignedError::Key`].
    pub fn verify_any<'k>(
        self,
        domain: &TrustDomain,
        extra: &[u8],
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<(M, usize), SignedError> {
        let signed = self.signed.to_be_signed(domain, extra);
        let index = keys.into_iter().position(|key| key.verify(&signed, &self.signature).is_ok());
        index.map(|index| (self.message, index)).ok_or(SignedError::Key(KeyError::Signature))
    }
}

/// What a signature covers, besides the additional data.
struct Unsigned {
    protected: Bytes,
    payload: Bytes,
}

impl Unsigned {
    fn new<M: Message>(message: &M, hint: &KeyHint) -> Self {
        let (mut kid, mut kcwt) = (None, None);
        match hint {
            KeyHint::Id(id) => kid = id.to_field(),
            // A certificate is a COSE_Sign1 itself and stands in the header as such, not as a byte string.
            KeyHint::Certificate(certificate) => kcwt = ciborium::from_reader(certificate.0.as_slice()).ok(),
            KeyHint::None => {}
        }
        let (alg, typ) = (Some(ED25519.into()), M::TYPE.to_field());
        let header = codec::map([(ALG, alg), (KID, kid), (KCWT, kcwt), (TYP, typ)]);
        Self { protected: codec::encode_value(&header).into(), payload: codec::encode(message).into() }
    }

    /// The encoded Sig_structure (RFC 9052, 4.4): `["Signature1", protected, external_aad, payload]`.
    fn to_be_signed(&self, domain: &TrustDomain, extra: &[u8]) -> Vec<u8> {
        let aad_bytes = PROTOCOL.len() + domain.0.len() + extra.len();
        let mut bytes = Vec::with_capacity(32 + self.protected.len() + aad_bytes + self.payload.len());
        bytes.extend_from_slice(b"\x84\x6aSignature1");
        codec::byte_string_head(self.protected.len(), &mut bytes);
        bytes.extend_from_slice(&self.protected);
        codec::byte_string_head(aad_bytes, &mut bytes);
        [PROTOCOL, &domain.0, extra].iter().for_each(|part| bytes.extend_from_slice(part));
        codec::byte_string_head(self.payload.len(), &mut bytes);
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

fn check_algorithm(header: &[(Value, Value)]) -> Result<(), SignedError> {
    let algorithm = header.iter().find(|(label, _)| integer(label) == Some(ALG));
    match algorithm.and_then(|(_, value)| integer(value)) {
        Some(ED25519) => Ok(()),
        found => Err(SignedError::Algorithm { found }),
    }
}

/// Critical parameters, then the type, then everything else.
fn checked_hint<M: Message>(header: Vec<(Value, Value)>) -> Result<KeyHint, SignedError> {
    if header.iter().any(|(label, _)| integer(label) == Some(CRIT)) {
        return Err(SignedError::Critical);
    }
    let (mut typ, mut kid, mut kcwt, mut other) = (None, None, None, false);
    for (label, value) in header {
        match integer(&label) {
            Some(ALG) => {}
            Some(TYP) => typ = integer(&value).and_then(|number| u64::try_from(number).ok()),
            Some(KID) => kid = Some(KeyId::from_value(value, "kid").map_err(|_| SignedError::Header)?),
            Some(KCWT) => kcwt = Some(codec::encode_value(&value).into()),
            _ => other = true,
        }
    }
    if typ != Some(u64::from(M::TYPE)) {
        return Err(SignedError::Type { found: typ, expected: M::TYPE });
    }
    match (kid, kcwt) {
        (None, None) if !other => Ok(KeyHint::None),
        (Some(id), None) if !other => Ok(KeyHint::Id(id)),
        (None, Some(certificate)) if !other => Ok(KeyHint::Certificate(certificate)),
        _ => Err(SignedError::Header),
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.as_integer().and_then(|number| number.try_into().ok())
}
