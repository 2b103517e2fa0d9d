//! Telling others that this node can be confided in, and what for.
//!
//! A signed broadcast on `$m2m/discovery/<service>/<operation>`, under the certificate of that service. The operation is the lowest
//! that the certificate covers: there must be one to verify it under. The content is four bytes, most significant first, with a bit
//! for each operation of the service that AEs of the node listen to.

use std::collections::HashMap;

use m2m_trust::bundle::TrustBundle;
use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::Now;
use m2m_trust::codec::Malformed;
use m2m_trust::identity::{Micros, ServiceId};
use rand_core::CryptoRng;

use super::peers::Announced;
use super::present::Right;

const PREFIX: &str = "$m2m/discovery/";
/// The shortest time between two announcements of a service.
const INTERVAL_US: u64 = 5_000_000;
/// Up to this is added to it, at random.
const JITTER_US: u64 = 1_000_000;
/// Who misses this many in a row is gone.
const MISSED_MAX: u64 = 3;

/// When the next announcement of each service is due; a service without an entry, at once.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    due: HashMap<ServiceId, Micros>,
}

impl Discovery {
    pub(super) fn is_due(&self, service: ServiceId, now: Now) -> bool {
        self.due.get(&service).is_none_or(|due| *due <= now.micros())
    }

    pub(super) fn announced(&mut self, service: ServiceId, now: Now, rng: &mut impl CryptoRng) {
        let jitter = rng.next_u64() % JITTER_US;
        self.due.insert(service, Micros(now.micros().0.saturating_add(INTERVAL_US + jitter)));
    }
}

/// The operation that a discovery topic is verified under; `None` for other topics.
pub(super) fn operation(topic: &str) -> Option<&str> {
    topic.strip_prefix(PREFIX)
}

/// The topic, and the right that it is announced under.
pub(super) fn topic(certificate: &Certificate, bundle: &TrustBundle) -> Option<(String, Right)> {
    let (service, operation) = certificate.scope().operations().next()?;
    let name = bundle.operation_name(service, operation)?;
    Some((format!("{PREFIX}{name}"), Right { service, operation }))
}

/// The content: which of `accepts` are operations of the service.
pub(super) fn content(service: ServiceId, accepts: &[String], bundle: &TrustBundle) -> [u8; 4] {
    let operations = accepts.iter().filter_map(|name| Right::named(name, bundle));
    let of_service = operations.filter(|right| right.service == service);
    of_service.fold(0_u32, |bits, right| bits | 1 << right.operation.number()).to_be_bytes()
}

/// Reads the content.
pub(super) fn read(content: &[u8], now: Now) -> Result<Announced, Malformed> {
    let unexpected = |_| Malformed::Unexpected { field: "discovery", expected: "4 bytes" };
    let operations = u32::from_be_bytes(content.try_into().map_err(unexpected)?);
    let until = Micros(now.micros().0.saturating_add(MISSED_MAX * (INTERVAL_US + JITTER_US)));
    Ok(Announced { operations, until })
}
