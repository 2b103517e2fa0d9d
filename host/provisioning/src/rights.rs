//! What the node may do in the M2M system now, as the rest of the node asks for it.

use m2m_trust::identity::{Micros, Seconds};

/// The node's own rights.
pub trait Rights: Send + Sync {
    /// Whether the node may send under `operation`, as in `metering/report`.
    ///
    /// # Errors
    /// [`NoRight`].
    fn may_send(&self, operation: &str) -> Result<(), NoRight>;

    /// Operations that can be used now, sorted by name.
    fn services(&self) -> Vec<ServiceRight>;
}

/// The right to one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRight {
    /// As in `metering/report`.
    pub name: String,
    /// The first second in which the right no longer holds: the end of the last slot that certificates are held for
    /// without a gap.
    pub until: Seconds,
}

/// Why the node may not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRight {
    /// No enrolment yet; the text says what is waited for.
    #[error("not enrolled: {0}")]
    NotEnrolled(String),
    /// The subscription, or the list `obtain` of the node, does not cover the operation: waiting does not help.
    #[error("the node's subscription does not cover `{0}`")]
    NotSubscribed(String),
    /// Covered, and there is no certificate at the moment; the text says what is waited for.
    #[error("no certificate at the moment: {0}")]
    NotAuthorized(String),
    /// The clock cannot be believed.
    #[error("{0}")]
    Clock(String),
}

impl NoRight {
    /// Whether it can pass by itself.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::NotSubscribed(_))
    }
}

/// Why an AE's wish is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The node does not have the right, or may not get it.
    #[error(transparent)]
    NoRight(#[from] NoRight),
    /// Within the minimum dwell of the present pseudonym.
    #[error("the pseudonym may be changed from {0} on (microseconds since 1970)")]
    TooSoon(Micros),
    /// A change is under way.
    #[error("a change of pseudonym is under way")]
    Changing,
    /// No unused pseudonym is left in this slot.
    #[error("no unused pseudonym is left before {0} (seconds since 1970)")]
    NoSpare(Seconds),
}
