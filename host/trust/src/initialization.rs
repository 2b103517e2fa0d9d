//! Initialization: what the manufacturer hands to a node before it can enrol, in one file.
//!
//! The file is not signed as a whole: it is installed over a channel that the integrator trusts, which is what makes the root
//! keys in it roots. [`Initialization::verify`] checks that its parts belong together.

use crate::bundle::{BundleError, TrustBundle};
use crate::clock_floor::ClockFloor;
use crate::codec::{self, Bytes, Malformed, message};
use crate::credential::{CredentialError, InitialCredential};
use crate::identity::TrustDomain;
use crate::keys::PublicKey;

/// The most bytes of an encoded [`Initialization`].
pub const INITIALIZATION_BYTES_MAX: usize = 131_072;
/// The most root keys: the present ones and their successors.
pub const ROOTS_MAX: usize = 8;

message! {
    /// Trust domain, roots, trust bundle and initial credential.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Initialization {
        /// The trust domain that the node becomes a part of.
        1 => pub domain: TrustDomain,
        /// The keys that trust bundles are signed with, 1 to [`ROOTS_MAX`].
        2 => pub roots: Vec<PublicKey>,
        /// The signed trust bundle.
        3 => pub bundle: Bytes,
        /// The signed initial credential.
        4 => pub credential: Bytes,
    }
}

/// Why an initialization is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitializationError {
    /// Not the one encoding of an initialization.
    #[error("malformed initialization: {0}")]
    Malformed(#[from] Malformed),
    /// No root key, or more than [`ROOTS_MAX`].
    #[error("{0} root keys, expected 1 to {ROOTS_MAX}")]
    Roots(usize),
    /// The bundle is not of these roots and this domain, or older than the floor.
    #[error("initialization: {0}")]
    Bundle(#[from] BundleError),
    /// The initial credential is not from a manufacturer of the bundle.
    #[error("initialization: {0}")]
    Credential(#[from] CredentialError),
    /// The initial credential is for another node.
    #[error("the initial credential is for another device key")]
    OtherDevice,
}

impl Initialization {
    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads an encoding; nothing in it is verified yet.
    ///
    /// # Errors
    /// [`InitializationError::Malformed`], [`InitializationError::Roots`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InitializationError> {
        let decoded: Self = codec::decode(bytes, INITIALIZATION_BYTES_MAX, "initialization")?;
        let roots = decoded.roots.len();
        if (1..=ROOTS_MAX).contains(&roots) { Ok(decoded) } else { Err(InitializationError::Roots(roots)) }
    }

    /// Verifies, for the node with the device key `device`, that the roots signed the bundle and a manufacturer in it the
    /// credential, and raises the floor to the version of the bundle.
    ///
    /// # Errors
    /// [`InitializationError`], in the order bundle, credential, device key. The floor is then as it was.
    pub fn verify(
        &self,
        device: &PublicKey,
        floor: &mut ClockFloor,
    ) -> Result<(TrustBundle, InitialCredential), InitializationError> {
        let mut raised = floor.clone();
        let bundle = TrustBundle::accept(&self.bundle, &self.domain, &self.roots, &mut raised)?;
        let credential = InitialCredential::verify(&self.credential, &bundle)?;
        if credential.confirmation.0 != *device {
            return Err(InitializationError::OtherDevice);
        }
        *floor = raised;
        Ok((bundle, credential))
    }
}

#[cfg(all(test, feature = "dev"))]
mod tests {
    use super::*;
    use crate::bundle::IssuerError;
    use crate::clock_floor::FloorError;
    use crate::cose::SignedError;
    use crate::dev::{DevDomain, DevNode};
    use crate::keys::Signer;
    use crate::seal::Suite;

    fn sample(word: &str) -> (DevDomain, DevNode, Initialization) {
        let mut domain = DevDomain::new(word, Suite::X25519);
        let node = domain.node();
        let initialization = Initialization {
            domain: domain.bundle.domain,
            roots: vec![domain.root.public_key()],
            bundle: domain.signed_bundle().into(),
            credential: node.initial_credential.clone().into(),
        };
        (domain, node, initialization)
    }

    #[test]
    fn what_the_manufacturer_packs_is_what_the_node_installs() {
        let (domain, node, initialization) = sample("initialization");
        let decoded = Initialization::decode(&initialization.encode()).unwrap();
        assert_eq!(decoded, initialization);
        let mut floor = ClockFloor::default();
        let (bundle, credential) = decoded.verify(&node.device.public_key(), &mut floor).unwrap();
        assert_eq!(bundle, domain.bundle);
        assert_eq!(credential.canonical_id, node.canonical_id);
        assert_eq!(floor.bundle_version, 1);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused_and_leave_the_floor() {
        let (mut domain, node, good) = sample("initialization");
        let (other_domain, other_node, _) = sample("another");
        let device = node.device.public_key();
        let refused = |changed: &Initialization| {
            let mut floor = ClockFloor::default();
            let error = changed.verify(&device, &mut floor).unwrap_err();
            assert_eq!(floor, ClockFloor::default());
            error
        };

        let other_root = Initialization { roots: vec![other_domain.root.public_key()], ..good.clone() };
        let wrong_key = |error| matches!(error, InitializationError::Bundle(BundleError::Signed(SignedError::Key(_))));
        assert!(wrong_key(refused(&other_root)));
        let other_id = Initialization { domain: other_domain.bundle.domain, ..good.clone() };
        assert!(wrong_key(refused(&other_id)));
        let stranger = Initialization { credential: other_node.initial_credential.into(), ..good.clone() };
        let unknown = InitializationError::Credential(CredentialError::Issuer(IssuerError::Unknown(
            other_domain.manufacturer.signing.public_key().key_id(),
        )));
        assert_eq!(refused(&stranger), unknown);
        let neighbour = Initialization { credential: domain.node().initial_credential.into(), ..good.clone() };
        assert_eq!(refused(&neighbour), InitializationError::OtherDevice);

        let mut floor = ClockFloor { bundle_version: 2, ..ClockFloor::default() };
        let rollback = FloorError::BundleRollback { offered: 1, floor: 2 };
        let expected = InitializationError::Bundle(BundleError::Floor(rollback));
        assert_eq!(good.verify(&device, &mut floor), Err(expected));
    }

    #[test]
    fn no_root_and_too_many_are_refused() {
        let (domain, _, good) = sample("initialization");
        for roots in [0, ROOTS_MAX + 1] {
            let changed = Initialization { roots: vec![domain.root.public_key(); roots], ..good.clone() };
            assert_eq!(Initialization::decode(&changed.encode()), Err(InitializationError::Roots(roots)));
        }
        let mut longer = good.encode();
        longer.push(0);
        let trailing = InitializationError::Malformed(Malformed::Trailing { count: 1 });
        assert_eq!(Initialization::decode(&longer), Err(trailing));
    }
}
