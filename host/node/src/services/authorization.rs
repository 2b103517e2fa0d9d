//! What the node may do in the M2M system, as far as an AE's capability file lets it know and ask.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use m2m_provisioning::{NoRight, NotNow, Provisioning, Rights, ServiceRight};

use crate::capability::operation::{ChangePseudonym, ListServices, Operation, RequestService};
use crate::capability::{Denial, Mediator, NO_WAIT_HELPS, Permit, Refusal};

/// What an AE is told to wait while a change is under way.
const CHANGING_RETRY_MS: u32 = 1_000;

/// The AE's view of the node's authorization.
#[derive(Clone)]
pub(crate) struct Authorization {
    node: Option<OfNode>,
    mediator: Arc<Mediator>,
}

/// The node's own side.
#[derive(Clone)]
struct OfNode {
    provisioning: Provisioning,
    rights: Arc<dyn Rights>,
}

impl Authorization {
    /// Without `provisioning` the node takes part in no M2M system.
    pub(crate) fn new(provisioning: Option<&Provisioning>, mediator: &Arc<Mediator>) -> Self {
        let of_node =
            |provisioning: &Provisioning| OfNode { provisioning: provisioning.clone(), rights: provisioning.rights() };
        Self { node: provisioning.map(of_node), mediator: Arc::clone(mediator) }
    }

    /// Those of them that the AE may ask for.
    pub(crate) fn services(&self, _permit: &Permit<ListServices>) -> Result<Vec<ServiceRight>, Refusal> {
        let mut services = self.node()?.rights.services();
        services.retain(|service| self.mediator.may_know_of(&service.name));
        Ok(services)
    }

    pub(crate) fn request(&self, permit: &Permit<RequestService<'_>>) -> Result<(), Refusal> {
        let service = permit.operation().service;
        self.node()?.provisioning.request_service(service).map_err(|why| refusal(why, permit.operation(), service))
    }

    pub(crate) fn change_pseudonym(&self, permit: &Permit<ChangePseudonym>) -> Result<(), Refusal> {
        self.node()?.provisioning.request_change().map_err(|why| refusal(why, permit.operation(), ""))
    }

    fn node(&self) -> Result<&OfNode, Refusal> {
        let no_trust = || Refusal::Unavailable("the node takes part in no M2M system".to_owned());
        self.node.as_ref().ok_or_else(no_trust)
    }
}

fn refusal(why: NotNow, operation: &impl Operation, subject: &str) -> Refusal {
    match why {
        NotNow::NoRight(NoRight::NotSubscribed(_)) => {
            let operation = operation.request().operation();
            Refusal::Denied(Denial { operation, subject: subject.to_owned(), rule: None })
        }
        NotNow::NoRight(missing) => Refusal::Unavailable(missing.to_string()),
        NotNow::TooSoon(from) => Refusal::Exhausted { retry_ms: until(Duration::from_micros(from.0)) },
        NotNow::NoSpare(from) => Refusal::Exhausted { retry_ms: until(Duration::from_secs(from.0)) },
        NotNow::Changing => Refusal::Exhausted { retry_ms: CHANGING_RETRY_MS },
    }
}

/// Milliseconds until a time after 1970, at least one.
fn until(since_1970: Duration) -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wait_ms = since_1970.saturating_sub(now).as_millis().max(1);
    u32::try_from(wait_ms).unwrap_or(NO_WAIT_HELPS)
}

#[cfg(test)]
mod tests {
    use m2m_trust::identity::{Micros, Seconds};

    use super::*;

    #[test]
    fn every_reason_has_its_answer() {
        let ask = RequestService { service: "metering/report" };
        let answer = |why| refusal(why, &ask, ask.service);
        let denial = Denial { operation: "authorization.request", subject: "metering/report".to_owned(), rule: None };
        let not_covered = NoRight::NotSubscribed("metering/report".to_owned());
        assert_eq!(answer(not_covered.into()), Refusal::Denied(denial));
        let not_yet = NoRight::NotEnrolled("no challenge yet".to_owned());
        assert_eq!(answer(not_yet.into()), Refusal::Unavailable("not enrolled: no challenge yet".to_owned()));
        assert_eq!(answer(NotNow::TooSoon(Micros(5))), Refusal::Exhausted { retry_ms: 1 });
        assert_eq!(answer(NotNow::NoSpare(Seconds(u64::MAX))), Refusal::Exhausted { retry_ms: NO_WAIT_HELPS });
        assert_eq!(answer(NotNow::Changing), Refusal::Exhausted { retry_ms: CHANGING_RETRY_MS });
    }
}
