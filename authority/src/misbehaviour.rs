//! The misbehaviour authority, a key and a command: verifies reports and orders revocation. And the root's order to name a node.

use std::path::Path;

use m2m_trust::broadcast::Broadcast;
use m2m_trust::bundle::Role as BundleRole;
use m2m_trust::certificate::Certificate;
use m2m_trust::codec;
use m2m_trust::identity::{AuthorityId, CanonicalId, Digest};
use m2m_trust::keys::{KeyUnavailable, Signer};
use m2m_trust::revocation::{IdentificationError, IdentificationOrder, Reason, Report, ReportError, RevocationOrder};

use crate::clock::Clock;
use crate::domain::{Domain, DomainError};
use crate::journal::{Journal, JournalError};
use crate::keys::{KeyStore, KeyStoreError, Signing};
use crate::mef::Identification;
use crate::random;
use crate::server;
use crate::settings::{Role, Settings};
use crate::snippet::FileError;
use crate::store::{MefStore, RedbMefStore, StoreError};

/// The most bytes of a report.
pub const REPORT_BYTES_MAX: usize = 65_536;

/// Why nothing was ordered or named.
#[derive(Debug, thiserror::Error)]
pub enum OrderingError {
    /// Settings.
    #[error(transparent)]
    File(#[from] FileError),
    /// The domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The key.
    #[error(transparent)]
    Sign(#[from] KeyUnavailable),
    /// The report proves nothing.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The trust bundle does not list the key for this.
    #[error("the trust bundle lists `{0}` with another key than the one in its key store, or not at all")]
    NotListed(String),
    /// The order to name a node.
    #[error(transparent)]
    Identification(#[from] IdentificationError),
    /// The MEF's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The MEF's log.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A hash in a bad form, or one that the store does not know.
    #[error("{0}")]
    Request(String),
}

/// A report that was verified.
#[derive(Debug, Clone)]
pub struct VerifiedReport {
    /// The certificate that everything was signed under.
    pub certificate: Certificate,
    /// What was said, in the order of the report.
    pub messages: Vec<(String, Broadcast)>,
}

/// Verifies a report under the domain's bundle.
///
/// # Errors
/// [`ReportError`].
pub fn verify_report(domain: &Domain, report: &[u8]) -> Result<VerifiedReport, ReportError> {
    let (certificate, messages) = Report::verify(report, &domain.bundle)?;
    let decoded: Report = codec::decode(report, REPORT_BYTES_MAX, "report")?;
    let topics = decoded.messages.into_iter().map(|message| message.topic);
    Ok(VerifiedReport { certificate, messages: topics.zip(messages).collect() })
}

/// A signed order and whom to bring it to.
#[derive(Debug, Clone)]
pub struct SignedOrder {
    /// The order.
    pub order: RevocationOrder,
    /// As it is signed.
    pub signed: Vec<u8>,
}

/// Orders, with the MA's key in the domain's folder, to revoke the batch of the certificate that a report is about.
///
/// # Errors
/// [`OrderingError`].
pub fn order_revocation(domain: &Path, report: &[u8], reason: Reason) -> Result<SignedOrder, OrderingError> {
    let (settings, domain, signing) = offline_key(domain, Role::Ma)?;
    let entry = domain.bundle.authority(BundleRole::Misbehaviour, &settings.id);
    if entry.is_none_or(|entry| entry.key != signing.public_key()) {
        return Err(OrderingError::NotListed(settings.id.to_string()));
    }
    let report = verify_report(&domain, report)?;
    let order = RevocationOrder {
        issuer: settings.id,
        id: random::bytes(),
        authority: report.certificate.issuer().clone(),
        certificate: report.certificate.digest(),
        reason,
        time: Clock::system().now(),
    };
    let signed = order.issue(&domain.bundle.domain, &signing)?;
    Ok(SignedOrder { order, signed })
}

/// Orders, with the root's key in the domain's folder, that an MEF names the node behind a request.
///
/// # Errors
/// [`OrderingError`].
pub fn order_identification(domain: &Path, function: AuthorityId, shared: Digest) -> Result<Vec<u8>, OrderingError> {
    let (_, domain, signing) = offline_key(domain, Role::Root)?;
    let own = signing.public_key();
    if !domain.roots.contains(&own) {
        return Err(OrderingError::NotListed("root".to_owned()));
    }
    let order =
        IdentificationOrder { id: random::bytes(), enrolment_function: function, shared, time: Clock::system().now() };
    Ok(order.issue(&domain.bundle.domain, &signing)?)
}

/// Names the node behind a request, as the MEF in the domain's folder, on a root's order. Logged by the MEF before the name is given;
/// works while the MEF is being served.
///
/// # Errors
/// [`OrderingError`].
pub fn identify(domain: &Path, shared: Digest, order: &[u8]) -> Result<CanonicalId, OrderingError> {
    let folder = domain.join(Role::Mef.name());
    let settings = Settings::read(&folder)?;
    let domain = Domain::of(&settings)?;
    let now = Clock::system().now();
    let order = IdentificationOrder::verify(order, &domain.bundle.domain, &domain.roots, &settings.id, &shared, now)?;
    let device = RedbMefStore::open_read_only(&server::store_path(&folder))?.device_of(&shared)?;
    let identification = Identification {
        event: "identification",
        order: hex::encode(order.id),
        request: shared.to_string(),
        found: device.is_some(),
    };
    Journal::new(&folder, u64::MAX, settings.log.files).record(now, &identification)?;
    let unknown = || OrderingError::Request(format!("no request {shared} is remembered by `{}`", settings.id));
    device.ok_or_else(unknown)
}

/// 64 hexadecimal digits.
///
/// # Errors
/// [`OrderingError::Request`].
pub fn parse_digest(text: &str) -> Result<Digest, OrderingError> {
    let mut digest = [0; 32];
    let expected = || OrderingError::Request(format!("`{}`: expected 64 hexadecimal digits", text.escape_debug()));
    hex::decode_to_slice(text, &mut digest).map_err(|_| expected())?;
    Ok(Digest(digest))
}

fn offline_key(domain: &Path, role: Role) -> Result<(Settings, Domain, Signing), OrderingError> {
    let folder = domain.join(role.name());
    let settings = Settings::read(&folder)?;
    let domain = Domain::of(&settings)?;
    let signing = KeyStore::open(&folder, &settings.root_key)?.signing()?;
    Ok((settings, domain, signing))
}
