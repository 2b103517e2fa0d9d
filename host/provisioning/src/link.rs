//! What a change of pseudonym needs from the link to other nodes.

/// The link.
///
/// The end of one address and the begin of the next lie a silence apart: whoever saw both at one moment would know that they
/// belong together.
pub trait Link: Send + Sync {
    /// Whether everything that was signed has left.
    fn is_drained(&self) -> bool;

    /// Silence begins: connections end, and nothing is received.
    fn leave(&self);

    /// Silence ends: new connections from a new address.
    fn renew(&self);
}
