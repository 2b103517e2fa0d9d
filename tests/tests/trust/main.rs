//! Several nodes in a trust domain with real authorities: what one says the others hear by its rights, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod life;
mod misbehaviour;
mod scene;
mod speaking;
