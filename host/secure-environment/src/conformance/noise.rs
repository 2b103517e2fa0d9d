//! Sessions of Noise: a key in here against the same protocol in memory.

use std::sync::Arc;

use m2m_trust::{
    association::{NoiseError, NoiseHandshake, NoiseKey as _, NoiseRole, NoiseTransport},
    keys::AgreementKey,
};

use super::{Backend, provisioning::provisioning};
use crate::{
    Algorithm, Error, KeyHandle, Limit, Limits, Partition, Template, Usage,
    crypto::{noise, x25519},
    trust::NoiseKey,
};

const PROLOGUE: &[u8] = b"prologue";

fn generate(partition: &Partition, alias: &str) -> KeyHandle {
    let usage = Usage::UNSEAL_EXPORT | Usage::NOISE | Usage::DESTROY;
    partition.generate(alias, &Template::new(Algorithm::HpkeX25519, usage)).unwrap()
}

fn in_memory(initiator: bool, prologue: &[u8]) -> (AgreementKey, Box<dyn NoiseHandshake>) {
    let own = Arc::new(x25519::Key::new(&[5; 32]));
    (AgreementKey(own.public()), noise::begin(own, initiator, prologue).unwrap())
}

/// Three messages with payloads.
fn shake(initiator: &mut dyn NoiseHandshake, responder: &mut dyn NoiseHandshake) {
    let opening = initiator.write(b"").unwrap();
    assert_eq!(responder.read(&opening).unwrap(), b"");
    let answer = responder.write(b"certificate of the responder").unwrap();
    assert_eq!(initiator.read(&answer).unwrap(), b"certificate of the responder");
    let confirmation = initiator.write(b"certificate of the initiator").unwrap();
    assert_eq!(responder.read(&confirmation).unwrap(), b"certificate of the initiator");
}

fn talk(from: &mut dyn NoiseTransport, to: &mut dyn NoiseTransport) {
    for round in 0..3 {
        let (counter, ciphertext) = from.seal(&[7; 40]).unwrap();
        assert_eq!(counter, round);
        assert_eq!(to.open(counter, &ciphertext).unwrap(), [7; 40]);
        assert_eq!(to.open(counter + 1, &ciphertext), Err(NoiseError::NotAuthentic), "a counter is a nonce");
        assert_eq!(from.open(counter, &ciphertext), Err(NoiseError::NotAuthentic), "back to who sent it");
        for at in 0..ciphertext.len() {
            let mut changed = ciphertext.clone();
            changed[at] ^= 1;
            assert_eq!(to.open(counter, &changed), Err(NoiseError::NotAuthentic), "byte {at}");
            assert_eq!(to.open(counter, &ciphertext[..at]), Err(NoiseError::NotAuthentic), "cut at {at}");
        }
    }
}

pub fn a_handshake_works_with_the_same_protocol_elsewhere(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let key = NoiseKey::open(generate(&ours, "noise")).unwrap();
    for role in [NoiseRole::Initiator, NoiseRole::Responder] {
        let mut inside = key.begin(role, PROLOGUE).unwrap();
        let (peer, mut outside) = in_memory(role == NoiseRole::Responder, PROLOGUE);
        assert_eq!(inside.remote_static(), None);
        match role {
            NoiseRole::Initiator => shake(&mut *inside, &mut *outside),
            NoiseRole::Responder => shake(&mut *outside, &mut *inside),
        }
        assert_eq!(inside.remote_static(), Some(peer));
        assert_eq!(outside.remote_static(), Some(key.public_key()));
        let ((mut inside, hash), (mut outside, same)) = (inside.finish().unwrap(), outside.finish().unwrap());
        assert_eq!(hash, same);
        talk(&mut *inside, &mut *outside);
        talk(&mut *outside, &mut *inside);
    }
    // Both sides in here.
    let other = NoiseKey::open(generate(&ours, "other")).unwrap();
    let mut initiator = key.begin(NoiseRole::Initiator, PROLOGUE).unwrap();
    let mut responder = other.begin(NoiseRole::Responder, PROLOGUE).unwrap();
    shake(&mut *initiator, &mut *responder);
    assert_eq!(responder.remote_static(), Some(key.public_key()));
}

pub fn a_handshake_that_is_not_authentic_is_over(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let key = NoiseKey::open(generate(&ours, "noise")).unwrap();
    let begin = || key.begin(NoiseRole::Initiator, PROLOGUE).unwrap();
    let answer_to = |initiator: &mut dyn NoiseHandshake, prologue| {
        let mut responder = in_memory(false, prologue).1;
        responder.read(&initiator.write(b"").unwrap()).unwrap();
        responder.write(b"payload").unwrap()
    };
    let mut initiator = begin();
    let answer = answer_to(&mut *initiator, b"another prologue");
    assert_eq!(initiator.read(&answer), Err(NoiseError::NotAuthentic));
    // The right one comes too late.
    assert_eq!(initiator.read(&answer), Err(NoiseError::OutOfTurn));
    for at in [0, 40, 90] {
        let mut initiator = begin();
        let mut answer = answer_to(&mut *initiator, PROLOGUE);
        answer[at] ^= 1;
        assert_eq!(initiator.read(&answer), Err(NoiseError::NotAuthentic), "byte {at}");
        let mut initiator = begin();
        let answer = answer_to(&mut *initiator, PROLOGUE);
        assert_eq!(initiator.read(&answer[..at]), Err(NoiseError::NotAuthentic), "cut at {at}");
    }
    // An answer to another opening is a replay: the ephemeral key is another one.
    let (mut first, mut second) = (begin(), begin());
    let answer = answer_to(&mut *first, PROLOGUE);
    second.write(b"").unwrap();
    assert_eq!(second.read(&answer), Err(NoiseError::NotAuthentic));
    assert_eq!(first.read(&answer).unwrap(), b"payload");
    // A point of small order makes every secret the same.
    let mut initiator = begin();
    initiator.write(b"").unwrap();
    assert_eq!(initiator.read(&[0; 96]), Err(NoiseError::Agreement));
}

pub fn a_session_goes_one_way(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let key = generate(&ours, "noise");
    let mut session = key.begin_noise(true, PROLOGUE).unwrap();
    assert_eq!(session.seal(b""), Err(Error::OutOfTurn));
    assert_eq!(session.open(0, &[0; 16]), Err(Error::OutOfTurn));
    let mut responder = in_memory(false, PROLOGUE).1;
    responder.read(&session.write(b"").unwrap()).unwrap();
    session.read(&responder.write(b"").unwrap()).unwrap();
    responder.read(&session.write(b"").unwrap()).unwrap();
    assert_eq!(session.finish(), Ok(responder.finish().unwrap().1.0));
    assert_eq!(session.finish(), Err(Error::OutOfTurn));
    assert_eq!(session.write(b""), Err(Error::OutOfTurn));
    assert_eq!(session.read(b""), Err(Error::OutOfTurn));
    assert!(session.seal(&[0; 65_519]).is_ok());
    assert_eq!(session.seal(&[0; 65_520]), Err(Error::TooLarge { max_bytes: 65_535 }));

    let early = key.begin_noise(true, PROLOGUE).unwrap();
    assert_eq!(early.finish(), Err(Error::OutOfTurn));
    let wrong = ours.generate("wrong", &Template::new(Algorithm::HpkeX25519, Usage::UNSEAL_EXPORT)).unwrap();
    assert_eq!(wrong.begin_noise(true, b"").unwrap_err(), Error::NotPermitted(Usage::NOISE));
    assert_eq!(NoiseKey::open(wrong).unwrap_err(), Error::NotPermitted(Usage::NOISE));
}

pub fn a_session_ends_with_its_key(backend: &mut dyn Backend) {
    let ours = provisioning(backend);
    let derive = |root: &KeyHandle| {
        let template = Template::new(Algorithm::HpkeX25519, Usage::NOISE | Usage::DESTROY);
        root.derive(b"", &template).unwrap()
    };
    let root = Template::new(Algorithm::HmacSha256, Usage::DERIVE | Usage::DESTROY)
        .with_children([Algorithm::HpkeX25519], Usage::NOISE | Usage::DESTROY);
    let root = ours.generate("root", &root).unwrap();

    // With its destruction.
    let key = derive(&root);
    let session = key.begin_noise(true, PROLOGUE).unwrap();
    assert!(session.write(b"").is_ok());
    key.destroy().unwrap();
    assert_eq!(session.write(b""), Err(Error::NotFound));
    // With its last handle, where it is not kept.
    let key = derive(&root);
    let session = key.begin_noise(true, PROLOGUE).unwrap();
    drop(key);
    assert_eq!(session.write(b""), Err(Error::NotFound));
    // A handshake keeps its key open.
    let key = NoiseKey::open(derive(&root)).unwrap();
    let mut handshake = key.begin(NoiseRole::Initiator, PROLOGUE).unwrap();
    drop(key);
    assert!(handshake.write(b"").is_ok());
    // With the root that its key was derived from, at whatever point it is.
    let key = NoiseKey::open(derive(&root)).unwrap();
    let mut initiator = key.begin(NoiseRole::Initiator, PROLOGUE).unwrap();
    let mut responder = in_memory(false, PROLOGUE).1;
    shake(&mut *initiator, &mut *responder);
    let (mut transport, _) = initiator.finish().unwrap();
    let (counter, ciphertext) = responder.finish().unwrap().0.seal(b"late").unwrap();
    assert!(transport.seal(b"in time").is_ok());
    root.destroy().unwrap();
    assert!(matches!(transport.seal(b"late"), Err(NoiseError::Unavailable(_))));
    assert!(matches!(transport.open(counter, &ciphertext), Err(NoiseError::Unavailable(_))));
    assert!(matches!(handshake.read(b""), Err(NoiseError::Unavailable(_))));
}

pub fn sessions_are_limited_and_end_when_dropped(backend: &mut dyn Backend) {
    let (ours, others) = (provisioning(backend), provisioning(backend));
    let (key, theirs) = (generate(&ours, "noise"), generate(&others, "noise"));
    let begin = || key.begin_noise(true, PROLOGUE);
    let mut sessions: Vec<_> = (0..Limits::default().sessions).map(|_| begin().unwrap()).collect();
    assert_eq!(begin().unwrap_err(), Error::Limit(Limit::Sessions));
    assert!(theirs.begin_noise(true, PROLOGUE).is_ok());
    sessions.pop();
    let last = begin().unwrap();
    assert_eq!(begin().unwrap_err(), Error::Limit(Limit::Sessions));
    drop((sessions, last));
    assert!(begin().is_ok());
}
