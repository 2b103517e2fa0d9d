//! The suite of all back-ends.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use super::open_folder;
use crate::{Channel, InProcess, Management, conformance::Backend};

struct OnFolder {
    place: tempfile::TempDir,
    environment: Option<InProcess>,
}

impl OnFolder {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let environment = Some(open_folder(place.path()).unwrap());
        Self { place, environment }
    }
}

impl Backend for OnFolder {
    fn channel(&self) -> Arc<dyn Channel> {
        self.environment.as_ref().unwrap().channel()
    }
    fn provisioning(&self) -> Arc<dyn Channel> {
        self.environment.as_ref().unwrap().provisioning()
    }
    fn management(&self) -> Arc<dyn Management> {
        self.environment.as_ref().unwrap().management()
    }
    fn restart(&mut self) {
        // Handles of the test keep the old service alive, and with it the lock on the folder; so the folder is copied, which is also
        // what a killed process leaves: nothing but what is on disk.
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(self.place.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
        }
        self.environment = Some(open_folder(place.path()).unwrap());
        self.place = place;
    }
}

crate::conformance_tests!(OnFolder::new);
