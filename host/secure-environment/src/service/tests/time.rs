//! Validity and rate, under a clock of the test's own.

use std::{num::NonZeroU32, sync::Arc};

use super::{ManualClock, disk::Disk, new_partition, root_key};
use crate::{Algorithm, Error, InProcess, Limits, Partition, PartitionType, Template, Usage};

fn open(limits: Limits) -> (Arc<ManualClock>, InProcess) {
    let clock = Arc::new(ManualClock::default());
    let storage = Box::new(Disk::default());
    let environment = InProcess::open_on(storage, &root_key(), clock.clone(), limits).unwrap();
    (clock, environment)
}

#[test]
fn a_key_ends_with_its_validity() {
    let (clock, environment) = open(Limits::default());
    let partition = new_partition(&environment);
    let usage = Usage::MAC | Usage::DERIVE | Usage::ROTATE | Usage::DESTROY;
    let mut template = Template::new(Algorithm::HmacSha256, usage).with_children([Algorithm::HmacSha256], Usage::MAC);
    template.not_after = Some(1_000_010);
    let key = partition.generate("short", &template).unwrap();
    let child = key.derive(b"", &Template::new(Algorithm::HmacSha256, Usage::MAC)).unwrap();

    clock.advance_seconds(9);
    assert!(key.mac(b"").is_ok() && child.mac(b"").is_ok());
    clock.advance_seconds(1);
    assert_eq!(key.mac(b""), Err(Error::Expired));
    assert_eq!(child.mac(b""), Err(Error::Expired));
    assert_eq!(key.verify_mac(b"", &[0; 32]), Err(Error::Expired));
    assert_eq!(key.rotate(), Err(Error::Expired));
    assert_eq!(child.attributes().unwrap().template.not_after, Some(1_000_010));
    assert_eq!(key.destroy(), Ok(()));
    assert!(matches!(partition.generate("late", &template), Err(Error::Invalid(_))));
}

#[test]
fn a_session_ends_with_the_validity_of_its_key() {
    let (clock, environment) = open(Limits::default());
    let id = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
    let partition = Partition::new(environment.provisioning(), id);
    let mut template = Template::new(Algorithm::HpkeX25519, Usage::NOISE);
    template.not_after = Some(1_000_010);
    let key = partition.generate("noise", &template).unwrap();
    let session = key.begin_noise(true, b"").unwrap();
    clock.advance_seconds(10);
    assert_eq!(session.write(b""), Err(Error::Expired));
    assert_eq!(key.begin_noise(true, b"").unwrap_err(), Error::Expired);
}

#[test]
fn a_partition_has_its_rate_and_no_other_pays_for_it() {
    let operations_per_second = NonZeroU32::new(5).unwrap();
    let (clock, environment) = open(Limits { operations_per_second, ..Limits::default() });
    let (ours, theirs) = (new_partition(&environment), new_partition(&environment));
    for _ in 0..5 {
        ours.random(1).unwrap();
    }
    assert_eq!(ours.random(1), Err(Error::Exhausted { retry_ms: 200 }));
    assert!(theirs.random(1).is_ok());
    clock.advance_seconds(1);
    let key = ours.generate("id", &Template::new(Algorithm::Ed25519, Usage::SIGN)).unwrap();
    for _ in 0..4 {
        ours.random(1).unwrap();
    }
    // Closing is free, so the volatile key is gone even now.
    drop(key);
    clock.advance_seconds(1);
    assert_eq!(ours.open("id").unwrap_err(), Error::NotFound);
}

#[test]
fn counts_are_limited() {
    let (_, environment) = open(Limits { partitions: 2, versions: 2, ..Limits::default() });
    let partition = new_partition(&environment);
    let template = Template::new(Algorithm::Ed25519, Usage::ROTATE);
    let key = partition.generate("id", &template).unwrap();
    assert_eq!(key.rotate(), Ok(2));
    assert_eq!(key.rotate(), Err(Error::Limit(crate::Limit::Versions)));
    let management = environment.management();
    assert!(management.create_partition(&super::ae()).is_ok());
    assert_eq!(management.create_partition(&super::ae()), Err(Error::Limit(crate::Limit::Partitions)));
    for n in 0..64 {
        management.record_head(&format!("log-{n}"), crate::Head { seq: 1, hash: [0; 32] }).unwrap();
    }
    let more = management.record_head("more", crate::Head { seq: 1, hash: [0; 32] });
    assert_eq!(more, Err(Error::Limit(crate::Limit::Heads)));
}
