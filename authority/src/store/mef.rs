//! What an MEF remembers.

use m2m_trust::authorization::{ProofOutcome, Standing};
use m2m_trust::credential::CredentialId;
use m2m_trust::enrolment::EnrolmentOutcome;
use m2m_trust::identity::{CanonicalId, Digest, Epoch, Seconds};

use super::{Keep, NotCommitted, StoreError};

/// A challenge that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// When.
    pub issued: Seconds,
    /// Whether a request under it was decided.
    pub spent: bool,
}

/// The store of an MEF.
///
/// A device has one account, whatever subscriptions it holds: quota and block are the device's. A device that enrols anew keeps
/// its old subscription until it first uses the new one, so that a lost reply costs nothing.
pub trait MefStore: Send + Sync {
    /// Remembers a challenge for [`CHALLENGE_SECONDS`](m2m_trust::enrolment::CHALLENGE_SECONDS). May be forgotten by a restart: its
    /// request is then refused and the node asks for another.
    ///
    /// # Errors
    /// [`StoreError`], also when more challenges are open than the store holds.
    fn remember_challenge(&self, challenge: [u8; 16], now: Seconds) -> Result<(), StoreError>;

    /// A challenge that is remembered.
    ///
    /// # Errors
    /// [`StoreError`].
    fn challenge(&self, challenge: &[u8; 16]) -> Result<Option<ChallengeRecord>, StoreError>;

    /// The reply to exactly this enrolment request.
    ///
    /// # Errors
    /// [`StoreError`].
    fn enrolment_reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether the device is blocked.
    ///
    /// # Errors
    /// [`StoreError`].
    fn is_blocked(&self, device: &CanonicalId) -> Result<bool, StoreError>;

    /// Commits an enrolment and gives the reply to send: the outcome's, or the stored one where the same request was decided
    /// meanwhile.
    ///
    /// # Errors
    /// [`NotCommitted::ChallengeUnknown`], [`NotCommitted::ChallengeSpent`], [`NotCommitted::Blocked`] for a grant,
    /// [`NotCommitted::Closed`], [`NotCommitted::Store`].
    fn commit_enrolment(
        &self,
        outcome: &EnrolmentOutcome,
        device: &CanonicalId,
        keep: Keep,
    ) -> Result<Vec<u8>, NotCommitted>;

    /// The answer to exactly this query.
    ///
    /// # Errors
    /// [`StoreError`].
    fn answer(&self, query: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// How a subscription stands.
    ///
    /// # Errors
    /// [`StoreError`].
    fn standing(&self, subscription: &CredentialId) -> Result<Standing, StoreError>;

    /// Whether a decided request of the epoch had this nonce.
    ///
    /// # Errors
    /// [`StoreError`].
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError>;

    /// How many certificates the subscription's device was granted in the epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    fn used(&self, subscription: &CredentialId, epoch: Epoch) -> Result<u32, StoreError>;

    /// Commits a grant and gives the answer to send: the outcome's, or the stored one where the same query was answered meanwhile.
    ///
    /// # Errors
    /// [`NotCommitted::NotSubscribed`], [`NotCommitted::NonceUsed`], [`NotCommitted::QuotaExhausted`], [`NotCommitted::Closed`],
    /// [`NotCommitted::Store`].
    fn commit_proof(&self, outcome: &ProofOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted>;

    /// Blocks the device whose request had this shared part. `false` where no such request is remembered.
    ///
    /// # Errors
    /// [`StoreError`].
    fn block(&self, shared: &Digest) -> Result<bool, StoreError>;

    /// The device whose request had this shared part.
    ///
    /// # Errors
    /// [`StoreError`].
    fn device_of(&self, shared: &Digest) -> Result<Option<CanonicalId>, StoreError>;

    /// Forgets what is due, and from then on refuses to commit what would have been due before `now`. Gives how many records went.
    ///
    /// # Errors
    /// [`StoreError`].
    fn prune(&self, now: Seconds) -> Result<u64, StoreError>;
}
