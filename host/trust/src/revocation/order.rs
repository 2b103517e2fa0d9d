//! The MA's order to revoke, and the AA's handing it on to the MEF.

use ciborium::Value;

use crate::bundle::{IssuerError, Role, TrustBundle};
use crate::codec::{Bytes, Cbor, Malformed, message};
use crate::cose::{self, Message, Signed};
use crate::identity::{AuthorityId, Digest, Seconds, TrustDomain};
use crate::keys::{KeyUnavailable, Signer};

/// Why a batch is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 1: its holder sent what it must not send.
    Misbehaviour,
    /// 2: its keys are in other hands.
    Compromise,
    /// 3: its holder left the system.
    Withdrawn,
}

impl Cbor for Reason {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Misbehaviour => 1,
            Self::Compromise => 2,
            Self::Withdrawn => 3,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            1 => Ok(Self::Misbehaviour),
            2 => Ok(Self::Compromise),
            3 => Ok(Self::Withdrawn),
            _ => Err(Malformed::Unexpected { field, expected: "a reason from 1 to 3" }),
        }
    }
}

message! {
    /// The MA orders an AA to revoke the batch of one certificate.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RevocationOrder {
        /// The MA.
        1 => pub issuer: AuthorityId,
        /// Sixteen random bytes: an order counts once.
        2 => pub id: [u8; 16],
        /// The AA that issued the certificate.
        3 => pub authority: AuthorityId,
        /// The certificate that signed what was reported.
        4 => pub certificate: Digest,
        /// Why.
        5 => pub reason: Reason,
        /// When it was given.
        6 => pub time: Seconds,
    }
}

impl Message for RevocationOrder {
    const TYPE: u16 = 65_016;
    const NAME: &'static str = "revocation order";
    const SIZE_MAX: usize = 512;
}

message! {
    /// The AA hands an order on to the MEF, with the hash that both have in their logs.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Block {
        /// The AA.
        1 => pub issuer: AuthorityId,
        /// The MEF.
        2 => pub enrolment_function: AuthorityId,
        /// Hash of the shared part of the request that the batch was issued for.
        3 => pub shared: Digest,
        /// The MA's signed order.
        4 => pub order: Bytes,
    }
}

impl Message for Block {
    const TYPE: u16 = 65_017;
    const NAME: &'static str = "block";
    const SIZE_MAX: usize = 1024;
}

/// Why an order or a block is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The block is not from an AA.
    #[error("block: {0}")]
    Block(IssuerError),
    /// The order is not from an MA.
    #[error("revocation order: {0}")]
    Order(IssuerError),
    /// Another name inside than the signer's.
    #[error("signed by another authority than it names")]
    IssuerName,
    /// For another authority than this one.
    #[error("meant for `{0}`")]
    Addressee(AuthorityId),
}

/// What a block comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlock {
    /// The request whose subscription is to be blocked.
    pub shared: Digest,
    /// On whose authority, for the log.
    pub order: RevocationOrder,
}

impl RevocationOrder {
    /// Signs it as the MA.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, ma: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, ma)
    }

    /// Verifies an order to the AA `authority`.
    ///
    /// # Errors
    /// [`OrderError::Order`], [`OrderError::IssuerName`], [`OrderError::Addressee`].
    pub fn verify(bytes: &[u8], bundle: &TrustBundle, authority: &AuthorityId) -> Result<Self, OrderError> {
        let signed = Signed::<Self>::decode(bytes).map_err(|error| OrderError::Order(error.into()))?;
        let (order, signer) = bundle.verify(signed, Role::Misbehaviour).map_err(OrderError::Order)?;
        if order.issuer != signer.id {
            return Err(OrderError::IssuerName);
        }
        if order.authority == *authority { Ok(order) } else { Err(OrderError::Addressee(order.authority)) }
    }
}

impl Block {
    /// Signs it as the AA.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, aa: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, aa)
    }

    /// Verifies a block as the MEF `own`: the AA's signature, then the order inside.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn verify(bytes: &[u8], bundle: &TrustBundle, own: &AuthorityId) -> Result<VerifiedBlock, OrderError> {
        let signed = Signed::<Self>::decode(bytes).map_err(|error| OrderError::Block(error.into()))?;
        let (block, signer) = bundle.verify(signed, Role::Authorization).map_err(OrderError::Block)?;
        if block.issuer != signer.id {
            return Err(OrderError::IssuerName);
        }
        if block.enrolment_function != *own {
            return Err(OrderError::Addressee(block.enrolment_function));
        }
        let order = RevocationOrder::verify(&block.order, bundle, &block.issuer)?;
        Ok(VerifiedBlock { shared: block.shared, order })
    }
}
