//! What host calls ask about, kept apart so that they never wait for a disk or an authority.

use std::collections::{BTreeMap, BTreeSet};

use m2m_trust::aif::Scope;
use m2m_trust::identity::{Seconds, ServiceId};

use crate::life_cycle::Stage;
use crate::rights::NotNow;

/// The facts.
pub(crate) struct Facts {
    /// What the subscription allows and the node wants; `None` without a subscription.
    pub(crate) scope: Option<Scope>,
    /// The end of the subscription.
    pub(crate) subscribed_until: Option<Seconds>,
    /// Until when certificates are held without a gap.
    pub(crate) held_until: BTreeMap<ServiceId, Seconds>,
    /// Services that AEs asked for.
    pub(crate) wishes: BTreeSet<ServiceId>,
    /// Whether a change of pseudonym may be asked for now.
    pub(crate) change: Result<(), NotNow>,
    /// An AE asked for a change.
    pub(crate) change_wished: bool,
    /// What is waited for.
    pub(crate) waits: Waits,
    /// Whether the enrolment function is being talked to.
    pub(crate) enrolling: bool,
    /// The stage when it was last looked at, and since when.
    pub(crate) stage: (Stage, u64),
}

/// What is waited for, in words, by what it holds up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits {
    pub(crate) initialization: Option<String>,
    pub(crate) storage: Option<String>,
    pub(crate) change: Option<String>,
    pub(crate) clock: Option<String>,
    pub(crate) enrolment: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) bundle: Option<String>,
    pub(crate) revocations: Option<String>,
}

impl Waits {
    /// What holds up most.
    pub(crate) fn first(&self) -> Option<&str> {
        let Self { initialization, storage, change, clock, enrolment, authorization, bundle, revocations } = self;
        let all = [initialization, storage, change, clock, enrolment, authorization, bundle, revocations];
        all.into_iter().find_map(|waits| waits.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_obstacle_is_told() {
        let mut waits = Waits { revocations: Some("list".to_owned()), ..Waits::default() };
        assert_eq!(waits.first(), Some("list"));
        waits.clock = Some("clock".to_owned());
        assert_eq!(waits.first(), Some("clock"));
        assert_eq!(Waits::default().first(), None);
    }
}
