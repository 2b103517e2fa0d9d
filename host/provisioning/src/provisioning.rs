//! The life of a node in its trust domain, from initialization to the change of pseudonyms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;
use m2m_secure_environment::Partition;
use m2m_trust::bundle::TrustBundle;
use m2m_trust::clock_floor::{ClockFloor, FloorError, Now};
use m2m_trust::enrolment::Measurements;
use m2m_trust::identity::{Epoch, Seconds, ServiceId};
use m2m_trust::initialization::Initialization;
use m2m_trust::keys::Signer;
use tokio::sync::{Mutex as AsyncMutex, Notify, watch};

use crate::back_off::BackOff;
use crate::clock::{self, Clock};
use crate::device::DeviceRequest;
use crate::enrolment::Subscribed;
use crate::error::ProvisioningError;
use crate::facts::{Facts, Waits};
use crate::files::Files;
use crate::journal::{Journal, Step};
use crate::keys::Keys;
use crate::life_cycle::{LifeCycle, Stage};
use crate::link::Link;
use crate::memory::Memory;
use crate::rights::{NoRight, NotNow, Rights};
use crate::sealed::SealedState;
use crate::section::TrustSection;
use crate::speech::Speech;
use crate::standing::SharedStanding;
use crate::state::State;

pub(crate) const INITIALIZATION_FILE: &str = "initialization.cbor";

/// The privileged module. Cheap to clone.
#[derive(Clone)]
pub struct Provisioning(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) section: TrustSection,
    pub(crate) measurements: Measurements,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) files: Box<dyn Files>,
    pub(crate) keys: Keys,
    pub(crate) standing: SharedStanding,
    pub(crate) speech: Arc<Speech>,
    pub(crate) wake: Notify,
    /// Held during a dialogue with an authority, so that there is one at a time.
    pub(crate) dialogue: AsyncMutex<()>,
    pub(crate) mef_back_off: Mutex<BackOff>,
    pub(crate) aa_back_off: Mutex<BackOff>,
    /// Set when a signature came from a key that the bundle does not know: there may be a newer one.
    pub(crate) bundle_wanted: std::sync::atomic::AtomicBool,
    pub(crate) initialization: Mutex<Option<Arc<Initialization>>>,
    floor_turn: Mutex<()>,
    memory: Mutex<Memory>,
    facts: Mutex<Facts>,
}

/// Locks where every writer leaves whole values, so that what a panic left behind is still usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provisioning {
    /// Opens the life as it is in `dir`, which is for this module alone, and in `partition`, which is reached over the provisioning
    /// channel. Takes no part in anything before [`run`](Self::run).
    ///
    /// An initialization that cannot be verified counts as none: `status` says why, and another one can be installed.
    ///
    /// # Errors
    /// [`ProvisioningError::State`] where the sealed state is not the one written last, [`ProvisioningError::SecureEnvironment`],
    /// [`ProvisioningError::Io`].
    pub fn open(
        section: TrustSection,
        partition: Partition,
        dir: Dir,
        measurements: Measurements,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
    ) -> Result<Self, ProvisioningError> {
        Self::open_on(section, partition, Box::new(dir), measurements, clock, journal)
    }

    pub(crate) fn open_on(
        section: TrustSection,
        partition: Partition,
        files: Box<dyn Files>,
        measurements: Measurements,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
    ) -> Result<Self, ProvisioningError> {
        let keys = Keys::new(partition);
        let (sealed, state) = SealedState::open(&*files, &keys)?;
        let mut memory = Memory::new(state, sealed);
        memory.change(&*files, &keys, |state| state.boots = state.boots.saturating_add(1))?;
        memory.destroy_unneeded(&keys)?;
        let standing = SharedStanding::default();
        standing.write().floor = keys.floor()?;
        let speech = Speech::new(standing.clone(), section.topics.clone(), Arc::clone(&clock), Box::new(clock::rng()));
        let began = clock.now().seconds().0;
        let facts = Facts {
            scope: None,
            subscribed_until: None,
            held_until: BTreeMap::new(),
            wishes: BTreeSet::new(),
            change: Err(NotNow::NoRight(NoRight::NotAuthorized("no pseudonym in use".to_owned()))),
            change_wished: false,
            waits: Waits::default(),
            enrolling: false,
            stage: (Stage::Uninitialized, began),
        };
        let inner = Arc::new(Inner {
            section,
            measurements,
            clock,
            journal,
            files,
            keys,
            standing,
            speech,
            wake: Notify::new(),
            dialogue: AsyncMutex::new(()),
            mef_back_off: Mutex::default(),
            aa_back_off: Mutex::default(),
            bundle_wanted: false.into(),
            initialization: Mutex::new(None),
            floor_turn: Mutex::new(()),
            memory: Mutex::new(memory),
            facts: Mutex::new(facts),
        });
        inner.restore()?;
        Ok(Self(inner))
    }

    /// What the manufacturer needs, for `DEVICE.json`; makes the device key on first use.
    ///
    /// # Errors
    /// [`ProvisioningError::SecureEnvironment`], [`ProvisioningError::Audit`].
    pub fn device(&self) -> Result<DeviceRequest, ProvisioningError> {
        let device = match self.0.keys.device()? {
            Some(device) => device,
            None => {
                self.0.record(&Step::DeviceKey)?;
                self.0.keys.make_device()?
            }
        };
        Ok(DeviceRequest::new(&device.public_key()))
    }

    /// Installs what the manufacturer made, after verifying it, and gives the version of its trust bundle. The trust bundle is never
    /// an older one than was installed before; the trust domain never changes.
    ///
    /// # Errors
    /// [`ProvisioningError::Initialization`], [`ProvisioningError::NoDeviceKey`], [`ProvisioningError::OtherDomain`],
    /// [`ProvisioningError::BundleEquivocation`], and where it cannot be kept. Nothing is changed then.
    pub fn install(&self, initialization: &[u8]) -> Result<u64, ProvisioningError> {
        let inner = &self.0;
        let offered = Initialization::decode(initialization)?;
        if let Some(installed) = inner.initialization()
            && installed.domain != offered.domain
        {
            return Err(ProvisioningError::OtherDomain { installed: installed.domain, offered: offered.domain });
        }
        let device = inner.keys.device()?.ok_or(ProvisioningError::NoDeviceKey)?;
        inner
            .raise_floor(|floor| {
                let (bundle, _) = offered.verify(&device.public_key(), floor)?;
                inner.check_equivocation(&bundle)?;
                inner.record(&Step::Installed { bundle: bundle.version })?;
                // The file first: a floor above the bundle in the file would leave the node without a bundle.
                inner.files.replace(INITIALIZATION_FILE, initialization)?;
                Ok::<_, ProvisioningError>(bundle)
            })
            .and_then(|bundle| {
                let version = bundle.version;
                inner.adopt(offered, bundle)?;
                inner.wake.notify_one();
                Ok(version)
            })
    }

    /// One attempt to enrol; `progress` is told each step in words.
    ///
    /// # Errors
    /// [`ProvisioningError`]: why not. Another attempt does no harm.
    pub async fn enrol(&self, progress: &mut (dyn FnMut(&str) + Send)) -> Result<Subscribed, ProvisioningError> {
        self.0.enrol(progress).await
    }

    /// The whole life: enrols, fetches certificates ahead of need, renews, fetches revocation lists and trust bundles, changes
    /// pseudonyms. Recovers by itself whatever an authority does. Ends when `stop` turns true or its sender is gone.
    pub async fn run(&self, link: Arc<dyn Link>, stop: watch::Receiver<bool>) {
        let inner = &self.0;
        tokio::join!(inner.obtain(stop.clone()), inner.refresh(stop.clone()), inner.change_pseudonyms(&*link, stop));
    }

    /// Where the node is.
    #[must_use]
    pub fn life_cycle(&self) -> LifeCycle {
        self.0.life_cycle()
    }

    /// The node's voice.
    #[must_use]
    pub fn speech(&self) -> Arc<Speech> {
        Arc::clone(&self.0.speech)
    }

    /// The node's rights.
    #[must_use]
    pub fn rights(&self) -> Arc<dyn Rights> {
        Arc::clone(&self.0) as Arc<dyn Rights>
    }

    /// An AE would like to use `operation`: its certificates are fetched before others.
    ///
    /// # Errors
    /// [`NotNow::NoRight`] where the node does not have the right or cannot ask for it.
    pub fn request_service(&self, operation: &str) -> Result<(), NotNow> {
        match self.0.may_send(operation) {
            Ok(()) => return Ok(()),
            Err(NoRight::NotAuthorized(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let service = self.0.bundle().and_then(|bundle| bundle.operation(operation));
        if let Some((service, _)) = service {
            self.0.facts().wishes.insert(service);
            self.0.wake.notify_one();
        }
        Ok(())
    }

    /// An AE's hint that now would be a good time for a change of pseudonym.
    ///
    /// # Errors
    /// [`NotNow`]; the minimum dwell holds whoever asks.
    pub fn request_change(&self) -> Result<(), NotNow> {
        let mut facts = self.0.facts();
        facts.change.clone()?;
        facts.change_wished = true;
        Ok(())
    }
}

#[cfg(test)]
impl Provisioning {
    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(crate) fn initialization(&self) -> Option<Arc<Initialization>> {
        lock(&self.initialization).clone()
    }

    pub(crate) fn bundle(&self) -> Option<Arc<TrustBundle>> {
        self.standing.read().bundle.clone()
    }

    /// What the clock shows, where it can be believed.
    pub(crate) fn now(&self) -> Result<Now, FloorError> {
        self.standing.read().floor.admit(self.clock.now())
    }

    pub(crate) fn record(&self, step: &Step) -> Result<(), ProvisioningError> {
        self.journal.record(step).map_err(ProvisioningError::Audit)
    }

    /// Changes the state; durable before this returns.
    pub(crate) fn remember<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, ProvisioningError> {
        Ok(self.memory().change(&*self.files, &self.keys, change)?)
    }

    /// Raises the floor as `raise` does, in the Secure Environment first.
    pub(crate) fn raise_floor<T, E: Into<ProvisioningError>>(
        &self,
        raise: impl FnOnce(&mut ClockFloor) -> Result<T, E>,
    ) -> Result<T, ProvisioningError> {
        let _turn = lock(&self.floor_turn);
        let before = self.standing.read().floor.clone();
        let mut raised = before.clone();
        let outcome = raise(&mut raised).map_err(Into::into)?;
        if raised != before {
            self.keys.raise_floor(&raised)?;
            self.standing.write().floor = raised;
        }
        Ok(outcome)
    }

    /// Raises time and epoch where they are behind.
    pub(crate) fn raise_time(&self, time: Seconds, epoch: Epoch) -> Result<(), ProvisioningError> {
        self.raise_floor(|floor| {
            floor.time = floor.time.max(time);
            floor.epoch = floor.epoch.max(epoch);
            Ok::<_, ProvisioningError>(())
        })
    }

    pub(crate) fn check_equivocation(&self, offered: &TrustBundle) -> Result<(), ProvisioningError> {
        match self.bundle() {
            Some(held) if held.version == offered.version && *held != *offered => {
                Err(ProvisioningError::BundleEquivocation(offered.version))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_wished(&self, service: ServiceId) -> bool {
        self.facts().wishes.contains(&service)
    }
}
