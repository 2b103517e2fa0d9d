//! How keys begin, change and end.

use super::{Backend, kind, partition, template};
use crate::{Algorithm, Error, Partition, Template, Usage};

pub fn rotation_keeps_old_versions_for_reading(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let cipher = ours.generate("box", &template(Algorithm::ChaCha20Poly1305)).unwrap();
    let second = ours.open("box").unwrap();
    let mac = ours.generate("mac", &template(Algorithm::HmacSha256)).unwrap();
    let inbox = ours.generate("inbox", &template(Algorithm::HpkeX25519)).unwrap();
    let signer = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();

    let old_ciphertext = cipher.encrypt(b"", b"old").unwrap();
    let old_tag = mac.mac(b"old").unwrap();
    let old_sealed = ours.seal(&inbox.public_key().unwrap(), b"", b"", b"old").unwrap();
    let old_public = signer.public_key().unwrap();
    for key in [&cipher, &mac, &inbox, &signer] {
        assert_eq!(key.rotate(), Ok(2));
        assert_eq!(key.attributes().unwrap().version, 2);
    }
    assert_eq!(second.decrypt(b"", &old_ciphertext).unwrap(), b"old");
    assert_eq!(second.encrypt(b"", b"new").unwrap()[..4], [0, 0, 0, 2]);
    assert!(mac.verify_mac(b"old", &old_tag).unwrap());
    assert_ne!(mac.mac(b"old").unwrap(), old_tag);
    assert_eq!(inbox.unseal(b"", b"", &old_sealed).unwrap(), b"old");
    assert_ne!(signer.public_key().unwrap(), old_public);

    // A version number is authenticated: an old ciphertext does not pass for a new one.
    let mut relabelled = old_ciphertext;
    relabelled[3] = 2;
    assert_eq!(cipher.decrypt(b"", &relabelled), Err(Error::NotAuthentic));
}

pub fn destruction_is_for_good(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let key = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    let second = ours.open("id").unwrap();
    key.destroy().unwrap();
    assert_eq!(key.sign("", b""), Err(Error::NotFound));
    assert_eq!(second.sign("", b""), Err(Error::NotFound));
    assert_eq!(second.destroy(), Err(Error::NotFound));
    assert_eq!(ours.open("id").unwrap_err(), Error::NotFound);
    let id = ours.id();
    backend.restart();
    let ours = Partition::new(backend.channel(), id);
    assert_eq!(ours.open("id").unwrap_err(), Error::NotFound);
    assert!(ours.generate("id", &template(Algorithm::Ed25519)).is_ok());
}

pub fn an_alias_is_taken_once(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let first = ours.generate("id", &template(Algorithm::Ed25519)).unwrap();
    let public = first.public_key().unwrap();
    assert_eq!(ours.generate("id", &template(Algorithm::X25519)).unwrap_err(), Error::Exists);
    assert_eq!(ours.open("id").unwrap().public_key().unwrap(), public);
    for bad in ["", "two words"] {
        assert!(matches!(ours.generate(bad, &template(Algorithm::Ed25519)), Err(Error::Invalid(_))), "{bad}");
    }
    ours.generate("a", &template(Algorithm::Ed25519)).unwrap();
    assert_eq!(ours.aliases().unwrap(), ["a", "id"]);
}

pub fn volatile_keys_end_with_their_last_handle(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let volatile = Template { persistent: false, ..template(Algorithm::Ed25519) };
    let key = ours.generate("session", &volatile).unwrap();
    let second = ours.open("session").unwrap();
    drop(key);
    assert!(second.sign("", b"").is_ok());
    drop(second);
    assert_eq!(ours.open("session").unwrap_err(), Error::NotFound);
    // A persistent one stays.
    drop(ours.generate("id", &template(Algorithm::Ed25519)).unwrap());
    assert!(ours.open("id").is_ok());
}

pub fn uses_end_and_a_crash_gives_none_back(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let few = Template { max_uses: Some(3), ..template(Algorithm::Ed25519) };
    let key = ours.generate("few", &few).unwrap();
    let many = Template { max_uses: Some(160), ..template(Algorithm::HmacSha256) };
    let tags = ours.generate("many", &many).unwrap();
    for _ in 0..2 {
        key.sign("", b"").unwrap();
    }
    assert_eq!(key.rotate(), Ok(2), "a new version has the uses that are left");
    for _ in 0..11 {
        tags.mac(b"").unwrap();
    }
    let id = ours.id();
    backend.restart();
    let ours = Partition::new(backend.channel(), id);
    let key = ours.open("few").unwrap();
    assert!(key.sign("", b"").is_ok());
    assert_eq!(key.sign("", b""), Err(Error::UsesExhausted));
    assert!(key.public_key().is_ok());
    let tags = ours.open("many").unwrap();
    let left = (0..200).take_while(|_| tags.mac(b"").is_ok()).count();
    assert!((140..=149).contains(&left), "{left} of at most 149, and of at least 140 as blocks have 10");
}

pub fn everything_durable_survives_a_restart(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let cipher = ours.generate("box", &template(Algorithm::ChaCha20Poly1305)).unwrap();
    let old = cipher.encrypt(b"", b"old").unwrap();
    cipher.rotate().unwrap();
    let new = cipher.encrypt(b"", b"new").unwrap();
    let before = cipher.attributes().unwrap();
    let publics: Vec<_> = [Algorithm::Ed25519, Algorithm::X25519, Algorithm::HpkeX25519]
        .map(|algorithm| {
            let alias = format!("{algorithm:?}");
            let public = ours.generate(&alias, &template(algorithm)).unwrap().public_key().unwrap();
            (alias, public)
        })
        .into();
    let volatile = Template::new(Algorithm::Ed25519, Usage::SIGN);
    let gone = ours.generate("volatile", &volatile).unwrap();
    let id = ours.id();
    backend.restart();

    let ours = Partition::new(backend.channel(), id);
    let cipher = ours.open("box").unwrap();
    assert_eq!(cipher.attributes().unwrap(), before);
    assert_eq!(cipher.decrypt(b"", &old).unwrap(), b"old");
    assert_eq!(cipher.decrypt(b"", &new).unwrap(), b"new");
    for (alias, public) in publics {
        assert_eq!(ours.open(&alias).unwrap().public_key().unwrap(), public, "{alias}");
    }
    assert_eq!(ours.open("volatile").unwrap_err(), Error::NotFound);
    drop(gone);
}

pub fn nothing_works_after_shutdown(backend: &mut dyn Backend) {
    let ours = partition(backend);
    let many = Template { max_uses: Some(160), ..template(Algorithm::HmacSha256) };
    let key = ours.generate("many", &many).unwrap();
    key.mac(b"").unwrap();
    backend.management().shutdown().unwrap();
    assert!(matches!(key.mac(b""), Err(Error::Unavailable(_))));
    assert!(matches!(ours.aliases(), Err(Error::Unavailable(_))));
    assert!(matches!(backend.management().create_partition(&kind("ae")), Err(Error::Unavailable(_))));
    assert!(matches!(backend.management().head("audit"), Err(Error::Unavailable(_))));
    assert_eq!(backend.management().shutdown(), Ok(()));
    let id = ours.id();
    backend.restart();
    // What had been reserved in advance and not used has come back.
    let key = Partition::new(backend.channel(), id).open("many").unwrap();
    assert_eq!((0..200).take_while(|_| key.mac(b"").is_ok()).count(), 159);
}
