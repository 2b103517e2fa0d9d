//! Each way in which CBOR can be written differently, in a whole message.

use ciborium::Value;
use m2m_trust::certificate::CertificateClaims;
use m2m_trust::codec::{self, Malformed};
use m2m_trust::cose::{self, KeyHint, Signed, SignedError};
use m2m_trust::keys::Signer;

use crate::support::{domain, reports};

/// A certificate whose payload is `edit`ed, signed by the AA as if it wrote it that way.
fn edited(edit: impl FnOnce(&mut Vec<u8>)) -> Malformed {
    let encoded = domain().pseudonym(reports()).certificate.encoded;
    let mut object: Value = ciborium::from_reader(encoded.as_slice()).unwrap();
    let payload = object.as_array_mut().unwrap()[2].as_bytes_mut().unwrap();
    edit(payload);
    let mut bytes = Vec::new();
    ciborium::into_writer(&object, &mut bytes).unwrap();
    match Signed::<CertificateClaims>::decode(&bytes) {
        Err(SignedError::Malformed(cause)) => cause,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn a_payload_has_one_encoding() {
    // Six claims, of which `exp` (4) is the first: `1a` and four bytes.
    let trailing = edited(|payload| {
        assert_eq!(payload[..3], [0xa6, 0x04, 0x1a]);
        payload.push(0);
    });
    assert_eq!(trailing, Malformed::Trailing { count: 1 });
    let non_minimal = edited(|payload| {
        payload.splice(1..2, [0x18, 0x04]);
    });
    assert_eq!(non_minimal, Malformed::NonMinimal { at: 1 });
    let indefinite = edited(|payload| {
        payload[0] = 0xbf;
        payload.push(0xff);
    });
    assert_eq!(indefinite, Malformed::IndefiniteLength { at: 0 });
    let duplicate = edited(|payload| {
        let entry = payload[1..7].to_vec();
        payload[0] = 0xa7;
        payload.splice(1..1, entry);
    });
    assert_eq!(duplicate, Malformed::DuplicateKey { at: 7 });
    let unsorted = edited(|payload| {
        let entry: Vec<u8> = payload.drain(1..7).collect();
        payload.splice(7..7, entry);
    });
    assert_eq!(unsorted, Malformed::UnsortedKeys { at: 7 });
    let huge = edited(|payload| {
        payload.splice(0..1, [0xbb, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    });
    assert_eq!(huge, Malformed::Truncated { at: 0 });
    let deep = edited(|payload| *payload = [vec![0x81; 20], vec![0x01]].concat());
    assert_eq!(deep, Malformed::TooDeep { at: 9 });
    let unknown = edited(|payload| {
        payload[0] = 0xa7;
        payload.splice(1..1, [0x03, 0x00]);
    });
    assert_eq!(unknown, Malformed::UnknownKey { message: "certificate", key: 3 });
    let missing = edited(|payload| {
        payload[0] = 0xa5;
        payload.drain(1..7);
    });
    assert_eq!(missing, Malformed::Missing { field: "expires" });
}

#[test]
fn our_objects_are_what_other_libraries_take_them_for() {
    let mut domain = domain();
    let pseudonym = domain.pseudonym(reports());
    let hint = KeyHint::Id(domain.aa.signing.public_key().key_id());
    let claims = pseudonym.certificate.certificate.claims();
    let again = cose::sign(claims, &domain.bundle.domain, &[], &hint, &domain.aa.signing).unwrap();
    assert_eq!(again, pseudonym.certificate.encoded, "one message, one encoding");
    // ciborium reads it and writes the same bytes; coset reads it as a COSE_Sign1.
    let value: Value = ciborium::from_reader(again.as_slice()).unwrap();
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).unwrap();
    assert_eq!(bytes, again);
    let sign1 = <coset::CoseSign1 as coset::CborSerializable>::from_slice(&again).unwrap();
    let aad = [cose::PROTOCOL, &domain.bundle.domain.0].concat();
    let key = domain.aa.signing.public_key();
    let verify = |signature: &[u8], signed: &[u8]| key.verify(signed, signature.try_into().unwrap());
    assert_eq!(sign1.verify_signature(&aad, verify), Ok(()));
    assert!(sign1.verify_signature(&aad[1..], verify).is_err());
    let decoded: CertificateClaims = codec::decode(&codec::encode(claims), 512, "claims").unwrap();
    assert_eq!(decoded, *claims);
}

#[test]
fn what_is_signed_has_the_standards_form_for_every_length_of_head() {
    let mut domain = domain();
    let pseudonym = domain.pseudonym(reports());
    let key = pseudonym.signer.public_key();
    for data in [0, 1, 23, 24, 200, 255, 256, 59_000] {
        for topic in [0, 5, 200, 255, 400] {
            let message = m2m_trust::broadcast::Broadcast {
                data: vec![1; data].into(),
                service: m2m_trust::dev::services::METERING,
                time: m2m_trust::dev::START.into(),
                sequence: 1,
                location: None,
                expiry: None,
                wanted: None,
            };
            let topic = vec![b't'; topic];
            let hint = KeyHint::Certificate(pseudonym.certificate.encoded.clone().into());
            let signed = cose::sign(&message, &domain.bundle.domain, &topic, &hint, &pseudonym.signer).unwrap();
            let sign1 = <coset::CoseSign1 as coset::CborSerializable>::from_slice(&signed).unwrap();
            let aad = [cose::PROTOCOL, &domain.bundle.domain.0, &topic].concat();
            sign1.verify_signature(&aad, |signature, bytes| key.verify(bytes, signature.try_into().unwrap())).unwrap();
        }
    }
}
