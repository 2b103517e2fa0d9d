//! Hostile AEs, each beside well-behaved ones on the same node. Every denial has its allowed twin.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod faults;
mod keys;
mod logging;
mod messaging;
mod raw;
mod requests;
mod wasi;
