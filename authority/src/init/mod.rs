//! Makes a whole trust domain for development in one folder: a folder a role, each with its own keys.
//!
//! In earnest each folder goes to the machine of its operator, and root, manufacturer and MA to places without a network. The
//! paths in `authority.toml` can be changed accordingly.

mod texts;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use m2m_trust::aif::{Operation, Scope};
use m2m_trust::bundle::{self, Authority, NonZero, Schedule, Service, TrustBundle};
use m2m_trust::cose;
use m2m_trust::identity::{AuthorityId, Seconds, ServiceId, TrustDomain};
use m2m_trust::keys::{KeyUnavailable, Signer};
use m2m_trust::seal::{Recipient, Suite};

use crate::clock::Clock;
use crate::domain;
use crate::keys::{KeyStore, KeyStoreError, Sealing, Signing};
use crate::settings::{self, Role};
use crate::{enrolment_policy, random};

/// What a domain is made of. The default is one for experiments on one machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// What people call it.
    pub name: String,
    /// The services.
    pub services: Vec<ServiceOption>,
    /// The suite that requests are sealed with.
    pub suite: Suite,
    /// Length of a slot, whole seconds.
    pub slot: Duration,
    /// Slots in an epoch.
    pub slots_per_epoch: u32,
    /// Certificates for a service in a slot.
    pub per_slot: u32,
    /// How long a revocation list counts.
    pub revocation_period: Duration,
    /// Certificates that a subscription allows in an epoch; without it twice what all services of all slots need.
    pub quota: Option<u32>,
    /// Where the servers listen on 127.0.0.1.
    pub ports: Ports,
}

/// Where the servers listen.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The MEF.
    pub mef: u16,
    /// The AA.
    pub aa: u16,
    /// The relay.
    pub relay: u16,
}

/// A service with its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOption {
    /// As `metering`.
    pub name: String,
    /// As `report`, `command`.
    pub operations: Vec<String>,
    /// Whether its messages are events.
    pub event: bool,
}

impl Default for Options {
    fn default() -> Self {
        let operations = vec!["report".to_owned(), "command".to_owned()];
        Self {
            name: "development".to_owned(),
            services: vec![ServiceOption { name: "metering".to_owned(), operations, event: false }],
            suite: Suite::XWing,
            slot: Duration::from_secs(3600),
            slots_per_epoch: 168,
            per_slot: 4,
            revocation_period: Duration::from_secs(600),
            quota: None,
            ports: Ports { mef: 7101, aa: 7103, relay: 7105 },
        }
    }
}

/// Why no domain was made. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something already.
    #[error("`{}` exists already; choose another folder or remove it", .0.display())]
    Exists(PathBuf),
    /// A file or folder.
    #[error("`{}`: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// A key that does not sign.
    #[error(transparent)]
    Sign(#[from] KeyUnavailable),
    /// A number or a name that a domain cannot have.
    #[error("{0}")]
    Option(String),
}

/// Makes the domain. `progress` hears what is being done.
///
/// # Errors
/// [`InitError`].
pub fn init(folder: &Path, options: &Options, progress: &mut dyn FnMut(&str)) -> Result<(), InitError> {
    if folder.exists() {
        return Err(InitError::Exists(folder.to_owned()));
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = folder.with_file_name(name);
    let done = Making { folder: &new, options }
        .run(progress)
        .and_then(|()| fs::rename(&new, folder).map_err(|cause| InitError::File { path: folder.to_owned(), cause }));
    if done.is_err() && !matches!(&done, Err(InitError::File { path, .. }) if *path == new) {
        let _ = fs::remove_dir_all(&new);
    }
    done
}

struct Making<'a> {
    folder: &'a Path,
    options: &'a Options,
}

/// The public side of a role.
struct Made {
    role: Role,
    signing: Signing,
    sealing: Option<Sealing>,
}

impl Making<'_> {
    fn run(&self, progress: &mut dyn FnMut(&str)) -> Result<(), InitError> {
        let (services, schedule) = (self.services()?, self.schedule()?);
        self.make_folder(self.folder)?;
        let mut made = Vec::new();
        for role in [Role::Root, Role::Manufacturer, Role::Ma, Role::Mef, Role::Aa] {
            progress(&format!("making the keys of {role}"));
            made.push(self.make(role)?);
        }
        self.make_folder(&self.folder.join(Role::Relay.name()))?;
        let root = made.first().map(|root| root.signing.clone());
        let root = root.ok_or_else(|| InitError::Option("no root".to_owned()))?;
        progress("signing the trust bundle");
        let bundle = TrustBundle {
            domain: TrustDomain(random::bytes()),
            version: 1,
            suite: self.options.suite,
            authorities: made.iter().filter_map(|made| made.entry(&services)).collect::<Result<_, _>>()?,
            services,
            schedule,
        };
        let signed = cose::sign_by(&bundle, &bundle.domain, &root)?;
        self.write(domain::BUNDLE_FILE_NAME.as_ref(), &signed)?;
        self.write(domain::FILE_NAME.as_ref(), self.description(&bundle, &root).as_bytes())?;
        progress("writing settings and enrolment policy");
        for role in [Role::Root, Role::Manufacturer, Role::Ma, Role::Mef, Role::Aa, Role::Relay] {
            self.write(&Path::new(role.name()).join(settings::FILE_NAME), self.settings(role).as_bytes())?;
        }
        let policy = Path::new(Role::Mef.name()).join(enrolment_policy::FILE_NAME);
        self.write(&policy, self.policy().as_bytes())
    }

    fn make(&self, role: Role) -> Result<Made, InitError> {
        let folder = self.folder.join(role.name());
        self.make_folder(&folder)?;
        let store = KeyStore::create(&folder, &folder.join("root.key"))?;
        let signing = store.make_signing()?;
        let is_server = matches!(role, Role::Mef | Role::Aa);
        let sealing = is_server.then(|| store.make_sealing(self.options.suite)).transpose()?;
        Ok(Made { role, signing, sealing })
    }

    fn make_folder(&self, path: &Path) -> Result<(), InitError> {
        let made = fs::DirBuilder::new().mode(0o700).create(path);
        made.map_err(|cause| InitError::File { path: path.to_owned(), cause })
    }

    fn write(&self, name: &Path, bytes: &[u8]) -> Result<(), InitError> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).map_err(|cause| InitError::File { path, cause })
    }

    fn services(&self) -> Result<Vec<Service>, InitError> {
        let service = |(number, option): (u32, &ServiceOption)| {
            let unique = !self.options.services.iter().skip(number as usize).any(|other| other.name == option.name);
            let operations = option.operations.len();
            if !unique || !(1..=32).contains(&operations) {
                let name = &option.name;
                let message = format!("service `{name}`: expected once, with 1 to 32 operations, as `{name}=report`");
                return Err(InitError::Option(message));
            }
            let (name, operations, event) = (option.name.clone(), option.operations.clone(), option.event);
            Ok(Service { id: ServiceId(number), name, operations, event })
        };
        (1..).zip(&self.options.services).map(service).collect()
    }

    fn schedule(&self) -> Result<Schedule, InitError> {
        let number = |what: &str, number: u64| {
            let number = u32::try_from(number).ok().and_then(NonZero::new);
            number.ok_or_else(|| InitError::Option(format!("{what}: expected 1 to {}", u32::MAX)))
        };
        let slot_seconds = number("slot, in seconds", self.options.slot.as_secs())?;
        let now = Clock::system().now().0;
        Ok(Schedule {
            // A full hour, so that slots of an hour begin on the hour.
            origin: Seconds(now - now % 3600),
            slot_seconds,
            slots_per_epoch: number("slots in an epoch", u64::from(self.options.slots_per_epoch))?,
            certificates_per_slot: number("certificates in a slot", u64::from(self.options.per_slot))?,
        })
    }
}

impl Made {
    /// Its place in the bundle; the root has none.
    fn entry(&self, services: &[Service]) -> Option<Result<Authority, InitError>> {
        let role = match self.role {
            Role::Manufacturer => bundle::Role::Manufacturer,
            Role::Ma => bundle::Role::Misbehaviour,
            Role::Mef => bundle::Role::Enrolment,
            Role::Aa => bundle::Role::Authorization,
            Role::Root | Role::Relay => return None,
        };
        let id = match AuthorityId::parse(self.role.name()) {
            Ok(id) => id,
            Err(error) => return Some(Err(InitError::Option(error.to_string()))),
        };
        let everything = services.iter().fold(Scope::empty(), |scope, service| {
            let operations = (0..32).take(service.operations.len()).filter_map(Operation::new);
            operations.fold(scope, |scope, operation| scope.with(service.id, operation))
        });
        Some(Ok(Authority {
            id,
            role,
            key: self.signing.public_key(),
            sealing_key: self.sealing.as_ref().map(|key| key.sealing_key().as_bytes().to_vec().into()),
            scope: (role == bundle::Role::Authorization).then_some(everything),
            regions: None,
        }))
    }
}
