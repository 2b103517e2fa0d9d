//! One AE: a store of its own, a bounded mailbox, one call at a time.

mod actor;
pub(crate) mod cpu;
mod fault;
mod instance;
pub(crate) mod limits;
mod state;
mod stdio;

pub(crate) use actor::{Actor, Ended};
pub use fault::Fault;
pub(crate) use fault::bounded;
pub(crate) use instance::{Blueprint, Instance};
pub use state::AeState;
