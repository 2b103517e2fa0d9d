//! What an AA logs. It sees batches; it never learns a subscription, an identity or the address of a node.

use serde::Serialize;

/// One line of the log.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum Decision<'a> {
    /// A request was decided.
    Authorization { status: &'static str, epoch: u32, certificates: usize },
    /// A request that was decided before came again.
    Repeated { what: &'static str },
    /// A message was not believed.
    Refused { what: &'static str, cause: &'static str, detail: String },
    /// An MEF did not answer, so nothing was decided.
    Undecided { function: &'a str, cause: String },
    /// A batch was revoked on an MA's order.
    Revocation {
        /// Of the order, hexadecimal.
        order: String,
        reason: &'static str,
        /// Hash of the shared part, hexadecimal, as the MEF has it.
        request: String,
        from_slot: u32,
    },
    /// A list was published.
    List { number: u64, batches: usize },
    /// An MEF took a block, or will never take it.
    Block {
        /// Of the order, hexadecimal.
        order: String,
        function: &'a str,
        acknowledged: bool,
        detail: Option<String>,
    },
}
