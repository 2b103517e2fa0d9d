//! The order to name the node behind a blocked subscription.
//!
//! A block takes the MA's order; a name takes this one as well, from a holder of a root key. Whoever can block cannot name.

use crate::codec::message;
use crate::cose::{self, Message, Signed, SignedError};
use crate::identity::{AuthorityId, Digest, Seconds, TrustDomain};
use crate::keys::{KeyUnavailable, PublicKey, Signer};

/// How long an order may be carried out, in seconds: a day.
pub const IDENTIFICATION_SECONDS: u64 = 24 * 3600;

message! {
    /// A root orders an MEF to name one node to whoever presents the order.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct IdentificationOrder {
        /// Sixteen random bytes, by which logs refer to it.
        1 => pub id: [u8; 16],
        /// The MEF.
        2 => pub enrolment_function: AuthorityId,
        /// Hash of the shared part of the request, as in the block.
        3 => pub shared: Digest,
        /// When it was given.
        4 => pub time: Seconds,
    }
}

impl Message for IdentificationOrder {
    const TYPE: u16 = 65_018;
    const NAME: &'static str = "identification order";
    const SIZE_MAX: usize = 512;
}

/// Why an identification order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentificationError {
    /// Not signed by a root of this domain.
    #[error("identification order: {0}")]
    Root(#[from] SignedError),
    /// For another MEF than this one.
    #[error("meant for `{0}`")]
    Addressee(AuthorityId),
    /// About another request.
    #[error("about request {0}")]
    OtherRequest(Digest),
    /// Not given yet, or longer ago than [`IDENTIFICATION_SECONDS`].
    #[error("order of {given}, now is {now}; it may be carried out for a day")]
    Time {
        /// When it says it was given.
        given: Seconds,
        /// The time of the check.
        now: Seconds,
    },
}

impl IdentificationOrder {
    /// Signs it as a root.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, root: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, root)
    }

    /// Verifies an order to the MEF `own` about the request `shared`.
    ///
    /// # Errors
    /// [`IdentificationError`], in the order signature, addressee, request, time.
    pub fn verify(
        bytes: &[u8],
        domain: &TrustDomain,
        roots: &[PublicKey],
        own: &AuthorityId,
        shared: &Digest,
        now: Seconds,
    ) -> Result<Self, IdentificationError> {
        let (order, _) = Signed::<Self>::decode(bytes)?.verify_any(domain, &[], roots)?;
        if order.enrolment_function != *own {
            return Err(IdentificationError::Addressee(order.enrolment_function));
        }
        if order.shared != *shared {
            return Err(IdentificationError::OtherRequest(order.shared));
        }
        if order.time > now || now > order.time.plus(IDENTIFICATION_SECONDS) {
            return Err(IdentificationError::Time { given: order.time, now });
        }
        Ok(order)
    }
}

#[cfg(all(test, feature = "dev"))]
mod tests {
    use super::*;
    use crate::dev::{DevDomain, START};
    use crate::seal::Suite;

    #[test]
    fn only_a_root_orders_only_this_function_only_about_this_request_and_only_for_a_day() {
        let domain = DevDomain::new("identification", Suite::X25519);
        let (own, shared) = (domain.mef.id.clone(), Digest([7; 32]));
        let order = IdentificationOrder { id: [1; 16], enrolment_function: own.clone(), shared, time: START };
        let verify = |bytes: &[u8], own: &AuthorityId, shared: Digest, now: Seconds| {
            let roots = [domain.root.public_key()];
            IdentificationOrder::verify(bytes, &domain.bundle.domain, &roots, own, &shared, now)
        };
        let by_root = order.issue(&domain.bundle.domain, &domain.root).unwrap();
        let last = START.plus(IDENTIFICATION_SECONDS);
        assert_eq!(verify(&by_root, &own, shared, last), Ok(order.clone()));

        let by_ma = order.issue(&domain.bundle.domain, &domain.ma.signing).unwrap();
        assert!(matches!(verify(&by_ma, &own, shared, START), Err(IdentificationError::Root(SignedError::Key(_)))));
        let other = AuthorityId::parse("other-mef").unwrap();
        assert_eq!(verify(&by_root, &other, shared, START), Err(IdentificationError::Addressee(own.clone())));
        let other_request = IdentificationError::OtherRequest(shared);
        assert_eq!(verify(&by_root, &own, Digest([8; 32]), START), Err(other_request));
        for now in [Seconds(START.0 - 1), last.plus(1)] {
            let expected = IdentificationError::Time { given: START, now };
            assert_eq!(verify(&by_root, &own, shared, now), Err(expected));
        }
    }
}
