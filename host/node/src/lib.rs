//! A node that hosts M2M application entities (AEs) it does not trust.
//!
//! Each AE is a WebAssembly component in a store of its own. It reaches keys, by handle, and messages; a capability file
//! decides every single call. See `ARCHITECTURE.md` for the map.
//!
//! ```no_run
//! use m2m_host::{Node, manifest::Manifest};
//!
//! # async fn run() -> anyhow::Result<()> {
//! let node = Node::start(std::path::Path::new("node.toml"), &mut |step| eprintln!("{step}")).await?;
//! println!("{} AEs", node.report().aes.len());
//! node.stop().await?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod ae;
pub mod audit;
mod bindings;
pub mod capability;
pub mod cli;
mod control;
mod dead_letter;
mod digest;
pub mod engine;
pub mod fault;
mod host_calls;
pub mod linker;
pub mod manifest;
mod node;
mod node_keys;
mod partitions;
mod services;
mod snippet;
mod state;
pub mod status;
mod supervisor;
mod timers;
pub mod transport;
mod trust;

pub use dead_letter::DeadLetter;
pub use digest::{NoDigest, Sha256Digest};
pub use node::{Files, Node, StartError};
pub use node_keys::{NodeKeys, checkpoint_key};
pub use state::{ProvisioningChannel, StateError, StateFolder};
pub use trust::TrustError;
