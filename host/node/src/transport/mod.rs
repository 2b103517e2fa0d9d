//! How messages travel. [`Bus`] carries those that stay on the node; what leaves it goes through a [`Transport`].

pub(crate) mod bus;
#[cfg(test)]
mod bus_tests;
pub mod mailbox;
pub mod message;
mod requests;
mod retained;

pub(crate) use requests::RequestCounter;

pub use bus::{Bus, TooManySubscriptions, Undelivered};

use message::Envelope;

/// A way off the node, for one kind of protection. The bus hands it what a permit allowed to leave; the first one comes
/// with the trust dialogues.
pub trait Transport: Send + Sync {
    /// Takes the message durably into the outbound queue, or says why not.
    ///
    /// # Errors
    /// Nothing was queued.
    fn send(&self, message: &Envelope) -> Result<(), Undelivered>;
}
