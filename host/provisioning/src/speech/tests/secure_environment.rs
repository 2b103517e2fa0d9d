//! The same with keys that never leave a Secure Environment.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use m2m_secure_environment::trust::{NoiseKey, SigningKey};
use m2m_secure_environment::{
    Algorithm, Credential, InProcess, Partition, PartitionType, SystemClock, Template, Usage,
};
use m2m_trust::association::NoiseKey as _;
use m2m_trust::authorization::PseudonymCertificate;
use m2m_trust::certificate::{Certificate, CertificateClaims};
use m2m_trust::credential::Confirmation;
use m2m_trust::keys::Signer as _;
use m2m_trust::linkage::{Linkage, LinkageValue};

use super::*;
use crate::speech::{Recipient, Unsent};

/// A certificate for keys of the partition, as the AA would issue it.
fn active(world: &World, partition: &Partition, scope: Scope) -> Active {
    let generate = |alias, algorithm, usage| partition.generate(alias, &Template::new(algorithm, usage)).unwrap();
    let signer = SigningKey::open(generate("signing", Algorithm::Ed25519, Usage::SIGN_RAW | Usage::DESTROY)).unwrap();
    let usage = Usage::UNSEAL_EXPORT | Usage::NOISE | Usage::DESTROY;
    let noise = NoiseKey::open(generate("agreement", Algorithm::HpkeX25519, usage)).unwrap();
    let (bundle, slot) = (&world.domain.bundle, world.domain.slot());
    let (not_before, slot_end) = bundle.schedule.window(slot);
    let claims = CertificateClaims {
        expires: slot_end,
        not_before,
        confirmation: Confirmation(signer.public_key()),
        scope,
        agreement_key: noise.public_key(),
        linkage: Linkage { slot, value: LinkageValue(signer.public_key().key_id().0.repeat(2).try_into().unwrap()) },
        region: None,
        assurance: None,
    };
    let encoded = claims.issue(&bundle.domain, &world.domain.aa.signing).unwrap();
    let certificate = PseudonymCertificate { certificate: Certificate::verify(&encoded, bundle).unwrap(), encoded };
    Active { certificate, signer: Arc::new(signer), noise: Arc::new(noise), slot_end }
}

#[test]
fn two_nodes_speak_and_confide_until_their_keys_are_destroyed() {
    let mut world = world();
    let place = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(place.path(), ambient_authority()).unwrap();
    let root_key = Credential::new(vec![7; 32].into());
    let environment = InProcess::open(dir, &root_key, Arc::new(SystemClock::new())).unwrap();
    let mut node = |scope: Scope| {
        let id = environment.management().create_partition(&PartitionType::provisioning()).unwrap();
        let partition = Partition::new(environment.provisioning(), id);
        let node = world.node(&[]);
        let mut standing = node.standing.write();
        standing.active.insert(services::METERING, active(&world, &partition, scope));
        standing.voice = Voice::Speaking;
        drop(standing);
        (node, partition)
    };
    let ((meter, _), (controller, keys)) = (node(reports()), node(commands()));

    let to = Recipient::Peer(meet(&world, &meter, &controller));
    let heard = talk(&controller, &meter, controller.speech.confide(to, COMMAND, b"close").unwrap());
    assert_eq!((heard.frames.len(), heard.refused), (4, vec![]));
    assert_eq!(heard.deliveries[0].payload, b"close");
    let answer = meter.speech.confide(Recipient::Peer(heard.deliveries[0].peer), FLOW, b"0 l/min").unwrap();
    assert_eq!(controller.delivered(&answer[0]).payload, b"0 l/min");

    // Sessions end with their key, signatures with theirs.
    keys.open("agreement").unwrap().destroy().unwrap();
    assert!(matches!(controller.speech.confide(to, COMMAND, b"open"), Err(Unsent::Unavailable(_))));
    assert!(controller.speech.sign(COMMAND, b"open").is_ok());
    keys.open("signing").unwrap().destroy().unwrap();
    assert!(matches!(controller.speech.sign(COMMAND, b"open"), Err(Unsent::Unavailable(_))));
    assert!(meter.speech.sign(FLOW, b"17").is_ok());
}
