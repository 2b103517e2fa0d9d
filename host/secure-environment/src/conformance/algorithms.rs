//! What each algorithm gives, and to whom.

use super::{Backend, kind, partition, session_template, template, with_children};
use crate::{Algorithm, Error, KeyHandle, Origin, Partition, RANDOM_BYTES_MAX, REQUEST_BYTES_MAX, Template, Usage};

pub fn signatures_hold_for_their_context_only(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    let public = key.public_key().unwrap();
    let signature = key.sign("report", b"42").unwrap();
    let verify = |context: &str, message: &[u8], signature: &[u8; 64]| {
        ours.verify(&public, context, message, signature).unwrap()
    };
    assert!(verify("report", b"42", &signature));
    assert!(!verify("command", b"42", &signature));
    assert!(!verify("report", b"43", &signature));
    // The border between context and message is signed too.
    assert!(!verify("report4", b"2", &signature));
    assert!(!ours.verify(&[0; 32], "report", b"42", &signature).unwrap());

    let node = backend.management().create_partition(&kind("node")).unwrap();
    let node = Partition::new(backend.channel(), node);
    assert!(!node.verify(&public, "report", b"42", &signature).unwrap());
}

pub fn encryption_is_bound_to_key_owner_and_aad(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("box", &template(Algorithm::ChaCha20Poly1305)).unwrap();
    let other = ours.generate("other", &template(Algorithm::ChaCha20Poly1305)).unwrap();
    let sealed = key.encrypt(b"aad", b"plaintext").unwrap();
    assert_ne!(sealed, key.encrypt(b"aad", b"plaintext").unwrap());
    assert_eq!(sealed.len(), b"plaintext".len() + crate::ENCRYPT_OVERHEAD_BYTES);
    assert_eq!(key.decrypt(b"aad", &sealed).unwrap(), b"plaintext");
    assert_eq!(key.decrypt(b"other", &sealed), Err(Error::NotAuthentic));
    assert_eq!(other.decrypt(b"aad", &sealed), Err(Error::NotAuthentic));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(key.decrypt(b"aad", &changed), Err(Error::NotAuthentic), "byte {at}");
        assert_eq!(key.decrypt(b"aad", &sealed[..at]), Err(Error::NotAuthentic), "cut at {at}");
    }
}

pub fn sealing_reaches_the_key_only(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("inbox", &template(Algorithm::HpkeX25519)).unwrap();
    let other = ours.generate("other", &template(Algorithm::HpkeX25519)).unwrap();
    let sealed = ours.seal(&key.public_key().unwrap(), b"info", b"aad", b"plaintext").unwrap();
    assert_eq!(key.unseal(b"info", b"aad", &sealed).unwrap(), b"plaintext");
    assert_eq!(key.unseal(b"else", b"aad", &sealed), Err(Error::NotAuthentic));
    assert_eq!(key.unseal(b"info", b"else", &sealed), Err(Error::NotAuthentic));
    assert_eq!(key.unseal(b"info", b"aad", &sealed[..47]), Err(Error::NotAuthentic));
    assert_eq!(other.unseal(b"info", b"aad", &sealed), Err(Error::NotAuthentic));
    assert!(matches!(ours.seal(&[0; 32], b"", b"", b""), Err(Error::Invalid(_))));
}

pub fn both_sides_agree_on_a_key(backend: &mut dyn Backend) {
    let (ours, theirs) = (partition(backend), partition(backend));
    let a = ours.generate("dh", &with_children(Algorithm::X25519)).unwrap();
    let b = theirs.generate("dh", &with_children(Algorithm::X25519)).unwrap();
    let (public_a, public_b) = (a.public_key().unwrap(), b.public_key().unwrap());
    let ab = a.agree(&public_b, b"session", &session_template()).unwrap();
    let ba = b.agree(&public_a, b"session", &session_template()).unwrap();
    let sealed = ab.encrypt(b"", b"hello").unwrap();
    assert_eq!(ba.decrypt(b"", &sealed).unwrap(), b"hello");
    let attributes = ab.attributes().unwrap();
    assert_eq!((attributes.alias, attributes.origin, attributes.version), (None, Origin::Agreed, 1));

    let other = b.agree(&public_a, b"other session", &session_template()).unwrap();
    assert_eq!(other.decrypt(b"", &sealed), Err(Error::NotAuthentic));
    // A point of small order gives the same secret to everyone.
    assert!(matches!(a.agree(&[0; 32], b"", &session_template()), Err(Error::Invalid(_))));
    let signer = Template::new(Algorithm::Ed25519, Usage::SIGN);
    assert_eq!(a.agree(&public_b, b"", &signer).unwrap_err(), Error::ChildNotPermitted);
    assert!(matches!(a.agree(&public_b, b"", &session_template().persistent()), Err(Error::Invalid(_))));
    let childless = ours.generate("childless", &template(Algorithm::X25519)).unwrap();
    assert_eq!(childless.agree(&public_b, b"", &session_template()).unwrap_err(), Error::ChildNotPermitted);
}

pub fn derived_keys_are_repeatable_and_bounded(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let root = ours.generate("root", &with_children(Algorithm::HmacSha256)).unwrap();
    let sealed = root.derive(b"log", &session_template()).unwrap().encrypt(b"", b"line").unwrap();
    let again = root.derive(b"log", &session_template()).unwrap();
    assert_eq!(again.decrypt(b"", &sealed).unwrap(), b"line");
    assert_eq!(again.attributes().unwrap().origin, Origin::Derived);
    let other = root.derive(b"other", &session_template()).unwrap();
    assert_eq!(other.decrypt(b"", &sealed), Err(Error::NotAuthentic));

    let tags = Template::new(Algorithm::HmacSha256, Usage::MAC);
    assert!(root.derive(b"log", &tags).is_ok());
    let roots = Template::new(Algorithm::HmacSha256, Usage::MAC | Usage::DERIVE);
    assert_eq!(root.derive(b"log", &roots).unwrap_err(), Error::ChildNotPermitted);
}

pub fn tags_verify(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("mac", &template(Algorithm::HmacSha256)).unwrap();
    let other = ours.generate("other", &template(Algorithm::HmacSha256)).unwrap();
    let tag = key.mac(b"message").unwrap();
    assert!(key.verify_mac(b"message", &tag).unwrap());
    assert!(!key.verify_mac(b"massage", &tag).unwrap());
    assert!(!other.verify_mac(b"message", &tag).unwrap());
    assert!(matches!(key.public_key(), Err(Error::Invalid(_))));
}

pub fn usage_is_what_the_key_was_made_for(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let bare = |alias: &str, algorithm: Algorithm, usage: Usage| -> KeyHandle {
        ours.generate(alias, &Template::new(algorithm, usage)).unwrap()
    };
    let sealer = bare("sealer", Algorithm::ChaCha20Poly1305, Usage::ENCRYPT);
    let sealed = sealer.encrypt(b"", b"x").unwrap();
    assert_eq!(sealer.decrypt(b"", &sealed), Err(Error::NotPermitted(Usage::DECRYPT)));
    assert_eq!(sealer.sign("", b""), Err(Error::NotPermitted(Usage::SIGN)));
    assert_eq!(sealer.unseal(b"", b"", b""), Err(Error::NotPermitted(Usage::UNSEAL)));
    assert_eq!(sealer.agree(&[9; 32], b"", &session_template()).unwrap_err(), Error::NotPermitted(Usage::AGREE));
    assert_eq!(sealer.derive(b"", &session_template()).unwrap_err(), Error::NotPermitted(Usage::DERIVE));
    assert_eq!(sealer.mac(b""), Err(Error::NotPermitted(Usage::MAC)));
    assert_eq!(sealer.verify_mac(b"", &[0; 32]), Err(Error::NotPermitted(Usage::MAC)));
    assert_eq!(sealer.rotate(), Err(Error::NotPermitted(Usage::ROTATE)));
    assert_eq!(sealer.destroy(), Err(Error::NotPermitted(Usage::DESTROY)));
    assert_eq!(sealer.attest(b""), Err(Error::NotPermitted(Usage::ATTEST)));
    let opener = bare("opener", Algorithm::ChaCha20Poly1305, Usage::DECRYPT);
    assert_eq!(opener.encrypt(b"", b""), Err(Error::NotPermitted(Usage::ENCRYPT)));
    // What an algorithm cannot do is not granted in the first place.
    let wrong = Template::new(Algorithm::Ed25519, Usage::DECRYPT);
    assert!(matches!(ours.generate("wrong", &wrong), Err(Error::Invalid(_))));
}

pub fn sizes_are_limited(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let max = REQUEST_BYTES_MAX as usize;
    let too_large = Error::TooLarge { max_bytes: REQUEST_BYTES_MAX };
    let cipher = ours.generate("box", &template(Algorithm::ChaCha20Poly1305)).unwrap();
    let sealed = cipher.encrypt(b"", &vec![1; max]).unwrap();
    assert_eq!(cipher.decrypt(b"", &sealed).unwrap(), vec![1; max]);
    assert_eq!(cipher.encrypt(b"x", &vec![1; max]), Err(too_large.clone()));
    let inbox = ours.generate("inbox", &template(Algorithm::HpkeX25519)).unwrap();
    let sealed = ours.seal(&inbox.public_key().unwrap(), b"", b"", &vec![1; max]).unwrap();
    assert_eq!(inbox.unseal(b"", b"", &sealed).unwrap(), vec![1; max]);
    let signer = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    assert!(signer.sign(&"c".repeat(255), &vec![0; max]).is_ok());
    assert_eq!(signer.sign(&"c".repeat(256), b""), Err(Error::TooLarge { max_bytes: 255 }));
    assert_eq!(signer.sign("", &vec![0; max + 1]), Err(too_large));
    assert_eq!(ours.random(RANDOM_BYTES_MAX).unwrap().len(), RANDOM_BYTES_MAX as usize);
    assert_eq!(ours.random(RANDOM_BYTES_MAX + 1), Err(Error::TooLarge { max_bytes: RANDOM_BYTES_MAX }));
}
