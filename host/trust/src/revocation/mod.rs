//! Revocation: a report of signed messages, the MA's order, the AA's list, and the block of the subscription.
//!
//! The AA learns from an order which batch to publish, and the MEF which subscription to block, by the hash of the shared
//! part of the request. Neither learns who that is.

mod crl;
mod identification;
mod order;
mod report;

pub use crl::{CHAIN_STEPS_MAX, Crl, CrlBatch, CrlError, NUMBERS_MAX, Revocations};
pub use identification::{IDENTIFICATION_SECONDS, IdentificationError, IdentificationOrder};
pub use order::{Block, OrderError, Reason, RevocationOrder, VerifiedBlock};
pub use report::{Report, ReportError, ReportedMessage};
