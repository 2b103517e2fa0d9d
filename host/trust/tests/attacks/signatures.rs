//! What every signed object refuses, shown on a certificate.

use ciborium::Value;
use m2m_trust::authorization::{CertifiedKey, KeyPossession};
use m2m_trust::broadcast::Broadcast;
use m2m_trust::certificate::CertificateClaims;
use m2m_trust::codec::Malformed;
use m2m_trust::cose::{self, KeyHint, Signed, SignedError};
use m2m_trust::credential::SubscriptionCredential;
use m2m_trust::dev::DevPseudonym;
use m2m_trust::identity::{Digest, KeyId, Micros, ServiceId, Slot};
use m2m_trust::keys::{AgreementKey, KeyError, PublicKey, Signer};

use crate::support::{domain, reports};

fn pseudonym() -> DevPseudonym {
    domain().pseudonym(reports())
}

fn decode(bytes: &[u8]) -> Result<(), SignedError> {
    Signed::<CertificateClaims>::decode(bytes).map(|_| ())
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// The certificate with another protected header, another unprotected one, or both.
fn with_headers(protected: Option<Vec<(i64, Value)>>, unprotected: Vec<(i64, Value)>) -> Vec<u8> {
    let map = |entries: Vec<(i64, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
    };
    let encoded = pseudonym().certificate.encoded;
    let mut object: Value = ciborium::from_reader(encoded.as_slice()).unwrap();
    let parts = object.as_array_mut().unwrap();
    if let Some(protected) = protected {
        parts[0] = Value::Bytes(bytes(&map(protected)));
    }
    parts[1] = map(unprotected);
    bytes(&object)
}

fn header(alg: i64) -> Vec<(i64, Value)> {
    vec![(1, Value::from(alg)), (4, Value::Bytes(vec![1; 8])), (16, Value::from(65_013))]
}

#[test]
fn the_algorithm_is_ed25519_and_protected() {
    assert_eq!(decode(&with_headers(Some(header(-19)), vec![])), Ok(()));
    for alg in [-8, -7, 0, -257, 99] {
        let refused = decode(&with_headers(Some(header(alg)), vec![]));
        assert_eq!(refused, Err(SignedError::Algorithm { found: Some(alg) }));
    }
    let without = header(-19).split_off(1);
    let none = Err(SignedError::Algorithm { found: None });
    assert_eq!(decode(&with_headers(Some(without.clone()), vec![])), none);
    assert_eq!(decode(&with_headers(Some(without), vec![(1, Value::from(-19))])), none);
    assert_eq!(decode(&with_headers(None, vec![(1, Value::from(-19))])), Err(SignedError::Unprotected));
    assert_eq!(decode(&with_headers(None, vec![(99, Value::from(1))])), Err(SignedError::Unprotected));
}

#[test]
fn nothing_critical_or_unknown_is_passed_over() {
    let with = |label: i64, value: Value| {
        let mut entries = header(-19);
        entries.push((label, value));
        entries.sort_by_key(|(label, _)| *label);
        decode(&with_headers(Some(entries), vec![]))
    };
    assert_eq!(with(2, Value::Array(vec![Value::from(16)])), Err(SignedError::Critical));
    assert_eq!(with(5, Value::Bytes(vec![1])), Err(SignedError::Header));
    assert_eq!(with(99, Value::from(1)), Err(SignedError::Header));
    assert_eq!(with(13, Value::Array(vec![])), Err(SignedError::Header), "kid and certificate at once");
    let mut long = header(-19);
    long[1].1 = Value::Bytes(vec![1; 9]);
    assert_eq!(decode(&with_headers(Some(long), vec![])), Err(SignedError::Header));
}

#[test]
fn a_message_is_of_one_kind() {
    let encoded = pseudonym().certificate.encoded;
    let refused = Signed::<SubscriptionCredential>::decode(&encoded).map(|_| ());
    assert_eq!(refused, Err(SignedError::Type { found: Some(65_013), expected: 65_007 }));
    let mut other = header(-19);
    other[2].1 = Value::from(65_014);
    let refused = decode(&with_headers(Some(other.clone()), vec![]));
    assert_eq!(refused, Err(SignedError::Type { found: Some(65_014), expected: 65_013 }));
    other.truncate(2);
    let refused = decode(&with_headers(Some(other), vec![]));
    assert_eq!(refused, Err(SignedError::Type { found: None, expected: 65_013 }));
}

#[test]
fn tags_and_detached_payloads_are_not_in_use() {
    let encoded = pseudonym().certificate.encoded;
    let tagged = [&[0xd2], encoded.as_slice()].concat();
    assert_eq!(decode(&tagged), Err(SignedError::Malformed(Malformed::ForbiddenType { at: 0 })));
    let mut object: Value = ciborium::from_reader(encoded.as_slice()).unwrap();
    object.as_array_mut().unwrap()[2] = Value::Null;
    assert!(matches!(decode(&bytes(&object)), Err(SignedError::Malformed(Malformed::ForbiddenType { .. }))));
    let mut object: Value = ciborium::from_reader(encoded.as_slice()).unwrap();
    object.as_array_mut().unwrap()[3] = Value::Bytes(vec![0; 63]);
    assert_eq!(decode(&bytes(&object)), Err(SignedError::NotSign1));
    assert_eq!(decode(&[0x01]), Err(SignedError::NotSign1));
    let large = vec![0; 513];
    let too_large = Malformed::TooLarge { size: 513, limit: 512 };
    assert_eq!(decode(&large), Err(SignedError::Malformed(too_large)));
}

#[test]
fn weak_and_ambiguous_keys_are_refused() {
    // The eight points of small order (RFC 8032, curve of order 8 x l), in canonical encoding, and y = p + 1.
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for hex in small {
        assert_eq!(PublicKey::from_bytes(&unhex(hex)), Err(KeyError::SmallOrder), "{hex}");
    }
    let not_canonical = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    assert_eq!(PublicKey::from_bytes(&unhex(not_canonical)), Err(KeyError::NotAPoint));
    let key = pseudonym().signer.public_key();
    assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
}

#[test]
fn a_signature_has_one_form() {
    let signer = pseudonym().signer;
    let signature = signer.sign(b"message").unwrap();
    let key = signer.public_key();
    assert_eq!(key.verify(b"message", &signature), Ok(()));
    // S + l is the same number modulo the group order and must not be accepted.
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut malleable = signature;
    let mut carry = 0;
    for (byte, add) in malleable[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(key.verify(b"message", &malleable), Err(KeyError::Signature));
}

fn unhex(hex: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
}

#[test]
fn a_proof_of_possession_is_no_broadcast_and_a_broadcast_no_proof() {
    let domain = domain();
    let (own, signer) = (&domain.bundle.domain, pseudonym().signer);
    let key = CertifiedKey { signing: signer.public_key(), agreement: AgreementKey([1; 32]), slot: Slot(10) };
    let proof = KeyPossession { shared: Digest([2; 32]), index: 0, key };
    let signature = cose::sign_detached(&proof, own, &signer).unwrap();
    assert_eq!(cose::verify_detached(&proof, own, &signer.public_key(), &signature), Ok(()));
    let shown = cose::sign(&proof, own, &[], &KeyHint::Id(KeyId([1; 8])), &signer).unwrap();
    let refused = Signed::<Broadcast>::decode(&shown).map(|_| ());
    assert_eq!(refused, Err(SignedError::Type { found: Some(65_009), expected: 65_014 }));
    // The signature of one, taken for the other.
    let message = Broadcast {
        data: Vec::new().into(),
        service: ServiceId(1),
        time: Micros(0),
        sequence: 0,
        location: None,
        expiry: None,
        wanted: None,
    };
    let taken = cose::sign_detached(&message, own, &signer).unwrap();
    let refused = cose::verify_detached(&proof, own, &signer.public_key(), &taken);
    assert_eq!(refused, Err(KeyError::Signature));
}

#[test]
fn of_several_keys_with_one_id_the_one_that_signed_is_found() {
    let domain = domain();
    let encoded = pseudonym().certificate.encoded;
    let (aa, other) = (domain.aa.signing.public_key(), domain.other_aa.signing.public_key());
    let verify = |keys: &[PublicKey]| {
        let signed = Signed::<CertificateClaims>::decode(&encoded).unwrap();
        signed.verify_any(&domain.bundle.domain, &[], keys).map(|(_, index)| index)
    };
    assert_eq!(verify(&[other, aa]), Ok(1));
    assert_eq!(verify(&[aa, other]), Ok(0));
    assert_eq!(verify(&[other]), Err(SignedError::Key(KeyError::Signature)));
    assert_eq!(verify(&[]), Err(SignedError::Key(KeyError::Signature)));
}
