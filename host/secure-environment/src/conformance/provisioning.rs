//! What the provisioning channel carries, and that no other does.

use m2m_trust::{
    clock_floor::{ClockFloor, CrlFloor},
    identity::{AuthorityId, Epoch, Seconds},
    keys::Signer,
    seal::{self, Kind, Purpose, Recipient, SealError},
};

use super::{Backend, kind, partition, template};
use crate::{
    Algorithm, Answer, ByteArray, Error, HandleId, Operation, Partition, PartitionType, SessionId, Template, Usage,
    crypto::random,
    trust::{self, NoiseKey, SealedKey, SigningKey},
};

pub(super) fn provisioning(backend: &dyn Backend) -> Partition {
    let id = backend.management().create_partition(&PartitionType::provisioning()).unwrap();
    Partition::new(backend.provisioning(), id)
}

pub fn a_channel_reaches_the_partitions_of_its_role_only(backend: &mut dyn Backend) {
    let (ours, theirs) = (provisioning(backend), partition(backend));
    let signer = Template::new(Algorithm::Ed25519, Usage::SIGN).persistent();
    assert!(ours.generate("id", &signer).is_ok());
    assert!(theirs.generate("id", &signer).is_ok());
    let ours = Partition::new(backend.channel(), ours.id());
    let theirs = Partition::new(backend.provisioning(), theirs.id());
    for crossed in [ours, theirs] {
        assert_eq!(crossed.random(1), Err(Error::NotFound));
        assert_eq!(crossed.open("id").unwrap_err(), Error::NotFound);
        assert_eq!(crossed.generate("new", &signer).unwrap_err(), Error::NotFound);
    }
    // Only the one type: a name that looks like it is a name like any other.
    let alike = backend.management().create_partition(&kind("provisioning2")).unwrap();
    assert_eq!(Partition::new(backend.provisioning(), alike).random(1), Err(Error::NotFound));
    assert!(Partition::new(backend.channel(), alike).random(1).is_ok());
}

pub fn reserved_templates_are_for_provisioning(backend: &mut dyn Backend) {
    let (ours, theirs) = (provisioning(backend), partition(backend));
    let root = Template::new(Algorithm::HmacSha256, Usage::DERIVE);
    let templates = [
        Template::new(Algorithm::Ed25519, Usage::SIGN_RAW),
        Template::new(Algorithm::HpkeX25519, Usage::UNSEAL_EXPORT),
        Template::new(Algorithm::HpkeX25519, Usage::UNSEAL | Usage::NOISE),
        Template::new(Algorithm::XWing, Usage::UNSEAL_EXPORT),
        Template::new(Algorithm::XWing, Usage::DESTROY),
        root.clone().with_children([Algorithm::Ed25519], Usage::SIGN_RAW),
        root.clone().with_children([Algorithm::XWing], Usage::DESTROY),
    ];
    for (n, template) in templates.iter().enumerate() {
        let alias = format!("key-{n}");
        assert!(ours.generate(&alias, template).is_ok(), "{template:?}");
        assert_eq!(theirs.generate(&alias, template).unwrap_err(), Error::Reserved, "{template:?}");
    }
    // Nor by way of a parent.
    let parent = theirs.generate("root", &root.with_children([Algorithm::Ed25519], Usage::SIGN)).unwrap();
    assert!(parent.derive(b"", &Template::new(Algorithm::Ed25519, Usage::SIGN)).is_ok());
    assert_eq!(parent.derive(b"", &templates[0]).unwrap_err(), Error::Reserved);
    // A raw signature over the right bytes would pass for one under a context.
    let both = Template::new(Algorithm::Ed25519, Usage::SIGN | Usage::SIGN_RAW);
    assert!(matches!(ours.generate("both", &both), Err(Error::Invalid(_))));
}

pub fn reserved_operations_are_for_provisioning(backend: &mut dyn Backend) {
    let (ours, theirs) = (provisioning(backend), partition(backend));
    let (key, session, none) = (HandleId(1 << 60), SessionId(1 << 60), &b""[..]);
    let operations = [
        Operation::SignRaw { key, message: none.into() },
        Operation::EncapsulationKey { key },
        Operation::UnsealExport {
            key,
            info: none.into(),
            aad: none.into(),
            encapsulated: none.into(),
            ciphertext: none.into(),
            exporter_context: none.into(),
        },
        Operation::NoiseBegin { key, initiator: true, prologue: none.into() },
        Operation::NoiseWrite { session, payload: none.into() },
        Operation::NoiseRead { session, message: none.into() },
        Operation::NoiseFinish { session },
        Operation::NoiseSeal { session, plaintext: none.into() },
        Operation::NoiseOpen { session, counter: 0, ciphertext: none.into() },
        Operation::NoiseEnd { session },
    ];
    for operation in operations {
        // Over the right channel it gets as far as the key or session, which is made up.
        let answer = backend.provisioning().call(ours.id(), operation.clone());
        assert_eq!(answer, Err(Error::NotFound), "{operation:?}");
        for id in [ours.id(), theirs.id()] {
            assert_eq!(backend.channel().call(id, operation.clone()), Err(Error::Reserved), "{operation:?}");
        }
    }
    let raise = Operation::RaiseCounters { counters: vec![("time".into(), 1)] };
    assert_eq!(backend.provisioning().call(ours.id(), raise.clone()), Ok(Answer::Done));
    assert_eq!(backend.channel().call(theirs.id(), raise), Err(Error::Reserved));
    assert_eq!(backend.channel().call(theirs.id(), Operation::Counters), Err(Error::Reserved));
}

pub fn raw_signatures_are_plain_ed25519(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let key = ours.generate("device", &Template::new(Algorithm::Ed25519, Usage::SIGN_RAW).persistent()).unwrap();
    assert_eq!(key.sign("", b"message"), Err(Error::NotPermitted(Usage::SIGN)));
    let signer = SigningKey::open(key).unwrap();
    let signature = signer.sign(b"message").unwrap();
    assert_eq!(signer.public_key().verify(b"message", &signature), Ok(()));
    assert!(signer.public_key().verify(b"massage", &signature).is_err());
    let large = vec![1; crate::RESERVED_REQUEST_BYTES_MAX as usize];
    assert_eq!(signer.public_key().verify(&large, &signer.sign(&large).unwrap()), Ok(()));

    let other = ours.generate("id", &Template::new(Algorithm::Ed25519, Usage::SIGN)).unwrap();
    assert_eq!(other.sign_raw(b"message"), Err(Error::NotPermitted(Usage::SIGN_RAW)));
    assert_eq!(SigningKey::open(other).unwrap_err(), Error::NotPermitted(Usage::SIGN_RAW));
    let same = SigningKey::open(ours.open("device").unwrap()).unwrap();
    assert_eq!(same.public_key(), signer.public_key());
}

pub fn sealed_requests_open_with_their_reply_key(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let purpose = Purpose { kind: Kind::Authorization, recipient: "aa", context: b"" };
    let mut rng = random::Stream::new().unwrap();
    for (algorithm, bytes) in [(Algorithm::XWing, 1216), (Algorithm::HpkeX25519, 32)] {
        let alias = |n: u8| format!("{algorithm:?}-{n}");
        let generate = |n| ours.generate(&alias(n), &Template::new(algorithm, Usage::UNSEAL_EXPORT)).unwrap();
        let (key, other) = (SealedKey::open(generate(0)).unwrap(), SealedKey::open(generate(1)).unwrap());
        assert_eq!(key.sealing_key().as_bytes().len(), bytes);
        let (sealed, theirs) = seal::seal(&key.sealing_key(), &purpose, b"request".to_vec(), &mut rng).unwrap();
        let (request, reply_key) = seal::open(&sealed, &purpose, &key).unwrap();
        assert_eq!(request, b"request");
        let reply = reply_key.seal(purpose.kind, b"reply".to_vec(), &mut rng).unwrap();
        assert_eq!(theirs.open(purpose.kind, &reply).unwrap(), b"reply");

        let refused = |sealed: &[u8], purpose: &Purpose<'_>| seal::open(sealed, purpose, &key).map(|_| ()).unwrap_err();
        let elsewhere = Purpose { recipient: "other", ..purpose };
        assert_eq!(refused(&sealed, &elsewhere), SealError::NotAuthentic);
        assert_eq!(refused(&sealed, &Purpose { context: b"x", ..purpose }), SealError::NotAuthentic);
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(refused(&changed, &purpose), SealError::NotAuthentic);
        assert!(matches!(refused(&sealed[..sealed.len() - 1], &purpose), SealError::Malformed(_)));
        let misdirected = seal::open(&sealed, &purpose, &other).map(|_| ());
        assert_eq!(misdirected, Err(SealError::Recipient(key.sealing_key().key_id())));
    }
    let plain = ours.generate("inbox", &Template::new(Algorithm::HpkeX25519, Usage::UNSEAL)).unwrap();
    let refused = plain.unseal_export(b"", b"", &[9; 32], &[0; 16], b"").unwrap_err();
    assert_eq!(refused, Error::NotPermitted(Usage::UNSEAL_EXPORT));
    assert_eq!(SealedKey::open(plain).unwrap_err(), Error::NotPermitted(Usage::UNSEAL_EXPORT));
    let signer = ours.generate("id", &Template::new(Algorithm::Ed25519, Usage::SIGN)).unwrap();
    assert!(matches!(signer.encapsulation_key(), Err(Error::Invalid(_))));
    let long = ours.generate("long", &Template::new(Algorithm::XWing, Usage::UNSEAL_EXPORT)).unwrap();
    assert!(matches!(long.public_key(), Err(Error::Invalid(_))));
    assert!(matches!(long.unseal(b"", b"", &[0; 48]), Err(Error::NotPermitted(Usage::UNSEAL))));
}

fn batch_template() -> Template {
    let usage = Usage::SIGN_RAW | Usage::UNSEAL_EXPORT | Usage::NOISE;
    Template::new(Algorithm::HmacSha256, Usage::DERIVE | Usage::DESTROY)
        .persistent()
        .with_children([Algorithm::Ed25519, Algorithm::HpkeX25519], usage)
}

fn signing(batch: &crate::KeyHandle, index: u32) -> SigningKey {
    let info = [b"signing".as_slice(), &index.to_be_bytes()].concat();
    let template = Template::new(Algorithm::Ed25519, Usage::SIGN_RAW);
    SigningKey::open(batch.derive(&info, &template).unwrap()).unwrap()
}

fn agreement(batch: &crate::KeyHandle, index: u32) -> (SealedKey, NoiseKey) {
    let info = [b"agreement".as_slice(), &index.to_be_bytes()].concat();
    let template = Template::new(Algorithm::HpkeX25519, Usage::UNSEAL_EXPORT | Usage::NOISE);
    let sealed = SealedKey::open(batch.derive(&info, &template).unwrap()).unwrap();
    let noise = NoiseKey::open(sealed.handle().clone()).unwrap();
    (sealed, noise)
}

pub fn a_batch_of_pseudonyms_hangs_on_one_key(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let (batch, next) =
        (ours.generate("batch-1", &batch_template()).unwrap(), ours.generate("batch-2", &batch_template()).unwrap());
    // The largest batch, and the next one beside it.
    let keys: Vec<_> = (0..192).map(|index| (signing(&batch, index), agreement(&batch, index))).collect();
    let later: Vec<_> = (0..192).map(|index| (signing(&next, index), agreement(&next, index))).collect();
    let publics: std::collections::BTreeSet<_> =
        keys.iter().chain(&later).map(|(signer, _)| signer.public_key().to_bytes()).collect();
    assert_eq!(publics.len(), 384);
    let (before, sealing) = (keys[7].0.public_key(), keys[7].1.0.sealing_key());

    let id = ours.id();
    backend.restart();
    let ours = Partition::new(backend.provisioning(), id);
    let batch = ours.open("batch-1").unwrap();
    let (signer, (sealed, _)) = (signing(&batch, 7), agreement(&batch, 7));
    assert_eq!((signer.public_key(), sealed.sealing_key()), (before, sealing));

    let next = ours.open("batch-2").unwrap();
    let kept = signing(&next, 0);
    batch.destroy().unwrap();
    assert!(signer.sign(b"late").is_err());
    assert_eq!(signer.handle().sign_raw(b"late"), Err(Error::NotFound));
    assert_eq!(sealed.handle().attributes().unwrap_err(), Error::NotFound);
    assert!(kept.sign(b"in time").is_ok());
}

pub fn what_an_ae_derived_outlives_its_root(backend: &mut dyn Backend) {
    // A ratchet: the next key from the last one, which is destroyed then.
    let theirs = partition(backend);
    let root = template(Algorithm::HmacSha256).with_children([Algorithm::HmacSha256], Usage::MAC);
    let root = theirs.generate("root", &root).unwrap();
    let child = root.derive(b"next", &Template::new(Algorithm::HmacSha256, Usage::MAC)).unwrap();
    root.destroy().unwrap();
    assert!(child.mac(b"").is_ok());
}

pub fn counters_never_go_back(backend: &mut dyn Backend) {
    let (ours, others) = (provisioning(backend), provisioning(backend));
    let counters = |partition: &Partition| partition.counters().unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(counters(&ours), []);
    ours.raise_counters(&[("time", 5), ("epoch", 0)]).unwrap();
    ours.raise_counters(&[("time", 5), ("crl:aa", 2)]).unwrap();
    let expected = [("crl:aa".to_owned(), 2), ("epoch".to_owned(), 0), ("time".to_owned(), 5)];
    assert_eq!(counters(&ours), expected);
    assert_eq!(counters(&others), [], "each partition has its own");
    // All or none, in whichever order.
    let back = Error::Rollback { name: "time".to_owned(), kept: 5, offered: 4 };
    assert_eq!(ours.raise_counters(&[("crl:aa", 3), ("time", 4)]), Err(back.clone()));
    assert_eq!(ours.raise_counters(&[("time", 4), ("crl:aa", 3)]), Err(back));
    let twice = Error::Rollback { name: "new".to_owned(), kept: 2, offered: 1 };
    assert_eq!(ours.raise_counters(&[("new", 2), ("new", 1)]), Err(twice));
    for bad in ["", "two words", "zähler"] {
        assert!(matches!(ours.raise_counters(&[(bad, 1)]), Err(Error::Invalid(_))), "{bad}");
    }
    assert_eq!(ours.raise_counters(&[(&"x".repeat(65), 1)]), Err(Error::TooLarge { max_bytes: 64 }));
    let names: Vec<_> = (0..62).map(|n| format!("n{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    assert_eq!(ours.raise_counters(&many), Err(Error::Limit(crate::Limit::Counters)));
    assert_eq!(counters(&ours), expected);
    assert_eq!(ours.raise_counters(&many[1..]), Ok(()));

    let ids = [ours.id(), others.id()];
    backend.restart();
    let [ours, others] = ids.map(|id| Partition::new(backend.provisioning(), id));
    assert_eq!(ours.counters().unwrap().get("time"), Some(&5));
    assert!(matches!(ours.raise_counters(&[("time", 4)]), Err(Error::Rollback { .. })));
    backend.management().drop_partition(others.id()).unwrap();
    assert_eq!(others.counters(), Err(Error::NotFound));
    assert_eq!(others.raise_counters(&[("time", 9)]), Err(Error::NotFound));
}

pub fn the_floor_is_kept_whole(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    assert_eq!(trust::floor(&ours), Ok(ClockFloor::default()));
    let crl = |name: &str, sequence| CrlFloor { issuer: AuthorityId::parse(name).unwrap(), sequence };
    let mut floor =
        ClockFloor { time: Seconds(9), crls: vec![crl("aa", 3), crl("bb", 1)], bundle_version: 2, epoch: Epoch(7) };
    trust::raise_floor(&ours, &floor).unwrap();
    assert_eq!(trust::floor(&ours), Ok(floor.clone()));
    let id = ours.id();
    backend.restart();
    let ours = Partition::new(backend.provisioning(), id);
    floor.time = Seconds(10);
    floor.crls[0].sequence = 2;
    let back = Error::Rollback { name: "crl:aa".to_owned(), kept: 3, offered: 2 };
    assert_eq!(trust::raise_floor(&ours, &floor), Err(back));
    assert_eq!(trust::floor(&ours).unwrap().time, Seconds(9));
}

/// A session's handle is as little good in another partition as a key's.
pub fn provisioning_partitions_are_separate(backend: &mut dyn Backend) {
    let (ours, others) = (provisioning(backend), provisioning(backend));
    let template = Template::new(Algorithm::HpkeX25519, Usage::NOISE).persistent();
    let channel = backend.provisioning();
    let Ok(Answer::Key(key)) =
        channel.call(ours.id(), Operation::Generate { alias: "noise".into(), template: template.clone() })
    else {
        panic!("no key")
    };
    let begin = Operation::NoiseBegin { key, initiator: true, prologue: b""[..].into() };
    let Ok(Answer::Session(session)) = channel.call(ours.id(), begin.clone()) else { panic!("no session") };
    assert_eq!(channel.call(others.id(), begin), Err(Error::NotFound));
    let write = Operation::NoiseWrite { session, payload: b""[..].into() };
    assert_eq!(channel.call(others.id(), write.clone()), Err(Error::NotFound));
    assert_eq!(channel.call(others.id(), Operation::NoiseEnd { session }), Err(Error::NotFound));
    assert!(matches!(channel.call(ours.id(), write), Ok(Answer::Bytes(_))));
    assert_eq!(channel.call(others.id(), Operation::PublicKey { key }), Err(Error::NotFound));
    assert!(matches!(channel.call(ours.id(), Operation::PublicKey { key }), Ok(Answer::Bytes32(ByteArray(_)))));
}
