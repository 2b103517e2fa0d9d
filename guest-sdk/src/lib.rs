//! What an M2M application entity (AE) is compiled against.
//!
//! An AE is a WebAssembly component. A node runs it, hands it one message at a time, and decides each of its calls by the
//! entity's capability file. This crate is the Rust side of that contract (package `m2m:node`): a trait to implement, a
//! macro that exports the implementation, and one module for each interface the node offers.
//!
//! ```
//! use m2m_guest_sdk::{ApplicationEntity, Message, Result, Topic, ae, info};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Level { litres: f64 }
//!
//! const LEVEL: Topic<Level> = Topic::cbor("tank/level");
//! const ALARM: Topic<Level> = Topic::cbor("tank/alarm");
//!
//! struct Watch;
//!
//! impl ApplicationEntity for Watch {
//!     fn init() -> Result<Self> {
//!         LEVEL.subscribe()?;
//!         Ok(Watch)
//!     }
//!
//!     fn on_message(&mut self, message: Message) -> Result<()> {
//!         let Some(level) = LEVEL.read(&message)? else { return Ok(()) };
//!         if level.litres < 10.0 {
//!             info!("level {} l", level.litres);
//!             ALARM.publish(&level)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! ae!(Watch);
//! ```
//!
//! Its crate has `crate-type = ["cdylib"]`, is compiled for `wasm32-unknown-unknown` and linked by `wasm-component-ld`;
//! `m2m-host build` does both. The component imports only those interfaces whose functions the entity calls, so an AE
//! that never logs needs no right to log.
//!
//! Every call can be refused, and a refusal is an [`Error`] that names the missing right. An error that leaves
//! [`ApplicationEntity::on_message`] counts as a fault of that message: the node tries it again, then sends it to
//! `$dead-letter`. What a refusal should not end, match on.
//!
//! The crate compiles on the developer's machine too, for unit tests and documentation; a call of the node panics there.
//!
//! # Features
//! `cbor` (default) and `json` bring payloads in those formats, by serde. [`Bytes`], [`Text`] and [`Signal`] need neither.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod authorization;
#[cfg(feature = "cbor")]
mod cbor;
pub mod clocks;
mod encoding;
mod entity;
mod error;
pub mod keys;
pub mod logging;
mod memory;
pub mod messages;
pub mod messaging;
mod topic;
mod topic_name;

/// The bindings that are generated from the WIT, for what the typed modules leave out.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::all,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks
)]
pub mod wit {
    wit_bindgen::generate!({
        world: "ae",
        path: "../wit",
        generate_all,
        pub_export_macro: true,
        runtime_path: "wit_bindgen::rt",
    });
}

#[cfg(feature = "cbor")]
pub use encoding::Cbor;
#[cfg(feature = "json")]
pub use encoding::Json;
pub use encoding::{Bytes, Encoding, Signal, Text};
pub use entity::ApplicationEntity;
#[doc(hidden)]
pub use entity::Instance;
pub use error::{Denial, Error, Result};
pub use memory::Memory;
pub use messages::{Message, Protection, Sender};
pub use topic::{Answer, Filter, RequestTopic, Topic};
