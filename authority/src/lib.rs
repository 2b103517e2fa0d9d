//! The authorities of a trust domain, each a process with its own keys and its own store.
//!
//! ```text
//! node ── enrolment ──────────────────────────▶ MEF   knows who, never which certificates
//! node ── authorization ──▶ relay ──▶ AA ──proof──▶ MEF
//!                           │         knows which certificates, never who
//!                           knows an address, never what for
//! MA ── order ──▶ AA ── list ──▶ nodes;  AA ── block ──▶ MEF
//! ```
//!
//! Messages and their checks are `m2m-trust`'s; here are the servers around them: HTTP, stores, policy, logs. [`init`] makes a whole
//! domain in a folder, [`serve`] runs one role of it, [`manufacture`] prepares a node:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! let folder = Path::new("domain");
//! m2m_authority::init::init(folder, &m2m_authority::init::Options::default(), &mut |_| {})?;
//! let (stop, stopped) = tokio::sync::watch::channel(false);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7101").await?;
//! m2m_authority::serve(&folder.join("mef"), listener, stopped).await?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod aa;
pub mod cli;
pub mod clock;
#[cfg(test)]
mod crash_tests;
pub mod domain;
pub mod enrolment_policy;
pub mod http;
pub mod init;
pub mod journal;
pub mod keys;
pub mod manufacture;
pub mod mef;
pub mod misbehaviour;
pub mod problem;
mod random;
pub mod relay;
mod retention;
pub mod server;
pub mod settings;
mod snippet;
pub mod store;
#[cfg(test)]
mod testing;
mod work;

pub use server::{ServeError, Server, serve};
pub use snippet::FileError;
