//! What an AA checks in the keys of a request.

use std::collections::{HashMap, HashSet};

use super::node::index_number;
use super::{AuthorizationError, AuthorizationRequest, COUNT_MAX, CertifiedKey, KeyPossession, SharedPart, commitment};
use crate::bundle::{Schedule, TrustBundle};
use crate::cose;
use crate::identity::{Digest, Seconds, Slot};

/// Neither a past epoch nor one too far ahead.
pub(super) fn check_epoch(shared: &SharedPart, schedule: &Schedule, now: Seconds) -> Result<(), AuthorizationError> {
    let (asked, present) = (shared.epoch, schedule.epoch_at(now));
    if asked == present || Some(asked.0) == present.0.checked_add(1) {
        Ok(())
    } else {
        Err(AuthorizationError::Epoch { asked, present })
    }
}

pub(super) fn check_count(request: &AuthorizationRequest, shared: &SharedPart) -> Result<(), AuthorizationError> {
    let (keys, count) = (request.keys.len(), shared.count);
    let fits = (1..=COUNT_MAX).contains(&count) && index_number(keys) == count;
    if fits { Ok(()) } else { Err(AuthorizationError::Count { keys, count }) }
}

/// Commitment, then duplicates, slots and possession of every key.
pub(super) fn check_keys(
    request: &AuthorizationRequest,
    shared: &SharedPart,
    bundle: &TrustBundle,
    now: Seconds,
) -> Result<Vec<CertifiedKey>, AuthorizationError> {
    let keys: Vec<_> = request.keys.iter().map(|request| request.key).collect();
    if commitment(&request.opening, &keys) != shared.commitment {
        return Err(AuthorizationError::Commitment);
    }
    check_distinct(&keys)?;
    check_slots(&keys, shared, &bundle.schedule, now)?;
    let digest = Digest::of(&[&request.shared]);
    for (index, requested) in request.keys.iter().enumerate() {
        let possession = KeyPossession { shared: digest, index: index_number(index), key: requested.key };
        cose::verify_detached(&possession, &bundle.domain, &requested.key.signing, &requested.possession)
            .map_err(|cause| AuthorizationError::Possession { index, cause })?;
    }
    Ok(keys)
}

fn check_distinct(keys: &[CertifiedKey]) -> Result<(), AuthorizationError> {
    let mut seen = HashSet::new();
    let twice = keys.iter().position(|key| !(seen.insert(key.signing.to_bytes()) && seen.insert(key.agreement.0)));
    twice.map_or(Ok(()), |index| Err(AuthorizationError::DuplicateKey { index }))
}

fn check_slots(
    keys: &[CertifiedKey],
    shared: &SharedPart,
    schedule: &Schedule,
    now: Seconds,
) -> Result<(), AuthorizationError> {
    let present = schedule.slot(now);
    let mut taken: HashMap<Slot, u32> = HashMap::new();
    for key in keys {
        if key.slot < present || schedule.epoch(key.slot) != shared.epoch {
            return Err(AuthorizationError::Slot(key.slot));
        }
        let taken = taken.entry(key.slot).or_default();
        *taken += 1;
        if *taken > schedule.certificates_per_slot.get() {
            return Err(AuthorizationError::SlotFull(key.slot));
        }
    }
    Ok(())
}
