//! The trust bundle: whom a node believes, for what, and the numbers that everybody must agree on.
//!
//! Signed by a root key that was installed with the initial credential, counted by a version that never goes back.

mod schedule;

use ciborium::Value;

pub use schedule::{NonZero, Schedule};

use crate::aif::{Operation, Scope};
use crate::clock_floor::{ClockFloor, FloorError};
use crate::codec::{Bytes, Cbor, Malformed, message};
use crate::cose::{Message, Signed, SignedError};
use crate::identity::{AuthorityId, KeyId, Region, ServiceId, TrustDomain};
use crate::keys::PublicKey;
use crate::seal::{SealError, SealingKey, Suite};

/// What an authority may do. One key has one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// M2M Enrolment Function: issues subscription credentials, answers for subscriptions.
    Enrolment,
    /// Authorization Authority: issues authorization certificates and revocation lists.
    Authorization,
    /// Misbehaviour authority: orders revocation.
    Misbehaviour,
    /// Manufacturer: issues initial credentials.
    Manufacturer,
}

impl Cbor for Role {
    fn to_value(&self) -> Value {
        let number: u8 = match self {
            Self::Enrolment => 1,
            Self::Authorization => 2,
            Self::Misbehaviour => 3,
            Self::Manufacturer => 4,
        };
        number.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        match u8::from_value(value, field)? {
            1 => Ok(Self::Enrolment),
            2 => Ok(Self::Authorization),
            3 => Ok(Self::Misbehaviour),
            4 => Ok(Self::Manufacturer),
            _ => Err(Malformed::Unexpected { field, expected: "a role from 1 to 4" }),
        }
    }
}

message! {
    /// One authority, or one key of it: an authority that changes keys has two entries for a while.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Authority {
        /// Its name.
        1 => pub id: AuthorityId,
        /// What it may do.
        2 => pub role: Role,
        /// What it signs with.
        3 => pub key: PublicKey,
        /// What requests to it are sealed to, in the bundle's suite; an MEF and an AA have one.
        4 => pub sealing_key: Option<Bytes>,
        /// The most that an AA may grant; nothing for other roles.
        5 => pub scope: Option<Scope>,
        /// Where an AA's certificates may be valid; absent: they name no region.
        6 => pub regions: Option<Vec<Region>>,
    }
}

message! {
    /// A service and what its operations are called.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Service {
        /// Its number.
        1 => pub id: ServiceId,
        /// Its name, as in `metering`.
        2 => pub name: String,
        /// The names of its operations in the order of their bits, as in `report`, `command`.
        3 => pub operations: Vec<String>,
        /// Whether its messages are events, which are replayed usefully for minutes, rather than periodic ones.
        4 => pub event: bool,
    }
}

message! {
    /// The bundle as it is signed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct TrustBundle {
        /// The trust domain.
        1 => pub domain: TrustDomain,
        /// Counts up with every change.
        2 => pub version: u64,
        /// The one suite for requests.
        3 => pub suite: Suite,
        /// Who is believed.
        4 => pub authorities: Vec<Authority>,
        /// What the numbers of services mean.
        5 => pub services: Vec<Service>,
        /// How time is divided.
        6 => pub schedule: Schedule,
    }
}

impl Message for TrustBundle {
    const TYPE: u16 = 65_001;
    const NAME: &'static str = "trust bundle";
    const SIZE_MAX: usize = 65_536;
}

/// Why a trust bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not signed by an installed root, or malformed.
    #[error("trust bundle: {0}")]
    Signed(#[from] SignedError),
    /// Older than the installed one.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// Of another trust domain.
    #[error("trust bundle of domain {0}")]
    Domain(TrustDomain),
    /// One key in two roles or under two names.
    #[error("key of `{0}` has another purpose too; every key has one")]
    KeyReused(AuthorityId),
    /// An MEF or AA without a sealing key of the bundle's suite.
    #[error("`{0}` has no sealing key of the bundle's suite")]
    SealingKey(AuthorityId),
    /// Two services with one number or name, or one with more than 32 operations.
    #[error("service `{0}` is listed twice or has more than 32 operations")]
    Service(String),
}

/// Why a message is not what an authority of the expected role said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Malformed, or the signature is wrong.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// No authority in the bundle has such a key.
    #[error("no authority has key {0}")]
    Unknown(KeyId),
    /// An authority has the key, in another role.
    #[error("signed by an authority in role {found:?}, expected {expected:?}")]
    Role {
        /// The role of the key's holder.
        found: Role,
        /// The role that was needed.
        expected: Role,
    },
}

impl TrustBundle {
    /// Verifies a bundle under the installed roots and raises the floor to its version.
    ///
    /// # Errors
    /// [`BundleError`], in the order signature, domain, content, version.
    pub fn accept(
        bytes: &[u8],
        domain: &TrustDomain,
        roots: &[PublicKey],
        floor: &mut ClockFloor,
    ) -> Result<Self, BundleError> {
        let (bundle, _) = Signed::<Self>::decode(bytes)?.verify_any(domain, &[], roots)?;
        if bundle.domain != *domain {
            return Err(BundleError::Domain(bundle.domain));
        }
        bundle.check()?;
        floor.raise_bundle(bundle.version)?;
        Ok(bundle)
    }

    fn check(&self) -> Result<(), BundleError> {
        for (index, authority) in self.authorities.iter().enumerate() {
            let mut others = self.authorities.iter().skip(index + 1);
            if others.any(|other| other.key == authority.key) {
                return Err(BundleError::KeyReused(authority.id.clone()));
            }
            let needs_sealing_key = matches!(authority.role, Role::Enrolment | Role::Authorization);
            if needs_sealing_key && self.sealing_key(authority).is_err() {
                return Err(BundleError::SealingKey(authority.id.clone()));
            }
        }
        for (index, service) in self.services.iter().enumerate() {
            let mut others = self.services.iter().skip(index + 1);
            let twice = others.any(|other| other.id == service.id || other.name == service.name);
            if twice || service.operations.len() > 32 {
                return Err(BundleError::Service(service.name.clone()));
            }
        }
        Ok(())
    }

    /// The authority of this name in this role.
    #[must_use]
    pub fn authority(&self, role: Role, id: &AuthorityId) -> Option<&Authority> {
        self.authorities.iter().find(|authority| authority.role == role && authority.id == *id)
    }

    /// The key that requests to `authority` are sealed to.
    ///
    /// # Errors
    /// [`SealError::PublicKey`].
    pub fn sealing_key(&self, authority: &Authority) -> Result<SealingKey, SealError> {
        let bytes = authority.sealing_key.as_ref().ok_or(SealError::PublicKey)?;
        SealingKey::new(self.suite, bytes.0.clone())
    }

    /// Verifies what an authority in `expected` signed; every authority whose key the hint fits is tried.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn verify<M: Message>(&self, signed: Signed<M>, expected: Role) -> Result<(M, &Authority), IssuerError> {
        let id = signed.key_id()?;
        let fitting = self.authorities.iter().filter(|authority| authority.key.key_id() == id);
        let (candidates, others): (Vec<_>, Vec<_>) = fitting.partition(|authority| authority.role == expected);
        if candidates.is_empty() {
            return Err(match others.first() {
                Some(other) => IssuerError::Role { found: other.role, expected },
                None => IssuerError::Unknown(id),
            });
        }
        let keys = candidates.iter().map(|authority| &authority.key);
        let (message, index) = signed.verify_any(&self.domain, &[], keys)?;
        let issuer = candidates.get(index).copied().ok_or(IssuerError::Unknown(id))?;
        Ok((message, issuer))
    }

    /// A service by number.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The numbers behind `service/operation`, as in `metering/report`.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<(ServiceId, Operation)> {
        let (service, operation) = name.rsplit_once('/')?;
        let service = self.services.iter().find(|candidate| candidate.name == service)?;
        let number = service.operations.iter().position(|candidate| candidate == operation)?;
        Some((service.id, Operation::new(u8::try_from(number).ok()?)?))
    }

    /// `service/operation` of the numbers; `None` where the bundle does not name them.
    #[must_use]
    pub fn operation_name(&self, service: ServiceId, operation: Operation) -> Option<String> {
        let service = self.service(service)?;
        let operation = service.operations.get(usize::from(operation.number()))?;
        Some(format!("{}/{operation}", service.name))
    }
}
