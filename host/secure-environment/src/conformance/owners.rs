//! Several owners, several threads, and their manager.

use std::thread;

use super::{Backend, kind, partition, template};
use crate::{Algorithm, Error, Head, Limit, Partition, PartitionId, Template, Usage};

pub fn partitions_are_separate(backend: &mut dyn Backend) {
    let (ours, theirs) = (partition(backend), partition(backend));
    let key = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    assert_eq!(theirs.open("id").unwrap_err(), Error::NotFound);
    assert_eq!(theirs.open("missing").unwrap_err(), Error::NotFound);
    assert!(theirs.aliases().unwrap().is_empty());
    let other = theirs.generate("id", &template(Algorithm::Ed25519)).unwrap();
    assert_ne!(key.public_key().unwrap(), other.public_key().unwrap());
    let nobody = Partition::new(backend.channel(), PartitionId::from_bytes([0; 16]));
    assert_eq!(nobody.random(1), Err(Error::NotFound));
}

pub fn a_dropped_partition_is_gone(backend: &mut dyn Backend) {
    let (ours, theirs) = (partition(backend), partition(backend));
    let key = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    let kept = theirs.generate("id", &template(Algorithm::Ed25519)).unwrap();
    backend.management().drop_partition(ours.id()).unwrap();
    assert_eq!(key.sign("", b""), Err(Error::NotFound));
    assert_eq!(ours.generate("new", &template(Algorithm::Ed25519)).unwrap_err(), Error::NotFound);
    assert_eq!(backend.management().drop_partition(ours.id()), Err(Error::NotFound));
    assert!(kept.sign("", b"").is_ok());
    backend.restart();
    assert_eq!(backend.management().partitions().unwrap(), [(theirs.id(), kind("ae"))]);
}

pub fn handles_and_keys_are_limited(backend: &mut dyn Backend) {
    let limits = crate::Limits::default();
    let (ours, theirs) = (partition(backend), partition(backend));
    let volatile = Template::new(Algorithm::HmacSha256, Usage::MAC);
    let mut handles: Vec<_> =
        (0..limits.keys).map(|n| ours.generate(&format!("key-{n}"), &volatile).unwrap()).collect();
    assert_eq!(ours.generate("more", &volatile).unwrap_err(), Error::Limit(Limit::Keys));
    assert!(theirs.generate("more", &volatile).is_ok());
    handles.extend((limits.keys..limits.handles).map(|_| ours.open("key-0").unwrap()));
    assert_eq!(ours.open("key-0").unwrap_err(), Error::Limit(Limit::Handles));
    handles.pop();
    assert!(ours.open("key-0").is_ok());
}

pub fn heads_never_go_back(backend: &mut dyn Backend) {
    let head = |seq: u64, byte: u8| Head { seq, hash: [byte; 32] };
    let management = backend.management();
    assert_eq!(management.head("audit"), Ok(None));
    management.record_head("audit", head(1, 1)).unwrap();
    management.record_head("audit", head(5, 5)).unwrap();
    management.record_head("audit", head(5, 5)).unwrap();
    assert!(matches!(management.record_head("audit", head(5, 6)), Err(Error::Invalid(_))));
    assert!(matches!(management.record_head("audit", head(4, 4)), Err(Error::Invalid(_))));
    assert!(matches!(management.record_head("../audit", head(9, 9)), Err(Error::Invalid(_))));
    management.record_head("other", head(2, 2)).unwrap();
    backend.restart();
    assert_eq!(backend.management().head("audit"), Ok(Some(head(5, 5))));
    assert_eq!(backend.management().head("other"), Ok(Some(head(2, 2))));
}

pub fn threads_share_the_service(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    let mut publics = vec![key.public_key().unwrap()];
    thread::scope(|scope| {
        let signers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..50).map(|n| key.sign("t", &[n]).unwrap()).collect::<Vec<_>>())).collect();
        let makers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| ours.generate("race", &template(Algorithm::X25519)))).collect();
        for _ in 0..3 {
            key.rotate().unwrap();
            publics.push(key.public_key().unwrap());
        }
        for signer in signers {
            for (n, signature) in signer.join().unwrap().iter().enumerate() {
                let message = [u8::try_from(n).unwrap()];
                let verifies = |public| ours.verify(public, "t", &message, signature).unwrap();
                assert_eq!(publics.iter().filter(|public| verifies(public)).count(), 1);
            }
        }
        let made: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
        assert_eq!(made.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(made.iter().filter(|result| matches!(result, Err(Error::Exists))).count(), 3);
    });
}
