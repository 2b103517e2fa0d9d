//! What a call meets that was under way when its partition went.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ae, disk::Disk, root_key};
use crate::{
    Algorithm, Answer, Error, HandleId, Limits, Management, Origin, PartitionType, ProtectionLevel, SystemClock,
    Template, Usage,
    service::{
        Service,
        key::{Identity, Key},
    },
};

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

    // Nor does a derivation whose root is destroyed meanwhile, where destruction ends what was derived.
    let id = service.create_partition(&PartitionType::provisioning()).unwrap();
    let partition = service.partition(id).unwrap();
    let root = Template::new(Algorithm::HmacSha256, Usage::DERIVE | Usage::DESTROY)
        .with_children([Algorithm::Ed25519], Usage::SIGN);
    let Ok(Answer::Key(handle)) = service.generate(&partition, "root", root) else { panic!("no key") };
    let parent = partition.key(handle).unwrap();
    let child = |template: &Template| {
        let seed = Zeroizing::new([1; 32]);
        Key::new(Identity::Unnamed, template.clone(), Origin::Derived, &seed).unwrap().derived_from(&parent)
    };
    let signer = Template::new(Algorithm::Ed25519, Usage::SIGN);
    assert_eq!(partition.open_unnamed(child(&signer), HandleId(1000), &Limits::default()), Ok(()));
    service.destroy(&partition, handle).unwrap();
    assert_eq!(partition.key(HandleId(1000)).map(drop), Err(Error::NotFound));
    let late = partition.open_unnamed(child(&signer), HandleId(1001), &Limits::default());
    assert_eq!(late, Err(Error::NotFound));

    service.shutdown().unwrap();
    assert!(matches!(service.generate(&kept, "late", template), Err(Error::Unavailable(_))));
}
