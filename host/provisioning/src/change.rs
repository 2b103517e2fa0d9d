//! The clockwork of pseudonyms: takes them into use, changes them all at once, and keeps silent in between.

use std::collections::HashMap;
use std::time::Duration;

use m2m_trust::authorization::PseudonymCertificate;
use m2m_trust::bundle::{Schedule, TrustBundle};
use m2m_trust::certificate::Certificate;
use m2m_trust::clock_floor::Now;
use m2m_trust::identity::{Micros, Seconds, ServiceId, Slot};
use m2m_trust::pseudonym::{Phase, Rotation, RotationError};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock;
use crate::error::ProvisioningError;
use crate::journal::Step;
use crate::link::Link;
use crate::provisioning::Inner;
use crate::rights::{NoRight, NotNow};
use crate::standing::{Active, Voice};
use crate::state::HeldCertificate;

/// How often the clockwork looks at the clock.
const BEAT: Duration = Duration::from_millis(50);
/// What is signed gets this long to leave.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Where the clockwork stands.
#[derive(Default)]
struct Clockwork {
    rotation: Option<Rotation>,
    /// Until when, while what is signed goes out.
    draining: Option<Instant>,
    /// The common time of the next change.
    common: Seconds,
}

impl Inner {
    /// Runs until `stop`.
    pub(crate) async fn change_pseudonyms(&self, link: &dyn Link, mut stop: watch::Receiver<bool>) {
        let mut clockwork = Clockwork::default();
        loop {
            let failed = self.tick(&mut clockwork, link).err();
            if let Some(error) = &failed {
                tracing::warn!("change of pseudonym: {error}");
            }
            self.facts().waits.change = failed.map(|error| error.to_string());
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => {
                    self.standing.write().voice = Voice::NotAuthorized;
                    return;
                }
                () = tokio::time::sleep(BEAT) => {}
            }
        }
    }

    fn tick(&self, clockwork: &mut Clockwork, link: &dyn Link) -> Result<(), ProvisioningError> {
        let (Some(bundle), Ok(now)) = (self.bundle(), self.now()) else {
            // Speech checks the clock by itself; with it the pseudonyms come back.
            self.facts().change = Err(not_authorized("the clock or the trust bundle"));
            return Ok(());
        };
        self.end_expired(clockwork, now);
        match clockwork.rotation.as_ref().map(Rotation::phase) {
            None => self.begin(clockwork, &bundle, now, link),
            Some(Phase::Speaking) => self.speaking(clockwork, &bundle, now),
            Some(Phase::Draining) => self.draining(clockwork, &bundle, now, link),
            Some(Phase::Silent { until, .. }) => self.silent(clockwork, &bundle, now, until, link),
        }
    }

    /// A pseudonym does not outlive its slot, whatever else goes wrong.
    fn end_expired(&self, clockwork: &mut Clockwork, now: Now) {
        let mut standing = self.standing.write();
        standing.active.retain(|_, active| active.slot_end > now.seconds());
        if standing.active.is_empty() && clockwork.rotation.is_some() && clockwork.draining.is_none() {
            standing.voice = Voice::NotAuthorized;
            clockwork.rotation = None;
        }
    }

    /// The first pseudonyms after a start, or after the node had none.
    fn begin(
        &self,
        clockwork: &mut Clockwork,
        bundle: &TrustBundle,
        now: Now,
        link: &dyn Link,
    ) -> Result<(), ProvisioningError> {
        self.facts().change = Err(not_authorized("the first certificate"));
        let services = self.services_with(bundle.schedule.slot(now.seconds()));
        if services.is_empty() {
            return Ok(());
        }
        let common = self.next_common(&bundle.schedule, now);
        let rotation = Rotation::boot(self.section.rotation_policy(), now, common, &mut clock::rng());
        let Phase::Silent { until, .. } = rotation.phase() else { return Ok(()) };
        let again = self.standing.read().generation > 0;
        if again {
            self.record(&Step::PseudonymChange)?;
            link.leave();
        }
        // The silence may reach into the next slot.
        let slot = bundle.schedule.slot(until.seconds());
        self.swap(&self.services_with(slot), slot, bundle, until, again)?;
        clockwork.common = common;
        clockwork.rotation = Some(rotation);
        Ok(())
    }

    fn speaking(&self, clockwork: &mut Clockwork, bundle: &TrustBundle, now: Now) -> Result<(), ProvisioningError> {
        self.join_services(bundle, now)?;
        let Some(rotation) = &mut clockwork.rotation else { return Ok(()) };
        let slot = bundle.schedule.slot(now.seconds());
        let spare = self.has_spare(slot);
        self.take_wish(rotation, spare, &bundle.schedule, slot, now);
        let slot_end = bundle.schedule.window(slot).1;
        // All or none: a service that keeps its pseudonym would tie the others' old and new ones together.
        let can_change = spare || clockwork.common >= slot_end || self.last_moment(slot_end, now);
        if rotation.due(now, 0).is_none() || !can_change {
            return Ok(());
        }
        self.record(&Step::PseudonymChange)?;
        if rotation.drain().is_ok() {
            self.facts().change = Err(NotNow::Changing);
            self.standing.write().voice = Voice::Draining;
            clockwork.draining = Some(Instant::now() + DRAIN_MAX);
        }
        Ok(())
    }

    fn draining(
        &self,
        clockwork: &mut Clockwork,
        bundle: &TrustBundle,
        now: Now,
        link: &dyn Link,
    ) -> Result<(), ProvisioningError> {
        self.facts().change = Err(NotNow::Changing);
        let Some(at_the_latest) = clockwork.draining else { return Ok(()) };
        let drained = link.is_drained() && self.speech.is_drained();
        if !drained && Instant::now() < at_the_latest {
            return Ok(());
        }
        let Some(mut rotation) = clockwork.rotation.clone() else { return Ok(()) };
        if rotation.drained(now, &mut clock::rng()).is_err() {
            return Ok(());
        }
        let Phase::Silent { until, .. } = rotation.phase() else { return Ok(()) };
        let slot = bundle.schedule.slot(until.seconds());
        link.leave();
        let services = self.services_with(slot);
        self.swap(&services, slot, bundle, until, !services.is_empty())?;
        clockwork.draining = None;
        clockwork.rotation = Some(rotation);
        Ok(())
    }

    fn silent(
        &self,
        clockwork: &mut Clockwork,
        bundle: &TrustBundle,
        now: Now,
        until: Micros,
        link: &dyn Link,
    ) -> Result<(), ProvisioningError> {
        self.facts().change = Err(NotNow::Changing);
        if now.micros() < until {
            return Ok(());
        }
        let common = self.next_common(&bundle.schedule, now);
        let Some(rotation) = &mut clockwork.rotation else { return Ok(()) };
        if rotation.speak(now, common, false, &mut clock::rng()).is_ok() {
            clockwork.common = common;
            link.renew();
            self.standing.write().voice = Voice::Speaking;
        }
        Ok(())
    }

    /// The next time at which all nodes change: the slot's parts are as many as a node has certificates for it. The slot's end, where
    /// there is no certificate for another part, or the pseudonym would not be used as long as it has to be.
    fn next_common(&self, schedule: &Schedule, now: Now) -> Seconds {
        let slot = schedule.slot(now.seconds());
        let (begin, end) = schedule.window(slot);
        if !self.has_spare(slot) {
            return end;
        }
        let section = &self.section;
        let earliest = now.micros().0.saturating_add(micros(section.dwell + section.silence.min + section.jitter()));
        let parts = u64::from(schedule.certificates_per_slot.get());
        let length = u64::from(schedule.slot_seconds.get());
        let times = (1..parts).map(|part| begin.plus(length.saturating_mul(part) / parts));
        times.filter(|time| Micros::from(*time).0 >= earliest).min().unwrap_or(end)
    }

    /// Whether every service in use has another certificate for the slot.
    fn has_spare(&self, slot: Slot) -> bool {
        let (active, memory) = (self.active_services(), self.memory());
        active.into_iter().all(|service| memory.state().count(service.0, slot.0) > 0)
    }

    /// Whether the slot ends so soon that a silence has to begin.
    fn last_moment(&self, slot_end: Seconds, now: Now) -> bool {
        now.micros().0.saturating_add(micros(self.section.silence.min)) >= Micros::from(slot_end).0
    }

    /// Takes one unused certificate of `slot` for each service and puts them in the place of all others.
    fn swap(
        &self,
        services: &[ServiceId],
        slot: Slot,
        bundle: &TrustBundle,
        until: Micros,
        counted: bool,
    ) -> Result<(), ProvisioningError> {
        let taken = self.take(services, slot, counted)?;
        let active = self.activate(&taken, slot, &bundle.schedule, bundle)?;
        {
            let mut standing = self.standing.write();
            standing.voice = if active.is_empty() { Voice::NotAuthorized } else { Voice::Silent { until } };
            standing.active = active;
            standing.generation = standing.generation.saturating_add(1);
        }
        let mut memory = self.memory();
        memory.in_use = taken.into_iter().map(|held| (ServiceId(held.service), held.batch)).collect();
        Ok(memory.destroy_unneeded(&self.keys)?)
    }

    /// Services whose certificates came after the others' pseudonyms were taken into use.
    fn join_services(&self, bundle: &TrustBundle, now: Now) -> Result<(), ProvisioningError> {
        let slot = bundle.schedule.slot(now.seconds());
        let active = self.active_services();
        let mut joining = self.services_with(slot);
        joining.retain(|service| !active.contains(service));
        if joining.is_empty() {
            return Ok(());
        }
        let taken = self.take(&joining, slot, false)?;
        let joined = self.activate(&taken, slot, &bundle.schedule, bundle)?;
        self.standing.write().active.extend(joined);
        self.memory().in_use.extend(taken.into_iter().map(|held| (ServiceId(held.service), held.batch)));
        Ok(())
    }

    /// Takes certificates for good, before anything is signed under them: a restart does not use them again.
    fn take(
        &self,
        services: &[ServiceId],
        slot: Slot,
        counted: bool,
    ) -> Result<Vec<HeldCertificate>, ProvisioningError> {
        self.remember(|state| {
            if counted {
                state.changes = state.changes.saturating_add(1);
            }
            services.iter().filter_map(|service| state.take(service.0, slot.0)).collect()
        })
    }

    fn activate(
        &self,
        taken: &[HeldCertificate],
        slot: Slot,
        schedule: &Schedule,
        bundle: &TrustBundle,
    ) -> Result<HashMap<ServiceId, Active>, ProvisioningError> {
        let slot_end = schedule.window(slot).1;
        let mut active = HashMap::new();
        for held in taken {
            let encoded = held.certificate.to_vec();
            let Ok(certificate) = Certificate::verify(&encoded, bundle) else { continue };
            let batch = self.keys.batch(&held.batch)?;
            let pseudonym = Active {
                certificate: PseudonymCertificate { encoded, certificate },
                signer: Arc::new(batch.signer(held.index)?),
                noise: Arc::new(batch.noise(held.index)?),
                slot_end,
            };
            active.insert(ServiceId(held.service), pseudonym);
        }
        Ok(active)
    }

    /// Tells whether a change may be asked for, and takes up a wish for one.
    fn take_wish(&self, rotation: &mut Rotation, spare: bool, schedule: &Schedule, slot: Slot, now: Now) {
        let mut facts = self.facts();
        facts.change = match rotation.clone().request(now) {
            Ok(()) if spare => Ok(()),
            Ok(()) => Err(NotNow::NoSpare(schedule.window(slot).1)),
            Err(RotationError::TooSoon(from)) => Err(NotNow::TooSoon(from)),
            Err(RotationError::Phase) => Err(NotNow::Changing),
        };
        if std::mem::take(&mut facts.change_wished) && facts.change.is_ok() {
            let _ = rotation.request(now);
        }
    }

    fn active_services(&self) -> Vec<ServiceId> {
        self.standing.read().active.keys().copied().collect()
    }

    /// Services with an unused certificate for the slot.
    fn services_with(&self, slot: Slot) -> Vec<ServiceId> {
        let memory = self.memory();
        let held = memory.state().held.iter().filter(|held| held.slot == slot.0);
        let services: std::collections::BTreeSet<_> = held.map(|held| ServiceId(held.service)).collect();
        services.into_iter().collect()
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn not_authorized(what: &str) -> NotNow {
    NotNow::NoRight(NoRight::NotAuthorized(what.to_owned()))
}
