//! What an authority remembers, behind one trait for each role.
//!
//! INVARIANT (decided once): a decision is committed, with everything that keeps it from being made twice, in one durable
//! transaction that checks again what must not have happened meanwhile. Only then is the reply sent. A request that was decided
//! has its reply beside the decision, so the same bytes get the same reply.
//!
//! The methods block; callers are on a thread that may. Several instances of one role can share a store whose transactions are
//! serializable, such as PostgreSQL's.

mod aa;
#[cfg(test)]
mod contract_tests;
mod due;
mod mef;
mod mef_tables;
mod redb_aa;
mod redb_file;
mod redb_mef;

pub use aa::{AaStore, BatchRecord, PendingBlock, PublishedList, RevokedBatch};
pub use mef::{ChallengeRecord, MefStore};
pub use redb_aa::RedbAaStore;
pub use redb_mef::RedbMefStore;

use m2m_trust::identity::Seconds;

/// Until when what a decision leaves behind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Reply, nonce and quota: until the epoch is over, when no request of it is taken any more.
    pub replies_until: Seconds,
    /// What revocation needs.
    pub records_until: Seconds,
}

/// The store cannot be read or written now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be used: {0}")]
pub struct StoreError(pub String);

/// Why a decision was not committed. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// The challenge is not known (any more).
    #[error("unknown challenge")]
    ChallengeUnknown,
    /// Another request under the challenge was decided meanwhile.
    #[error("challenge was used before")]
    ChallengeSpent,
    /// The device was blocked meanwhile.
    #[error("the device is blocked")]
    Blocked,
    /// The subscription was blocked or replaced meanwhile.
    #[error("the subscription does not count any more")]
    NotSubscribed,
    /// Another request with the nonce was decided meanwhile.
    #[error("nonce was used before in this epoch")]
    NonceUsed,
    /// Other requests used up the quota meanwhile.
    #[error("the quota of the epoch is used up")]
    QuotaExhausted,
    /// What would have to be remembered was due to be forgotten: the clock went back.
    #[error("the epoch was closed already; the clock of this authority went back")]
    Closed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
