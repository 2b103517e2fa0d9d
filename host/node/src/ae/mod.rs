//! One AE: a store of its own, a bounded mailbox, one call at a time.

mod actor;
mod cpu;
mod instance;
mod limits;
mod state;
mod stdio;

pub(crate) use actor::{Actor, Ended};
pub(crate) use instance::{Blueprint, Instance};
pub use state::AeState;
