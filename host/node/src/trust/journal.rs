//! What provisioning does stands in the audit before it is done.

use m2m_provisioning::{Journal, Step};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::audit::{Audit, NodeEvent};

/// Writes each step as a line of the node.
pub(super) struct AuditJournal {
    audit: Audit,
}

impl AuditJournal {
    pub(super) fn new(audit: &Audit) -> Self {
        Self { audit: audit.clone() }
    }
}

impl Journal for AuditJournal {
    fn record(&self, step: &Step) -> Result<(), String> {
        let event = NodeEvent::Provisioning { step: step.name().to_owned(), text: step.text() };
        let wait = || self.audit.node_durably(event);
        // Out of the way of the other tasks of this thread, where there are any.
        let written = match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        };
        written.map_err(|error| error.to_string())
    }
}
