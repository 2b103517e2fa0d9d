//! Dialogues as they should go, and every way to cheat in them that messages alone can show. Each refusal is beside its
//! accepted twin and names the exact cause.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod association;
mod authorization;
mod broadcast;
mod bundle;
mod encoding;
mod enrolment;
mod properties;
mod revocation;
mod signatures;
mod sizes;
mod support;
