//! Permissions: the Authorization Information Format (RFC 9237) with numbers for services and a bit for each operation.

use std::collections::BTreeMap;

use ciborium::Value;

use crate::codec::{Cbor, Malformed};
use crate::identity::ServiceId;

/// The most services in one scope.
pub const SERVICES_MAX: usize = 64;

/// One operation of a service: the number of its bit, 0 to 31, as the trust bundle lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation(u8);

impl Operation {
    /// `None` for 32 and more.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (number < 32).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    fn bit(self) -> u32 {
        1 << self.0
    }
}

impl Cbor for Operation {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        Self::new(u8::from_value(value, field)?)
            .ok_or(Malformed::Unexpected { field, expected: "an operation from 0 to 31" })
    }
}

/// Which operations of which services are allowed. Nothing listed, nothing allowed.
///
/// On the wire `[[service, bits], …]`, sorted by service, no empty bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope(BTreeMap<ServiceId, u32>);

impl Scope {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// With one more operation.
    #[must_use]
    pub fn with(mut self, service: ServiceId, operation: Operation) -> Self {
        *self.0.entry(service).or_default() |= operation.bit();
        self
    }

    /// Whether the operation is allowed.
    #[must_use]
    pub fn covers(&self, service: ServiceId, operation: Operation) -> bool {
        self.0.get(&service).is_some_and(|bits| bits & operation.bit() != 0)
    }

    /// Whether any operation of the service is allowed.
    #[must_use]
    pub fn names(&self, service: ServiceId) -> bool {
        self.0.contains_key(&service)
    }

    /// Whether all of this is allowed by `other` too.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|(service, bits)| other.0.get(service).is_some_and(|allowed| bits & !allowed == 0))
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let both = |(service, bits): (&ServiceId, &u32)| Some((*service, bits & other.0.get(service)?));
        Self(self.0.iter().filter_map(both).filter(|(_, bits)| *bits != 0).collect())
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The services, in ascending order.
    pub fn services(&self) -> impl Iterator<Item = ServiceId> + '_ {
        self.0.keys().copied()
    }

    /// Every allowed operation, in ascending order.
    pub fn operations(&self) -> impl Iterator<Item = (ServiceId, Operation)> + '_ {
        self.0.iter().flat_map(|(service, bits)| {
            (0..32).filter_map(Operation::new).filter(move |op| bits & op.bit() != 0).map(|op| (*service, op))
        })
    }
}

impl Cbor for Scope {
    fn to_value(&self) -> Value {
        let entry = |(service, bits): (&ServiceId, &u32)| Value::Array(vec![service.to_value(), Value::from(*bits)]);
        Value::Array(self.0.iter().map(entry).collect())
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let unexpected =
            || Malformed::Unexpected { field, expected: "sorted pairs of service and non-zero operations" };
        let items = value.into_array().map_err(|_| unexpected())?;
        if items.len() > SERVICES_MAX {
            return Err(Malformed::Unexpected { field, expected: "at most 64 services" });
        }
        let mut scope = BTreeMap::new();
        for item in items {
            let [service, bits] =
                <[Value; 2]>::try_from(item.into_array().map_err(|_| unexpected())?).map_err(|_| unexpected())?;
            let (service, bits) = (ServiceId::from_value(service, field)?, u32::from_value(bits, field)?);
            let ascending = scope.last_key_value().is_none_or(|(last, _)| *last < service);
            if bits == 0 || !ascending {
                return Err(unexpected());
            }
            scope.insert(service, bits);
        }
        Ok(Self(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(number: u8) -> Operation {
        Operation::new(number).unwrap()
    }

    #[test]
    fn a_scope_allows_what_it_lists_and_nothing_else() {
        let scope = Scope::empty().with(ServiceId(7), operation(0)).with(ServiceId(7), operation(3));
        assert!(scope.covers(ServiceId(7), operation(3)));
        assert!(!scope.covers(ServiceId(7), operation(1)));
        assert!(!scope.covers(ServiceId(8), operation(0)));
        let narrower = Scope::empty().with(ServiceId(7), operation(3));
        assert!(narrower.within(&scope));
        assert!(!scope.within(&narrower));
        assert_eq!(scope.intersection(&narrower), narrower);
    }

    #[test]
    fn only_the_sorted_form_without_empty_entries_decodes() {
        let pair = |service: u32, bits: u32| Value::Array(vec![Value::from(service), Value::from(bits)]);
        let decode = |pairs: Vec<Value>| Scope::from_value(Value::Array(pairs), "scope").is_ok();
        assert!(decode(vec![pair(1, 1), pair(2, 1)]));
        assert!(!decode(vec![pair(2, 1), pair(1, 1)]));
        assert!(!decode(vec![pair(1, 1), pair(1, 2)]));
        assert!(!decode(vec![pair(1, 0)]));
    }
}
