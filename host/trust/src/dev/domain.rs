//! Root, manufacturer, MEF, two AAs and MA, and nodes as they leave the factory.

use std::sync::Arc;

use super::{MemoryLog, NoiseKeyInMemory, RepeatableRng, SealedKey, SigningKey};
use crate::aif::{Operation, Scope};
use crate::association::OwnPseudonym;
use crate::authorization::PseudonymCertificate;
use crate::bundle::{Authority, NonZero, Role, Schedule, Service, TrustBundle};
use crate::clock_floor::{ClockFloor, Now};
use crate::cose;
use crate::credential::{
    Confirmation, HardwareVersion, InitialCredential, Profile, SecureEnvironmentType, SubscriptionCredential,
};
use crate::identity::{AuthorityId, CanonicalId, Epoch, Micros, Region, Seconds, ServiceId, Slot, TrustDomain};
use crate::keys::Signer;
use crate::seal::{Recipient, Suite};

/// The present of every sample: the start of slot 10.
pub const START: Seconds = Seconds(1_800_000_000);

/// Numbers of the services and operations of the sample domain.
pub mod services {
    use super::{Operation, ServiceId};

    /// Periodic.
    pub const METERING: ServiceId = ServiceId(36);
    /// Events.
    pub const ALARM: ServiceId = ServiceId(37);
    /// No AA may grant it.
    pub const MAINTENANCE: ServiceId = ServiceId(38);

    /// Operation 0: to report, or to raise an alarm.
    #[must_use]
    pub fn report() -> Operation {
        Operation::new(0).expect("0 is below 32")
    }

    /// Operation 1: to command.
    #[must_use]
    pub fn command() -> Operation {
        Operation::new(1).expect("1 is below 32")
    }
}

/// An authority and its keys.
pub struct Party {
    /// Its name.
    pub id: AuthorityId,
    /// Signs.
    pub signing: SigningKey,
    /// Opens requests.
    pub sealing: SealedKey,
}

/// A trust domain.
pub struct DevDomain {
    /// Where its random numbers come from.
    pub rng: RepeatableRng,
    /// What everybody believes.
    pub bundle: TrustBundle,
    /// Signs the bundle.
    pub root: SigningKey,
    /// Vouches for nodes.
    pub manufacturer: Party,
    /// Enrols.
    pub mef: Party,
    /// Authorizes, for metering and alarms, in regions 1 and 2.
    pub aa: Party,
    /// Authorizes, for reports of metering alone, in no region.
    pub other_aa: Party,
    /// Orders revocation.
    pub ma: Party,
    /// What the MEF remembers.
    pub mef_log: MemoryLog,
    /// What the AA remembers.
    pub aa_log: MemoryLog,
}

/// A node as it leaves the factory.
pub struct DevNode {
    /// The device key.
    pub device: SigningKey,
    /// The signed initial credential.
    pub initial_credential: Vec<u8>,
    /// What it is called.
    pub canonical_id: CanonicalId,
    /// Its floor.
    pub floor: ClockFloor,
}

/// A node's subscription.
pub struct DevSubscription {
    /// The subscription key.
    pub key: SigningKey,
    /// The signed credential.
    pub credential: Vec<u8>,
    /// Its claims.
    pub claims: SubscriptionCredential,
}

/// A pseudonym with its keys and certificate.
pub struct DevPseudonym {
    /// Signs broadcasts.
    pub signer: SigningKey,
    /// Opens the certificate, and agrees in associations.
    pub agreement: SealedKey,
    /// The same key, as associations need it.
    pub noise: Arc<NoiseKeyInMemory>,
    /// The certificate.
    pub certificate: PseudonymCertificate,
}

impl Party {
    fn new(name: &str, suite: Suite, rng: &mut RepeatableRng) -> Self {
        Self {
            id: AuthorityId::parse(name).expect("names of samples are well formed"),
            signing: signing_key(rng),
            sealing: SealedKey::from_seed(suite, rng.bytes()).expect("32 bytes"),
        }
    }

    fn entry(&self, role: Role, scope: Option<Scope>, regions: Option<Vec<Region>>) -> Authority {
        Authority {
            id: self.id.clone(),
            role,
            key: self.signing.public_key(),
            sealing_key: Some(self.sealing.sealing_key().as_bytes().to_vec().into()),
            scope,
            regions,
        }
    }
}

pub(super) fn signing_key(rng: &mut RepeatableRng) -> SigningKey {
    SigningKey::from_seed(rng.bytes()).expect("random seeds give acceptable keys")
}

impl DevDomain {
    /// The same domain for the same word.
    #[must_use]
    pub fn new(word: &str, suite: Suite) -> Self {
        let mut rng = RepeatableRng::new(word);
        let [manufacturer, mef, aa, other_aa, ma] =
            ["manufacturer", "mef", "aa", "other-aa", "ma"].map(|name| Party::new(name, suite, &mut rng));
        let reports = Scope::empty().with(services::METERING, services::report());
        let all =
            reports.clone().with(services::METERING, services::command()).with(services::ALARM, services::report());
        let authorities = vec![
            manufacturer.entry(Role::Manufacturer, None, None),
            mef.entry(Role::Enrolment, None, None),
            aa.entry(Role::Authorization, Some(all), Some(vec![Region(1), Region(2)])),
            other_aa.entry(Role::Authorization, Some(reports), None),
            ma.entry(Role::Misbehaviour, None, None),
        ];
        let bundle = TrustBundle {
            domain: TrustDomain(rng.bytes()),
            version: 1,
            suite,
            authorities,
            services: sample_services(),
            schedule: sample_schedule(),
        };
        let root = signing_key(&mut rng);
        let (mef_log, aa_log) = (MemoryLog::default(), MemoryLog::default());
        Self { rng, bundle, root, manufacturer, mef, aa, other_aa, ma, mef_log, aa_log }
    }

    /// The signed bundle.
    #[must_use]
    pub fn signed_bundle(&self) -> Vec<u8> {
        cose::sign_by(&self.bundle, &self.bundle.domain, &self.root).expect("keys in memory sign")
    }

    /// Microseconds after [`START`], as a node that is synchronised sees it.
    #[must_use]
    pub fn now(&self, after_us: u64) -> Now {
        let floor = ClockFloor { time: START, ..ClockFloor::default() };
        floor.admit(Micros(Micros::from(START).0 + after_us)).expect("not before START")
    }

    /// The slot of [`START`].
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.bundle.schedule.slot(START)
    }

    /// The epoch of [`START`].
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.bundle.schedule.epoch_at(START)
    }

    /// A new node.
    pub fn node(&mut self) -> DevNode {
        let device = signing_key(&mut self.rng);
        let canonical_id = CanonicalId::random(self.rng.bytes());
        let credential = InitialCredential {
            confirmation: Confirmation(device.public_key()),
            canonical_id,
            manufacturer: self.rng.bytes(),
            hardware_model: b"gateway-2".to_vec().into(),
            hardware_version: HardwareVersion { version: "1.2".to_owned() },
            certifications: None,
            profile: Profile {
                software_stability: 2,
                hardware_stability: 3,
                attack_resistance: 1,
                service_functions: vec!["security".to_owned(), "messaging".to_owned()],
                secure_environment: SecureEnvironmentType::Library,
            },
        };
        let initial_credential = credential.issue(&self.bundle.domain, &self.manufacturer.signing);
        let initial_credential = initial_credential.expect("keys in memory sign");
        DevNode { device, initial_credential, canonical_id, floor: ClockFloor::default() }
    }
}

impl DevPseudonym {
    /// As associations need it.
    #[must_use]
    pub fn own(&self) -> OwnPseudonym {
        OwnPseudonym { certificate: self.certificate.clone(), noise: self.noise.clone() }
    }
}

fn sample_services() -> Vec<Service> {
    let service = |id, name: &str, operations: &[&str], event| Service {
        id,
        name: name.to_owned(),
        operations: operations.iter().map(|&operation| operation.to_owned()).collect(),
        event,
    };
    vec![
        service(services::METERING, "metering", &["report", "command"], false),
        service(services::ALARM, "alarm", &["raise"], true),
        service(services::MAINTENANCE, "maintenance", &["reset"], false),
    ]
}

fn sample_schedule() -> Schedule {
    let number = |number| NonZero::new(number).expect("not zero");
    Schedule {
        origin: Seconds(START.0 - 10 * 3600),
        slot_seconds: number(3600),
        slots_per_epoch: number(168),
        certificates_per_slot: number(4),
    }
}
