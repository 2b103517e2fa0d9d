//! Where in its life the node is, for people and for `status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The stages, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No initialization is installed.
    Uninitialized,
    /// Initialized, and no enrolment is going on.
    Initialized,
    /// Talking to the enrolment function, or waiting to talk to it again.
    Enrolling,
    /// Has a subscription, and no certificate that counts now.
    Enrolled,
    /// Has a certificate that counts now.
    Authorized,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LifeCycle {
    /// The stage.
    pub stage: Stage,
    /// What the node waits for, in words; `None` when nothing is missing.
    pub waits_for: Option<String>,
    /// When the stage began, seconds since 1970 by the node's own clock.
    pub since: u64,
    /// Successful enrolments so far.
    pub enrolments: u64,
    /// Certificates obtained so far.
    pub certificates: u64,
    /// Changes of pseudonym so far.
    pub pseudonym_changes: u64,
    /// Messages refused on arrival since the start, by cause.
    pub refused: BTreeMap<String, u64>,
    /// Version of the trust bundle; zero before initialization.
    pub bundle_version: u64,
    /// Until when the subscription lasts, seconds since 1970.
    pub subscribed_until: Option<u64>,
    /// Unused certificates at hand.
    pub certificates_held: u64,
    /// Until when the revocation list is current, seconds since 1970.
    pub revocations_until: Option<u64>,
}
