//! What to ask an authorization authority for next.

use m2m_trust::aif::Scope;
use m2m_trust::authorization::COUNT_MAX;
use m2m_trust::bundle::Schedule;
use m2m_trust::identity::{Seconds, ServiceId, Slot};
use m2m_trust::pseudonym::{Held, Missing, Wallet};

use crate::state::State;

/// A request to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// Service, epoch and slots.
    pub(crate) missing: Missing,
    /// The node cannot speak for the service now.
    pub(crate) urgent: bool,
}

/// What the plan looks at.
pub(crate) struct Situation<'a> {
    /// What is held and asked for.
    pub(crate) state: &'a State,
    /// How time is divided.
    pub(crate) schedule: &'a Schedule,
    /// What can be obtained.
    pub(crate) scope: &'a Scope,
    /// Certificates in an epoch.
    pub(crate) quota: u32,
    /// Services with a pseudonym in use.
    pub(crate) active: &'a [ServiceId],
    /// The time.
    pub(crate) now: Seconds,
    /// Slots to hold beyond the present one.
    pub(crate) ahead: u32,
    /// Slots to fetch beyond the present one, once one of those to hold is missing; at least as many.
    pub(crate) fetched: u32,
}

/// Requests to make, at most one for each service and epoch, none beyond the quota. `Err` names an epoch whose quota is used up
/// while a service is mute in it.
pub(crate) fn needs(situation: &Situation<'_>) -> Result<Vec<Need>, u32> {
    let Situation { state, schedule, scope, quota, active, now, ahead, fetched } = *situation;
    let present = schedule.slot(now);
    let mut wallet = Wallet::default();
    let held = |service, slot| Held { service: ServiceId(service), slot: Slot(slot), item: () };
    wallet.put(state.held.iter().map(|certificate| held(certificate.service, certificate.slot)));
    let asked = state.requests.iter().flat_map(|request| request.slots.iter().map(|&slot| held(request.service, slot)));
    wallet.put(asked);
    wallet.put(active.iter().map(|service| held(service.0, present.0)));
    let services: Vec<_> = scope.services().collect();
    let mut left: std::collections::BTreeMap<u32, u32> = std::collections::BTreeMap::new();
    let mut needs = Vec::new();
    let mut exhausted = None;
    let soon: Vec<_> =
        wallet.missing(&services, schedule, now, ahead).into_iter().map(|soon| (soon.service, soon.epoch)).collect();
    let mut missing = wallet.missing(&services, schedule, now, fetched);
    missing.retain(|missing| soon.contains(&(missing.service, missing.epoch)));
    // Services that are mute come first, while there is quota.
    missing.sort_by_key(|missing| !missing.slots.contains(&present));
    for mut missing in missing {
        let urgent = missing.slots.contains(&present);
        let epoch = missing.epoch.0;
        let used = state.used.get(&epoch).copied().unwrap_or_default();
        let left = left.entry(epoch).or_insert(quota.saturating_sub(used));
        missing.slots.truncate((*left).min(COUNT_MAX) as usize);
        *left = left.saturating_sub(u32::try_from(missing.slots.len()).unwrap_or(u32::MAX));
        if missing.slots.is_empty() {
            exhausted = exhausted.or(urgent.then_some(epoch));
        } else {
            needs.push(Need { missing, urgent });
        }
    }
    match exhausted {
        Some(epoch) if needs.is_empty() => Err(epoch),
        _ => Ok(needs),
    }
}

#[cfg(test)]
mod tests {
    use m2m_trust::aif::Operation;
    use m2m_trust::bundle::NonZero;
    use m2m_trust::identity::Epoch;

    use super::*;
    use crate::state::{HeldCertificate, PendingRequest};

    fn schedule() -> Schedule {
        let number = |number| NonZero::new(number).unwrap();
        Schedule {
            origin: Seconds(0),
            slot_seconds: number(100),
            slots_per_epoch: number(10),
            certificates_per_slot: number(2),
        }
    }

    fn scope(services: &[u32]) -> Scope {
        let report = Operation::new(0).unwrap();
        services.iter().fold(Scope::empty(), |scope, service| scope.with(ServiceId(*service), report))
    }

    fn plan(state: &State, services: &[u32], active: &[u32], quota: u32) -> Result<Vec<Need>, u32> {
        fetching(1, state, services, active, quota)
    }

    fn fetching(fetched: u32, state: &State, services: &[u32], active: &[u32], quota: u32) -> Result<Vec<Need>, u32> {
        let active: Vec<_> = active.iter().copied().map(ServiceId).collect();
        let (schedule, scope) = (schedule(), scope(services));
        let now = Seconds(250);
        needs(&Situation { state, schedule: &schedule, scope: &scope, quota, active: &active, now, ahead: 1, fetched })
    }

    fn need(service: u32, slots: &[u32], urgent: bool) -> Need {
        let slots = slots.iter().copied().map(Slot).collect();
        Need { missing: Missing { service: ServiceId(service), epoch: Epoch(0), slots }, urgent }
    }

    fn held(service: u32, slot: u32) -> HeldCertificate {
        HeldCertificate { batch: "batch-0".to_owned(), index: 0, service, slot, certificate: vec![].into() }
    }

    fn pending(service: u32, slots: &[u32]) -> PendingRequest {
        PendingRequest {
            batch: "batch-1".to_owned(),
            subscription: "subscription-0".to_owned(),
            service,
            slots: slots.to_vec(),
            sealed: vec![].into(),
            awaiting: vec![].into(),
            rejections: 0,
        }
    }

    #[test]
    fn a_new_node_asks_for_this_slot_and_the_next() {
        assert_eq!(plan(&State::default(), &[7], &[], 100), Ok(vec![need(7, &[2, 2, 3, 3], true)]));
        assert_eq!(plan(&State::default(), &[], &[], 100), Ok(vec![]));
    }

    #[test]
    fn several_slots_are_fetched_once_one_of_the_next_is_missing() {
        let state = State { held: vec![held(7, 3), held(7, 3)], ..State::default() };
        assert_eq!(fetching(3, &state, &[7], &[7], 100), Ok(vec![]));
        let state = State { held: vec![held(7, 3)], ..State::default() };
        assert_eq!(fetching(3, &state, &[7], &[7], 100), Ok(vec![need(7, &[3, 4, 4, 5, 5], false)]));
    }

    #[test]
    fn what_is_held_used_or_on_its_way_is_not_asked_for_again() {
        let mut state = State { held: vec![held(7, 3)], ..State::default() };
        assert_eq!(plan(&state, &[7], &[7], 100), Ok(vec![need(7, &[3], false)]));
        state.requests = vec![pending(7, &[3])];
        assert_eq!(plan(&state, &[7], &[7], 100), Ok(vec![]));
        assert_eq!(plan(&state, &[7, 8], &[7], 100), Ok(vec![need(8, &[2, 2, 3, 3], true)]));
    }

    #[test]
    fn the_quota_is_kept_and_a_mute_service_comes_first() {
        let state = State { used: [(0, 97)].into(), ..State::default() };
        assert_eq!(plan(&state, &[7, 8], &[7], 100), Ok(vec![need(8, &[2, 2, 3], true)]));
        let state = State { used: [(0, 100)].into(), ..State::default() };
        assert_eq!(plan(&state, &[7], &[7], 100), Ok(vec![]));
        assert_eq!(plan(&state, &[7], &[], 100), Err(0));
    }
}
