//! Authorization certificates: one pseudonym each, for one slot and one service.
//!
//! No issue time, no name, no subject, and `nbf` and `exp` are those of the slot: two nodes' certificates differ in keys and
//! linkage value alone.

use crate::aif::{Operation, Scope};
use crate::bundle::{Authority, IssuerError, Role, TrustBundle};
use crate::clock_floor::Now;
use crate::codec::message;
use crate::cose::{self, Message, Signed};
use crate::credential::Confirmation;
use crate::identity::{AuthorityId, Digest, KeyId, Region, Seconds, ServiceId, Slot, TrustDomain};
use crate::keys::{AgreementKey, KeyUnavailable, PublicKey, Signer};
use crate::linkage::Linkage;
use crate::revocation::Revocations;

message! {
    /// Claims of the certificate.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CertificateClaims {
        /// `exp`: the end of the slot.
        4 => pub expires: Seconds,
        /// `nbf`: the start of the slot.
        5 => pub not_before: Seconds,
        /// The key that signs broadcasts.
        8 => pub confirmation: Confirmation,
        /// What the holder may do.
        9 => pub scope: Scope,
        /// The key of associations.
        -70_003 => pub agreement_key: AgreementKey,
        /// Slot and linkage value.
        -70_004 => pub linkage: Linkage,
        /// The only region where it counts.
        -70_005 => pub region: Option<Region>,
        /// The assurance level of the holder, 0 to 7.
        -70_006 => pub assurance: Option<u8>,
    }
}

impl Message for CertificateClaims {
    const TYPE: u16 = 65_013;
    const NAME: &'static str = "certificate";
    const SIZE_MAX: usize = 512;
}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not issued by an authorization authority.
    #[error("certificate: {0}")]
    Issuer(#[from] IssuerError),
    /// Before its slot.
    #[error("certificate is valid from {not_before}, now is {now}")]
    NotYetValid {
        /// `nbf`.
        not_before: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// After its slot.
    #[error("certificate was valid until {expires}, now is {now}")]
    Expired {
        /// `exp`.
        expires: Seconds,
        /// The time of the check.
        now: Seconds,
    },
    /// `nbf` and `exp` are not those of the slot in its linkage value.
    #[error("validity is not that of slot {0}")]
    Slot(Slot),
    /// More than the issuer may grant.
    #[error("scope is wider than `{0}` may grant")]
    ScopeBeyondIssuer(AuthorityId),
    /// A region that the issuer does not serve.
    #[error("region {region} is not one of `{issuer}`")]
    RegionBeyondIssuer {
        /// The certificate's region.
        region: Region,
        /// Who signed it.
        issuer: AuthorityId,
    },
    /// Valid in another region than the receiver's.
    #[error("certificate counts in region {certificate} only, this is {here:?}")]
    Region {
        /// The certificate's region.
        certificate: Region,
        /// The receiver's region, where it knows it.
        here: Option<Region>,
    },
    /// On the revocation list.
    #[error("certificate is revoked")]
    Revoked,
}

/// A certificate whose signature, issuer and content were verified.
///
/// Time and revocation change while it is kept: [`Certificate::check`] answers for those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    claims: CertificateClaims,
    issuer: AuthorityId,
    digest: Digest,
}

/// What a receiver checks certificates against.
#[derive(Debug, Clone, Copy)]
pub struct Receiver<'a> {
    /// Whom it believes.
    pub bundle: &'a TrustBundle,
    /// What is revoked.
    pub revocations: &'a Revocations,
    /// Where it is, if it knows.
    pub region: Option<Region>,
}

impl CertificateClaims {
    /// Signs it as an AA.
    ///
    /// # Errors
    /// [`KeyUnavailable`] from the signer.
    pub fn issue(&self, domain: &TrustDomain, aa: &impl Signer) -> Result<Vec<u8>, KeyUnavailable> {
        cose::sign_by(self, domain, aa)
    }
}

impl Certificate {
    /// Verifies signature and content, in the order encoding, issuer, signature, slot, scope, region.
    ///
    /// # Errors
    /// [`CertificateError`], except for time and revocation.
    pub fn verify(bytes: &[u8], bundle: &TrustBundle) -> Result<Self, CertificateError> {
        Self::verify_decoded(Signed::decode(bytes).map_err(IssuerError::from)?, Digest::of(&[bytes]), bundle)
    }

    pub(crate) fn verify_decoded(
        signed: Signed<CertificateClaims>,
        digest: Digest,
        bundle: &TrustBundle,
    ) -> Result<Self, CertificateError> {
        let (claims, issuer) = bundle.verify(signed, Role::Authorization)?;
        if bundle.schedule.window(claims.linkage.slot) != (claims.not_before, claims.expires) {
            return Err(CertificateError::Slot(claims.linkage.slot));
        }
        within_right_of(issuer, &claims)?;
        Ok(Self { claims, issuer: issuer.id.clone(), digest })
    }

    /// Checks what changes, in the order time, region, revocation.
    ///
    /// # Errors
    /// [`CertificateError::NotYetValid`], [`CertificateError::Expired`], [`CertificateError::Region`],
    /// [`CertificateError::Revoked`].
    pub fn check(&self, receiver: &Receiver<'_>, now: Now) -> Result<(), CertificateError> {
        self.claims.check_time(now.seconds())?;
        if let Some(certificate) = self.claims.region
            && receiver.region != Some(certificate)
        {
            return Err(CertificateError::Region { certificate, here: receiver.region });
        }
        if receiver.revocations.is_revoked(&self.issuer, &self.claims.linkage, &self.digest) {
            return Err(CertificateError::Revoked);
        }
        Ok(())
    }

    /// Whether the holder may do this.
    #[must_use]
    pub fn covers(&self, service: ServiceId, operation: Operation) -> bool {
        self.claims.scope.covers(service, operation)
    }

    /// What the holder may do.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.claims.scope
    }

    /// The key that signs broadcasts.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.claims.confirmation.0
    }

    /// The key of associations.
    #[must_use]
    pub fn agreement_key(&self) -> AgreementKey {
        self.claims.agreement_key
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &CertificateClaims {
        &self.claims
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &AuthorityId {
        &self.issuer
    }

    /// Hash of the encoded certificate, which everything is bound to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The eight bytes that stand for it in messages.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.digest.key_id()
    }
}

impl CertificateClaims {
    pub(crate) fn check_time(&self, now: Seconds) -> Result<(), CertificateError> {
        let (not_before, expires) = (self.not_before, self.expires);
        if now < not_before {
            return Err(CertificateError::NotYetValid { not_before, now });
        }
        if now >= expires {
            return Err(CertificateError::Expired { expires, now });
        }
        Ok(())
    }
}

fn within_right_of(issuer: &Authority, claims: &CertificateClaims) -> Result<(), CertificateError> {
    if !issuer.scope.as_ref().is_some_and(|right| claims.scope.within(right)) {
        return Err(CertificateError::ScopeBeyondIssuer(issuer.id.clone()));
    }
    match claims.region {
        Some(region) if !issuer.regions.as_ref().is_some_and(|regions| regions.contains(&region)) => {
            Err(CertificateError::RegionBeyondIssuer { region, issuer: issuer.id.clone() })
        }
        _ => Ok(()),
    }
}
