//! What an MEF logs. It knows who enrols; it never sees a key of a certificate.

use serde::Serialize;

/// One line of the log.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum Decision<'a> {
    /// A request for enrolment was decided.
    Enrolment {
        status: &'static str,
        /// Canonical identity, hexadecimal.
        device: String,
        model: String,
        /// The rule that decided; none where none matched.
        rule: Option<&'a str>,
        /// What kept the best rule from matching.
        unmet: Option<String>,
        services: Vec<String>,
        quota: Option<u32>,
        /// Id of the credential, hexadecimal.
        subscription: Option<String>,
    },
    /// A request that was decided before came again.
    Repeated { what: &'static str },
    /// A message was not believed.
    Refused { what: &'static str, cause: &'static str, detail: String },
    /// An AA asked for a subscription.
    Proof { status: &'static str, cause: Option<String>, certificates: Option<u32> },
    /// A subscription was blocked on an MA's order.
    Block {
        /// Of the order, hexadecimal.
        order: String,
        reason: &'static str,
        /// Hash of the shared part, hexadecimal, as the AA has it.
        request: String,
        found: bool,
    },
}

/// A node was named on a root's order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Identification {
    pub(crate) event: &'static str,
    /// Of the order, hexadecimal.
    pub(crate) order: String,
    /// Hash of the shared part, hexadecimal.
    pub(crate) request: String,
    pub(crate) found: bool,
}
