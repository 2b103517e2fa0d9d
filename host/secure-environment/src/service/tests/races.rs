//! What a call meets that was under way when its partition went.

use std::sync::Arc;

use super::{ae, disk::Disk, root_key};
use crate::{Algorithm, Error, Limits, Management, ProtectionLevel, SystemClock, Template, Usage, service::Service};

#[test]
fn a_call_that_comes_late_makes_no_key() {
    let storage = Box::new(Disk::default());
    let clock = Arc::new(SystemClock::new());
    let service = Service::open(storage, &root_key(), clock, Limits::default(), ProtectionLevel::InProcess).unwrap();
    let (kept, dropped) = (service.create_partition(&ae()).unwrap(), service.create_partition(&ae()).unwrap());
    let [kept, under_way] = [kept, dropped].map(|id| service.partition(id).unwrap());
    service.drop_partition(dropped).unwrap();
    let template = Template::new(Algorithm::Ed25519, Usage::SIGN).persistent();
    assert_eq!(service.generate(&under_way, "late", template.clone()), Err(Error::NotFound));
    assert!(service.generate(&kept, "in-time", template.clone()).is_ok());

    service.shutdown().unwrap();
    assert!(matches!(service.generate(&kept, "late", template), Err(Error::Unavailable(_))));
}
