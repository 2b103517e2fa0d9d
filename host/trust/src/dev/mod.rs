//! A whole trust domain in memory, for tests and sample messages. Never for a device: keys are derived from a word.
#![allow(clippy::expect_used)] // What fails here fails the test that needed it.

mod dialogues;
mod domain;
mod keys;
mod memory;

pub use domain::{DevDomain, DevNode, DevPseudonym, DevSubscription, Party, START, services};
pub use keys::{NoiseKeyInMemory, RepeatableRng, SealedKey, SigningKey};
pub use memory::MemoryLog;
