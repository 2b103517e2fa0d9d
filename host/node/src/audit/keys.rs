//! What the audit needs of the Secure Environment.

use super::check::CheckpointKey;
use super::line::Head;

/// The audit's side of the Secure Environment: a signing key of its own, and a durable memory for the newest line.
///
/// Errors are texts for people. The audit treats each as "not now": it goes into [`State::Degraded`](super::State) and
/// tries again.
pub trait AuditKeys: Send + Sync {
    /// Ed25519 over [`Head::signing_bytes`], framed as [`CheckpointKey::signing_input`] says.
    ///
    /// # Errors
    /// When the Secure Environment cannot sign now.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;

    /// The key under which [`AuditKeys::sign`] signs.
    ///
    /// # Errors
    /// When the Secure Environment does not answer.
    fn checkpoint_key(&self) -> Result<CheckpointKey, String>;

    /// Keeps `head` durably. Called with growing `seq` only, at most once for each group of lines.
    ///
    /// # Errors
    /// When it could not be kept; then the old or the new one is there.
    fn record_head(&self, head: Head) -> Result<(), String>;

    /// The head that was kept last; `None` when there never was one.
    ///
    /// # Errors
    /// When the Secure Environment does not answer.
    fn head(&self) -> Result<Option<Head>, String>;
}
