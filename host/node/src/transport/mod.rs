//! How messages travel. [`Bus`] carries those that stay on the node. What leaves it waits in [`outbound`] until it is signed,
//! and then goes through a [`Transport`]; the first one is [`link`].

use std::pin::Pin;

pub(crate) mod bus;
#[cfg(test)]
mod bus_tests;
pub mod link;
pub mod mailbox;
pub mod message;
pub mod outbound;
mod requests;
mod retained;

pub(crate) use requests::RequestCounter;

pub use bus::{Bus, TooManySubscriptions, Undelivered};

/// A way off the node for frames that are signed or encrypted already, as a radio or a broker is: who hears them is not known,
/// and nothing tells whether somebody did.
pub trait Transport: Send + Sync {
    /// Resolves when a frame would go out soon.
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Sends a frame to everybody; where nobody is connected, to nobody.
    fn send(&self, frame: Vec<u8>);

    /// Whether every frame that this node sent is out.
    fn is_drained(&self) -> bool;

    /// Gives up what is not out, and is gone: what others say is not heard either.
    fn leave(&self);

    /// Is there again, under another source address where that can be.
    fn renew(&self);
}
