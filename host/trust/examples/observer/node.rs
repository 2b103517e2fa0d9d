//! One node from boot to its last pseudonym.

use std::convert::Infallible;

use m2m_trust::broadcast::{BroadcastSender, Outgoing, SHIFT_US};
use m2m_trust::clock_floor::Now;
use m2m_trust::dev::{DevDomain, DevPseudonym, START};
use m2m_trust::identity::{Micros, Slot};
use m2m_trust::pseudonym::{Phase, Rotation, RotationPolicy, Wallet};
use rand_core::{TryCryptoRng, TryRng};

use crate::behaviour::{Behaviour, Fault};
use crate::chance::Chance;
use crate::wire::{Clear, Event, What};

const SECOND_US: u64 = 1_000_000;
/// The deviation of clocks that are kept by NTP: 10 ms, and 0.1 ms in 1,000 s.
const CLOCK_ERROR_US: i64 = 10_000;
const CLOCK_DRIFT_PPB: i64 = 100;
/// The deviation of quartz that nothing keeps.
const FREE_DRIFT_PPB: i64 = 20_000;
const DISCOVERY_US: u64 = 5 * SECOND_US;

pub(crate) struct Surroundings<'a> {
    pub(crate) domain: &'a DevDomain,
    /// Of each of its pseudonyms.
    pub(crate) slots: &'a [Slot],
    pub(crate) slot_seconds: u32,
    pub(crate) fault: Option<Fault>,
}

impl Surroundings<'_> {
    /// When the time of a pseudonym begins, after the start.
    fn start_of(&self, number: usize) -> u64 {
        number as u64 * u64::from(self.slot_seconds) * SECOND_US
    }
}

/// The voice of the present pseudonym.
struct Voice {
    sender: BroadcastSender,
    pseudonym: DevPseudonym,
}

/// All times are microseconds after the start, by the node's own clock.
pub(crate) struct Node<'a> {
    around: &'a Surroundings<'a>,
    behaviour: Behaviour,
    wallet: Wallet<DevPseudonym>,
    chance: Chance,
    /// How far the clock is ahead at the start, and how much more each second.
    clock_error_us: i64,
    clock_drift_ppb: i64,
    rotation: Rotation,
    voice: Option<Voice>,
    address: u64,
    sequence: u16,
    beat: u64,
    /// Messages that are to be sent at a time.
    waiting: Vec<(u64, &'static str)>,
    discovery: Option<u64>,
    speaks_at: u64,
    /// Who changes alone does so because an AE asks.
    asks_at: u64,
    events: Vec<Event>,
    digests: Vec<String>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(
        around: &'a Surroundings<'a>,
        behaviour: Behaviour,
        wallet: Wallet<DevPseudonym>,
        mut chance: Chance,
    ) -> Self {
        let policy = RotationPolicy {
            // It stays where it is.
            distance_m: u64::MAX,
            ..RotationPolicy::default()
        };
        let boot = SECOND_US + chance.up_to(60 * SECOND_US);
        let drift = if around.fault == Some(Fault::Drift) { FREE_DRIFT_PPB } else { CLOCK_DRIFT_PPB };
        let schedule = &around.domain.bundle.schedule;
        let slot_end = schedule.window(schedule.slot(START)).1;
        let rotation = Rotation::boot(policy, around.domain.now(boot), slot_end, &mut chance.0);
        let mut node = Self {
            around,
            behaviour,
            wallet,
            clock_error_us: chance.normal(CLOCK_ERROR_US),
            clock_drift_ppb: chance.normal(drift),
            rotation,
            voice: None,
            address: chance.up_to(u64::from(u32::MAX)),
            sequence: 0,
            beat: boot + behaviour.timing.first(&mut chance),
            waiting: Vec::new(),
            discovery: None,
            speaks_at: 0,
            asks_at: around.start_of(1) + chance.up_to(around.start_of(1) / 2),
            events: Vec::new(),
            digests: Vec::new(),
            chance,
        };
        node.speaks_at = node.end_of_silence();
        node
    }

    /// All that is seen of it, and its pseudonyms in order.
    pub(crate) fn live(mut self) -> (Vec<Event>, Vec<String>) {
        let end = self.around.start_of(self.around.slots.len()) - self.around.start_of(1) / 10;
        let mut now = self.speaks_at;
        while now < end {
            self.beats(now);
            self.ask(now);
            if self.voice.is_none() {
                self.speak(now);
            } else if self.rotation.due(self.now(now), 0).is_some() {
                self.leave(now);
            } else {
                self.send(now);
            }
            now = if self.voice.is_none() { self.speaks_at } else { now + 1 + self.chance.up_to(2_000) };
            if self.voice.is_some() {
                now = now.max(self.next().min(now + SECOND_US / 4));
            }
        }
        (self.events, self.digests)
    }

    /// The next thing to do while it speaks.
    fn next(&self) -> u64 {
        let sent = self.waiting.iter().map(|(at, _)| *at).min();
        [Some(self.beat), sent, self.discovery].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    fn ask(&mut self, now: u64) {
        let is_last = self.digests.len() == self.around.slots.len();
        if self.fault() == Some(Fault::Alone) && !is_last && now >= self.asks_at {
            self.rotation.request(self.now(now)).expect("the minimum dwell is over");
            let next = self.around.start_of(self.digests.len() + 1);
            self.asks_at = next + self.chance.up_to(self.around.start_of(1) / 2);
        }
    }

    /// What AEs have said until now waits for its turn, in silence too.
    fn beats(&mut self, now: u64) {
        while self.beat <= now {
            let messages = self.behaviour.timing.messages(&mut self.chance);
            self.waiting.extend(messages.into_iter().map(|after| (self.beat + after, self.behaviour.topic)));
            self.beat += self.behaviour.timing.next(&mut self.chance);
        }
    }

    fn send(&mut self, now: u64) {
        if self.discovery.is_some_and(|at| at <= now) {
            self.discovery = Some(now + DISCOVERY_US + self.chance.up_to(SECOND_US));
            self.broadcast(now, "$m2m/discovery/metering", 1);
        }
        let (due, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(at, _)| *at <= now);
        self.waiting = waiting;
        let due: Vec<(u64, &'static str)> = due;
        for (number, (_, topic)) in (0..).zip(due) {
            let bytes = 6 + self.chance.up_to(4);
            self.broadcast(now + number * 500, topic, bytes as usize);
        }
    }

    fn broadcast(&mut self, now: u64, topic: &'static str, bytes: usize) {
        let data: Vec<u8> = (0..bytes).map(|_| self.chance.up_to(255) as u8).collect();
        let Some(voice) = &mut self.voice else { return };
        let outgoing = Outgoing {
            topic,
            service: self.behaviour.service,
            operation: self.behaviour.operation,
            data: &data,
            location: None,
            expiry: None,
            wanted: Vec::new(),
        };
        let domain = self.around.domain;
        let clock = domain.now(now);
        let message = voice.sender.sign(&outgoing, clock, &domain.bundle.domain, &voice.pseudonym.signer);
        let message = message.expect("the certificate is valid and the keys are in memory");
        self.sequence = Clear::read(&message).expect("just made").sequence as u16;
        self.seen(now, What::Frame { topic, message });
    }

    /// Nothing is waiting in the sender, so draining takes no time; then silence.
    fn leave(&mut self, now: u64) {
        self.rotation.drain().expect("it spoke");
        self.rotation.drained(self.now(now), &mut self.chance.0).expect("it drained");
        self.seen(now, What::Disconnects);
        self.voice = None;
        self.speaks_at = self.end_of_silence();
        if self.fault() != Some(Fault::Phase) {
            self.beat = now + self.behaviour.timing.first(&mut self.chance);
        }
        if self.fault() != Some(Fault::Address) {
            self.address = self.chance.up_to(u64::from(u32::MAX));
        }
        if self.fault() == Some(Fault::Reconnect) {
            self.seen(now + 1_000, What::Connects);
        }
    }

    fn end_of_silence(&mut self) -> u64 {
        let Phase::Silent { until, .. } = self.rotation.phase() else { unreachable!("it is silent") };
        until.0 - Micros::from(START).0
    }

    fn speak(&mut self, now: u64) {
        let slot = *self.around.slots.get(self.digests.len()).expect("it ends in the last slot");
        let held = self.wallet.take(self.behaviour.service, slot).expect("a certificate for each slot");
        let pseudonym = held.item;
        let (_, slot_end) = self.around.domain.bundle.schedule.window(slot);
        self.rotation.speak(self.now(now), slot_end, false, &mut self.chance.0).expect("the silence is over");
        let certificate = pseudonym.certificate.clone();
        let drawn = self.chance.up_to(u64::from(u16::MAX)) as u16;
        let sender = match self.fault() {
            Some(Fault::Sequence) if !self.digests.is_empty() => {
                let shift_us = self.chance.up_to(SHIFT_US);
                BroadcastSender::new(certificate, &mut Rigged { sequence: self.sequence.wrapping_add(1), shift_us })
            }
            Some(Fault::Clock) => BroadcastSender::new(certificate, &mut Rigged { sequence: drawn, shift_us: 0 }),
            _ => BroadcastSender::new(certificate, &mut self.chance.0),
        };
        let digest = pseudonym.certificate.certificate.key_id();
        self.digests.push(digest.0.iter().map(|byte| format!("{byte:02x}")).collect());
        self.voice = Some(Voice { sender, pseudonym });
        self.discovery = self.behaviour.discovery.then(|| now + self.chance.up_to(SECOND_US));
        if self.fault() != Some(Fault::Reconnect) || self.digests.len() == 1 {
            self.seen(now, What::Connects);
        }
    }

    fn seen(&mut self, now: u64, what: What) {
        let drifted_us = now as i64 / 1_000 * self.clock_drift_ppb / 1_000_000;
        let sent = now.saturating_add_signed(-self.clock_error_us - drifted_us);
        let delay = 500 + self.chance.exponential(1_000);
        self.events.push(Event { at_us: sent + delay, address: self.address, what });
    }

    fn now(&self, now: u64) -> Now {
        self.around.domain.now(now)
    }

    fn fault(&self) -> Option<Fault> {
        self.around.fault
    }
}

/// What a sender draws at its start, as a mistake would have it.
struct Rigged {
    sequence: u16,
    shift_us: u64,
}

impl TryRng for Rigged {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.shift_us as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.shift_us)
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        target.iter_mut().zip(self.sequence.to_be_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    }
}

impl TryCryptoRng for Rigged {}
