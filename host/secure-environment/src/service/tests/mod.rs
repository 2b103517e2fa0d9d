//! The service in the same process, on a real folder and on one that fails.

mod conforming;
mod cuts;
mod disk;
mod hostile;
mod races;
mod tampering;
mod time;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cap_std::{ambient_authority, fs::Dir};

use crate::{Clock, Credential, InProcess, Limits, OpenError, Partition, PartitionType, Storage, SystemClock};

/// A clock that stands still until it is moved; both hands together.
#[derive(Default)]
struct ManualClock(AtomicU64);

impl ManualClock {
    fn advance_seconds(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
    fn wall_seconds(&self) -> u64 {
        1_000_000 + self.0.load(Ordering::Relaxed)
    }
}

fn root_key() -> Credential {
    Credential::new(vec![7; 32].into())
}

fn open_folder(path: &std::path::Path) -> Result<InProcess, OpenError> {
    let dir = Dir::open_ambient_dir(path, ambient_authority()).unwrap();
    InProcess::open(dir, &root_key(), Arc::new(SystemClock::new()))
}

fn open_storage(storage: Box<dyn Storage>) -> Result<InProcess, OpenError> {
    InProcess::open_on(storage, &root_key(), Arc::new(SystemClock::new()), Limits::default())
}

fn ae() -> PartitionType {
    PartitionType::new("ae").unwrap()
}

fn new_partition(environment: &InProcess) -> Partition {
    Partition::new(environment.channel(), environment.management().create_partition(&ae()).unwrap())
}
