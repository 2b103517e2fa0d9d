//! What kinds of nodes there are, and which mistakes they can make.

use m2m_trust::aif::{Operation, Scope};
use m2m_trust::dev::services;
use m2m_trust::identity::ServiceId;

use crate::chance::Chance;

const SECOND_US: u64 = 1_000_000;

/// How nodes of one kind behave. No two kinds share a rate; all nodes of a kind have the same.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour {
    pub(crate) topic: &'static str,
    pub(crate) service: ServiceId,
    pub(crate) operation: Operation,
    pub(crate) timing: Timing,
    /// Announces what it listens to.
    pub(crate) discovery: bool,
}

/// When there is something to say.
#[derive(Clone, Copy)]
pub(crate) enum Timing {
    /// A timer of the node.
    Every { period_us: u64 },
    /// Something happens: several messages in a row.
    Events { mean_us: u64, messages: u64 },
}

/// A mistake that every node makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The sequence number goes on.
    Sequence,
    /// The address stays.
    Address,
    /// Timers keep their phase.
    Phase,
    /// Messages show the node's clock as it is.
    Clock,
    /// The new connection is made when the old one ends, and not when the silence does.
    Reconnect,
    /// No clock is kept by NTP.
    Drift,
    /// Changes at a time of its own, while hardly anybody else is silent.
    Alone,
}

impl Behaviour {
    /// 110 meters with 10 s, 60 meters with 5 s that take commands, and 30 detectors of events.
    pub(crate) fn of(number: usize) -> Self {
        let metering = |seconds, discovery| Self {
            topic: "metering/flow",
            service: services::METERING,
            operation: services::report(),
            timing: Timing::Every { period_us: seconds * SECOND_US },
            discovery,
        };
        match number {
            0..110 => metering(10, false),
            110..170 => metering(5, true),
            _ => Self {
                topic: "alarm/leak",
                service: services::ALARM,
                operation: services::report(),
                timing: Timing::Events { mean_us: 40 * SECOND_US, messages: 3 },
                discovery: false,
            },
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::empty().with(self.service, self.operation)
    }
}

impl Timing {
    /// From a change of pseudonym to the first beat after it.
    pub(crate) fn first(self, chance: &mut Chance) -> u64 {
        match self {
            Self::Every { period_us } => chance.up_to(period_us),
            Self::Events { mean_us, .. } => chance.exponential(mean_us),
        }
    }

    /// From one beat to the next: a timer is late by up to 2 ms and keeps its phase.
    pub(crate) fn next(self, chance: &mut Chance) -> u64 {
        match self {
            Self::Every { period_us } => period_us,
            Self::Events { mean_us, .. } => chance.exponential(mean_us),
        }
    }

    /// Times of the messages of a beat, after it.
    pub(crate) fn messages(self, chance: &mut Chance) -> Vec<u64> {
        match self {
            Self::Every { .. } => vec![chance.up_to(2_000)],
            Self::Events { messages, .. } => (0..messages).map(|n| n * 200_000 + chance.up_to(2_000)).collect(),
        }
    }
}

impl Fault {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sequence" => Self::Sequence,
            "address" => Self::Address,
            "phase" => Self::Phase,
            "clock" => Self::Clock,
            "reconnect" => Self::Reconnect,
            "drift" => Self::Drift,
            "alone" => Self::Alone,
            _ => return None,
        })
    }
}
