//! Builds application entities (AEs) as WebAssembly components.
//!
//! An AE is a Rust `cdylib` for `wasm32-unknown-unknown`, linked by `wasm-component-ld`, which rustup's toolchains carry.
//! The target's standard library is often missing, so there are three ways to get it, tried in this order:
//!
//! 1. the target is installed in the active toolchain already;
//! 2. Debian's `rustc-web`, whose library sources match it: std is then built along with the guests, once in a target
//!    directory (about 40 s);
//! 3. `rustup target add`, unless `RUSTUP_AUTO_INSTALL=0` says that nothing may be downloaded so.
//!
//! ```no_run
//! use m2m_guest_toolchain::{BuildRequest, Toolchain};
//!
//! let toolchain = Toolchain::find(&|step| eprintln!("{step}"))?;
//! for component in toolchain.build(&BuildRequest::new("examples", "target/guests"))? {
//!     println!("{} {} bytes", component.name, component.size_bytes);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A build sees none of the cargo variables of the process that asks for it, and leaves no path of the machine in the
//! component. The same sources in the same folder, built by the same toolchain, give the same digest; in another folder
//! the compiler may order functions differently.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod apt;
mod build;
mod cargo;
mod component;
mod environment;
mod error;
mod find;
mod run;
pub mod template;

pub use build::{BuildRequest, Output};
pub use component::BuiltComponent;
pub use error::{BuildError, ToolchainError};
pub use find::{Toolchain, Way};

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
