//! Pseudonyms of one's own: which certificates are held, and when to change from one to the next.
//!
//! Nothing here signs or sends. [`Wallet`] says what is held and what to ask for; [`Rotation`] says when to change, and when
//! to be silent.

mod rotation;
mod wallet;

pub use rotation::{Phase, Rotation, RotationError, RotationPolicy, Trigger};
pub use wallet::{Held, Missing, Wallet};
