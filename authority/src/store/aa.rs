//! What an AA remembers. Nothing in it says who asked.

use m2m_trust::authorization::AuthorizationOutcome;
use m2m_trust::identity::{AuthorityId, Digest, Epoch, Seconds, Slot};
use m2m_trust::linkage::LinkageSeed;

use super::{Keep, NotCommitted, StoreError};

/// A batch of certificates that was issued for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// Hash of the shared part of the request.
    pub shared: Digest,
    /// The MEF that vouched.
    pub enrolment_function: AuthorityId,
    /// The seed of its first slot.
    pub seed: LinkageSeed,
    /// Its last slot.
    pub last_slot: Slot,
    /// Certificates have numbers below this in each slot.
    pub numbers: u32,
}

/// A batch that is on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedBatch {
    /// The seed of the first slot that is revoked.
    pub seed: LinkageSeed,
    /// Certificates have numbers below this in each slot.
    pub numbers: u32,
}

/// A list that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedList {
    /// Its number.
    pub sequence: u64,
    /// When it was made.
    pub this_update: Seconds,
    /// When the next one must be there.
    pub next_update: Seconds,
    /// As it is signed.
    pub signed: Vec<u8>,
}

/// A block that an MEF has not acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingBlock {
    /// The order behind it.
    pub order: [u8; 16],
    /// Whom to send it to.
    pub enrolment_function: AuthorityId,
    /// As it is signed.
    pub signed: Vec<u8>,
}

/// The store of an AA.
pub trait AaStore: Send + Sync {
    /// The reply to exactly this request.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reply(&self, request: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether a decided request of the epoch had this nonce.
    ///
    /// # Errors
    /// [`StoreError`].
    fn nonce_seen(&self, epoch: Epoch, nonce: &[u8; 16]) -> Result<bool, StoreError>;

    /// Commits a decision and gives the reply to send: the outcome's, or the stored one where the same request was decided meanwhile.
    ///
    /// # Errors
    /// [`NotCommitted::NonceUsed`], [`NotCommitted::Closed`], [`NotCommitted::Store`].
    fn commit_authorization(&self, outcome: &AuthorizationOutcome, keep: Keep) -> Result<Vec<u8>, NotCommitted>;

    /// The batch that a certificate belongs to.
    ///
    /// # Errors
    /// [`StoreError`].
    fn batch_of(&self, certificate: &Digest) -> Result<Option<BatchRecord>, StoreError>;

    /// Revokes a batch from `from` on and puts the block into the outbox, both or neither. `false` where the order was carried out
    /// before.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoke(&self, batch: &BatchRecord, from: Slot, block: &PendingBlock, keep: Keep) -> Result<bool, StoreError>;

    /// What the list has to hold.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoked(&self) -> Result<Vec<RevokedBatch>, StoreError>;

    /// The newest list.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self) -> Result<Option<PublishedList>, StoreError>;

    /// Puts a list in place of the one with the number before it. `false` where that is not the newest one: another instance was
    /// faster.
    ///
    /// # Errors
    /// [`StoreError`].
    fn publish(&self, list: &PublishedList) -> Result<bool, StoreError>;

    /// The blocks that are not acknowledged.
    ///
    /// # Errors
    /// [`StoreError`].
    fn outbox(&self) -> Result<Vec<PendingBlock>, StoreError>;

    /// Takes a block out of the outbox.
    ///
    /// # Errors
    /// [`StoreError`].
    fn settled(&self, order: &[u8; 16]) -> Result<(), StoreError>;

    /// Forgets what is due, and from then on refuses to commit what would have been due before `now`. Gives how many records went.
    ///
    /// # Errors
    /// [`StoreError`].
    fn prune(&self, now: Seconds) -> Result<u64, StoreError>;
}
