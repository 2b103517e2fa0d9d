//! The loop that keeps the node subscribed and its certificates ahead of need.

use std::time::Duration;

use m2m_trust::bundle::{Schedule, TrustBundle};
use m2m_trust::clock_floor::{FloorError, Now};
use m2m_trust::identity::{ServiceId, Slot};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::authorization::Ended;
use crate::back_off::jitter;
use crate::clock;
use crate::enrolment::retry_after;
use crate::error::ProvisioningError;
use crate::plan::{Need, Situation, needs};
use crate::provisioning::{Inner, lock};
use crate::state::{PendingRequest, REQUESTS_MAX};

/// How often the loop looks at the clock.
const BEAT: Duration = Duration::from_millis(500);
/// Two requests lie up to this far apart at random, so that their times do not tell which services one node has; in short slots
/// less: this part of a slot.
const SPACING_MAX: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 30_000 });
const SPACING_PART: u32 = 40;
/// Certificates for a later slot are asked for within this part of the present one, so that not all nodes ask at once.
const AHEAD_PART: u32 = 4;

/// Where slots are short, certificates for this many seconds more are fetched at once, and again when half of that is left: requests
/// stay rare, and a short outage is not noticed.
const RESERVE_SECONDS: u32 = 120;

/// What the loop has in mind.
struct Agenda {
    slot: Option<Slot>,
    /// No request is made before.
    next_request: Instant,
    /// Certificates for later slots are not asked for before.
    next_ahead: Instant,
}

impl Inner {
    /// Runs until `stop`.
    pub(crate) async fn obtain(&self, mut stop: watch::Receiver<bool>) {
        let now = Instant::now();
        let mut agenda = Agenda { slot: None, next_request: now, next_ahead: now };
        loop {
            let wait = async {
                self.obtain_once(&mut agenda).await;
                self.note_stage();
                let _ = tokio::time::timeout(BEAT, self.wake.notified()).await;
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = wait => {}
            }
        }
    }

    async fn obtain_once(&self, agenda: &mut Agenda) {
        self.enrol_if_due().await;
        let now = match self.now() {
            Ok(now) => now,
            Err(error) => {
                let mut facts = self.facts();
                // Before the first enrolment nothing is wrong with the clock; what that waits for is said there.
                let told = error == FloorError::NeverSynchronised || facts.waits.enrolment.is_some();
                facts.waits.clock = (!told).then(|| error.to_string());
                return;
            }
        };
        self.facts().waits.clock = None;
        let Some(bundle) = self.bundle() else { return };
        let outcome = self.authorize(agenda, &bundle, now).await;
        let storage = outcome.err().map(|error| {
            tracing::error!("authorization: {error}");
            error.to_string()
        });
        self.facts().waits.storage = storage;
    }

    /// One round. Errors are those of the node itself; those of authorities end in the back-off.
    async fn authorize(&self, agenda: &mut Agenda, bundle: &TrustBundle, now: Now) -> Result<(), ProvisioningError> {
        self.keep_house(agenda, &bundle.schedule, now)?;
        if self.memory().claims.is_none() {
            return Ok(());
        }
        let mut requests = self.memory().state().requests.clone();
        shuffle(&mut requests);
        requests.sort_by_key(|request| !self.is_wished(ServiceId(request.service)));
        for request in &requests {
            if !self.send(request, bundle, now).await? {
                return Ok(());
            }
        }
        let Some(need) = self.next_need(agenda, bundle, now) else { return Ok(()) };
        if !lock(&self.aa_back_off).is_over() {
            return Ok(());
        }
        {
            // Not while another enrolment changes the subscription.
            let _dialogue = self.dialogue.lock().await;
            self.prepare(&need.missing, bundle)?;
        }
        let spacing = SPACING_MAX.min(slot_length(&bundle.schedule) / SPACING_PART);
        agenda.next_request = Instant::now() + jitter(spacing);
        let made = self.memory().state().requests.last().cloned();
        if let Some(request) = made {
            self.send(&request, bundle, now).await?;
        }
        Ok(())
    }

    /// Whether the authority may be asked for more.
    async fn send(&self, request: &PendingRequest, bundle: &TrustBundle, now: Now) -> Result<bool, ProvisioningError> {
        if !lock(&self.aa_back_off).is_over() {
            return Ok(false);
        }
        match self.deliver(request, bundle, now).await {
            Ok(Ended::Granted) => {
                lock(&self.aa_back_off).succeeded();
                self.facts().waits.authorization = None;
                self.note_held(&bundle.schedule, now);
                Ok(true)
            }
            Ok(Ended::GivenUp) => {
                self.memory().destroy_unneeded(&self.keys)?;
                Ok(false)
            }
            Err(error @ (ProvisioningError::Http { .. } | ProvisioningError::Authorization(_))) => {
                let again = {
                    let mut back_off = lock(&self.aa_back_off);
                    back_off.failed(retry_after(&error));
                    back_off.remaining().as_secs()
                };
                tracing::warn!("authorization: {error}; again in {again} s");
                let aa = &self.section.aa.id.0;
                self.facts().waits.authorization =
                    Some(format!("authorization authority `{aa}`: {error}; it is asked again in {again} s"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// At the begin of a slot: what is over is forgotten, and its keys destroyed.
    fn keep_house(&self, agenda: &mut Agenda, schedule: &Schedule, now: Now) -> Result<(), ProvisioningError> {
        let slot = schedule.slot(now.seconds());
        if agenda.slot == Some(slot) {
            return Ok(());
        }
        let epoch = schedule.epoch(slot);
        let mut old = self.memory().state().clone();
        if old.forget_before(slot.0, epoch.0) {
            self.remember(|state| state.forget_before(slot.0, epoch.0))?;
        }
        self.memory().destroy_unneeded(&self.keys)?;
        self.note_held(schedule, now);
        if agenda.slot.is_some() {
            agenda.next_ahead = Instant::now() + jitter(slot_length(schedule) / AHEAD_PART);
        }
        agenda.slot = Some(slot);
        Ok(())
    }

    fn next_need(&self, agenda: &Agenda, bundle: &TrustBundle, now: Now) -> Option<Need> {
        let scope = self.obtainable(bundle)?;
        let active: Vec<_> = {
            let standing = self.standing.read();
            let counts = standing.active.iter().filter(|(_, active)| active.slot_end > now.seconds());
            counts.map(|(service, _)| *service).collect()
        };
        let planned = {
            let memory = self.memory();
            if memory.state().requests.len() >= REQUESTS_MAX {
                return None;
            }
            let quota = memory.claims.as_ref()?.quota;
            let (schedule, state) = (&bundle.schedule, memory.state());
            let more = RESERVE_SECONDS / schedule.slot_seconds.get();
            let (least, now) = (self.section.slots_ahead, now.seconds());
            let (ahead, fetched) = (least.saturating_add(more / 2), least.saturating_add(more));
            needs(&Situation { state, schedule, scope: &scope, quota, active: &active, now, ahead, fetched })
        };
        let mut planned = match planned {
            Ok(planned) => planned,
            Err(epoch) => {
                let waits = format!("epoch {}: the quota of epoch {epoch} is used up", epoch.saturating_add(1));
                self.facts().waits.authorization = Some(waits);
                return None;
            }
        };
        let moment = Instant::now();
        planned.retain(|need| moment >= agenda.next_request && (need.urgent || moment >= agenda.next_ahead));
        shuffle(&mut planned);
        planned.sort_by_key(|need| (!self.is_wished(need.missing.service), !need.urgent));
        planned.into_iter().next()
    }

    /// Notes until when certificates are held without a gap, for those who ask.
    pub(crate) fn note_held(&self, schedule: &Schedule, now: Now) {
        let present = schedule.slot(now.seconds());
        let end = |service: u32| {
            let state = self.memory();
            let next = (present.0.saturating_add(1)..).find(|&slot| state.state().count(service, slot) == 0);
            schedule.window(Slot(next.unwrap_or(present.0))).0
        };
        let services: Vec<u32> = self.memory().state().held.iter().map(|held| held.service).collect();
        let held_until = services.into_iter().map(|service| (ServiceId(service), end(service))).collect();
        self.facts().held_until = held_until;
    }
}

fn slot_length(schedule: &Schedule) -> Duration {
    Duration::from_secs(u64::from(schedule.slot_seconds.get()))
}

/// A random order (Fisher and Yates).
fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = clock::below(u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1));
        items.swap(last, usize::try_from(other).unwrap_or(last));
    }
}
