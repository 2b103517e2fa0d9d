//! A node's life: stopped, killed, out of disk, updated. Keys and audit come through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod disk;
mod partitions;
mod stops;
