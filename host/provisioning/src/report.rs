//! Where the node is and what it may do, for people and for the rest of the node.

use crate::life_cycle::{LifeCycle, Stage};
use crate::provisioning::Inner;
use crate::rights::{NoRight, Rights, ServiceRight};

impl Inner {
    fn stage(&self) -> Stage {
        let (initialized, speaks) = {
            let standing = self.standing.read();
            (standing.bundle.is_some(), !standing.active.is_empty())
        };
        let facts = self.facts();
        match (initialized, facts.scope.is_some(), speaks) {
            (false, ..) => Stage::Uninitialized,
            (true, false, _) if facts.enrolling => Stage::Enrolling,
            (true, false, _) => Stage::Initialized,
            (true, true, false) => Stage::Enrolled,
            (true, true, true) => Stage::Authorized,
        }
    }

    /// Notes when the stage changes.
    pub(crate) fn note_stage(&self) -> (Stage, u64) {
        let stage = self.stage();
        let mut facts = self.facts();
        if facts.stage.0 != stage {
            tracing::info!("life cycle: {stage:?}");
            facts.stage = (stage, self.clock.now().seconds().0);
        }
        facts.stage
    }

    pub(crate) fn life_cycle(&self) -> LifeCycle {
        let (stage, since) = self.note_stage();
        let refused = self.speech.refused();
        let (bundle_version, revocations_until) = {
            let standing = self.standing.read();
            let until = standing.revocations.current_until(&self.section.aa.id.0);
            (standing.bundle.as_ref().map_or(0, |bundle| bundle.version), until.map(|until| until.0))
        };
        let (waits_for, subscribed_until) = {
            let facts = self.facts();
            (facts.waits.first().map(str::to_owned), facts.subscribed_until.map(|until| until.0))
        };
        let memory = self.memory();
        let state = memory.state();
        LifeCycle {
            stage,
            waits_for,
            since,
            enrolments: state.enrolments,
            certificates: state.certificates,
            pseudonym_changes: state.changes,
            refused,
            bundle_version,
            subscribed_until,
            certificates_held: u64::try_from(state.held.len()).unwrap_or(u64::MAX),
            revocations_until,
        }
    }

    fn waits_for(&self) -> String {
        self.facts().waits.first().unwrap_or("the next certificate").to_owned()
    }
}

impl Rights for Inner {
    fn may_send(&self, operation: &str) -> Result<(), NoRight> {
        let Some(bundle) = self.bundle() else { return Err(NoRight::NotEnrolled(self.waits_for())) };
        let scope = self.facts().scope.clone();
        let scope = scope.ok_or_else(|| NoRight::NotEnrolled(self.waits_for()))?;
        let numbers = bundle.operation(operation).filter(|(service, operation)| scope.covers(*service, *operation));
        let (service, number) = numbers.ok_or_else(|| NoRight::NotSubscribed(operation.to_owned()))?;
        let now = self.now().map_err(|error| NoRight::Clock(error.to_string()))?;
        let covered = self.standing.read().active.get(&service).is_some_and(|active| {
            active.slot_end > now.seconds() && active.certificate.certificate.covers(service, number)
        });
        if covered { Ok(()) } else { Err(NoRight::NotAuthorized(self.waits_for())) }
    }

    fn services(&self) -> Vec<ServiceRight> {
        let Ok(now) = self.now() else { return Vec::new() };
        let held_until = self.facts().held_until.clone();
        let standing = self.standing.read();
        let Some(bundle) = &standing.bundle else { return Vec::new() };
        let active = standing.active.iter().filter(|(_, active)| active.slot_end > now.seconds());
        let mut services: Vec<_> = active
            .flat_map(|(service, active)| {
                let until = held_until.get(service).map_or(active.slot_end, |until| active.slot_end.max(*until));
                let operations = active.certificate.certificate.scope().operations();
                let names = operations.filter_map(|(service, number)| bundle.operation_name(service, number));
                names.map(|name| ServiceRight { name, until }).collect::<Vec<_>>()
            })
            .collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        services
    }
}
