use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::{ByteArray, ByteBuf};

use super::{decode, encode};
use crate::Error;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(i32),
    Tuple(u8, String),
    Struct { flow: f64, note: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    kinds: Vec<Kind>,
    integers: (u8, i8, u64, i64),
    floats: Vec<f64>,
    single: f32,
    map: BTreeMap<String, [u16; 2]>,
    bytes: ByteBuf,
    key: ByteArray<32>,
    yes: bool,
}

fn everything() -> Everything {
    Everything {
        kinds: vec![
            Kind::Unit,
            Kind::Newtype(-70_000),
            Kind::Tuple(255, "m³/s".to_owned()),
            Kind::Struct { flow: 100.59, note: None },
            Kind::Struct { flow: 0.5, note: Some("x".repeat(300)) },
        ],
        integers: (24, -128, u64::MAX, i64::MIN),
        // `ciborium` writes these in half, single and double precision.
        floats: vec![0.0, 1.5, 100_000.0, 100.59, f64::MAX, f64::INFINITY],
        single: 1.5,
        map: BTreeMap::from([("a".to_owned(), [0, 23]), ("b".to_owned(), [256, 65_535])]),
        bytes: ByteBuf::from(vec![0xff; 5000]),
        key: ByteArray::new([7; 32]),
        yes: true,
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn reads<T: DeserializeOwned + PartialEq + Debug>(payload: &str, expected: T) {
    assert_eq!(decode::<T>(&hex(payload)), Ok(expected), "{payload}");
}

fn fails<T: DeserializeOwned + PartialEq + Debug>(payload: &str, expected: &str) {
    match decode::<T>(&hex(payload)) {
        Err(Error::Payload(why)) => assert!(why.contains(expected), "{payload}: {why}"),
        other => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn a_value_survives() {
    assert_eq!(decode(&encode(&everything()).unwrap()), Ok(everything()));
    assert_eq!(decode(&encode(&('ß', (), Some(()))).unwrap()), Ok(('ß', (), Some(()))));
}

#[test]
fn another_implementation_reads_what_is_written_and_the_other_way_round() {
    let ours = encode(&everything()).unwrap();
    assert_eq!(ciborium::from_reader::<Everything, _>(ours.as_slice()).unwrap(), everything());
    let mut theirs = Vec::new();
    ciborium::into_writer(&everything(), &mut theirs).unwrap();
    assert_ne!(ours, theirs, "the two do not differ in the floats");
    assert_eq!(decode(&theirs), Ok(everything()));
}

/// RFC 8949, appendix A.
#[test]
fn the_examples_of_the_rfc_are_read() {
    reads("1bffffffffffffffff", u64::MAX);
    reads("3863", -100_i64);
    reads("3903e7", -1000_i64);
    reads("f90000", 0.0);
    reads("f93e00", 1.5);
    reads("f97bff", 65504.0);
    reads("f90001", 5.960_464_477_539_063e-8);
    reads("f9c400", -4.0);
    reads("f97c00", f64::INFINITY);
    reads("fa47c35000", 100_000.0);
    reads("fbc010666666666666", -4.1);
    reads("9f0102ff", vec![1_u8, 2]);
    reads("8301820203820405", (1_u8, (2_u8, 3_u8), (4_u8, 5_u8)));
    reads("826161bf61626163ff", ("a".to_owned(), BTreeMap::from([("b".to_owned(), "c".to_owned())])));
    assert!(decode::<f64>(&hex("f97e00")).unwrap().is_nan());
}

#[test]
fn numbers_take_the_form_that_is_documented() {
    for (value, expected) in [
        (0_u64, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (u64::from(u32::MAX) + 1, "1b0000000100000000"),
    ] {
        assert_eq!(encode(&value), Ok(hex(expected)), "{value}");
    }
    assert_eq!(encode(&-1_i8), Ok(hex("20")));
    assert_eq!(encode(&-25_i64), Ok(hex("3818")));
    assert_eq!(encode(&1.5_f32), Ok(hex("fa3fc00000")));
    assert_eq!(encode(&1.5_f64), Ok(hex("fb3ff8000000000000")));
}

#[test]
fn what_is_broken_is_refused() {
    fails::<u64>("", "end of input");
    fails::<u64>("19 01", "end of input");
    fails::<String>("7bffffffffffffffff", "end of input");
    fails::<Vec<u8>>("9bffffffffffffffff 01", "end of input");
    fails::<BTreeMap<u8, u8>>("bbffffffffffffffff 01 01", "end of input");
    fails::<Vec<u8>>("9f01", "end of input");
    fails::<u64>("1c", "unknown type");
    fails::<u64>("ff", "a break ends nothing");
    fails::<Vec<u8>>("8201ff", "position 2: a break ends nothing");
    fails::<Known>("a1 6161 8201ff", "position 5: a break ends nothing");
    fails::<String>("61ff", "invalid utf-8");
    fails::<u64>("0000", "position 1: bytes follow the value");
    fails::<i64>("3bffffffffffffffff", "overflows");
    fails::<(u8, u8)>("83010203", "expecting: 2");
    fails::<Kind>("674e657774797065", "end of input");
}

#[test]
fn what_has_another_type_is_refused_with_what_was_expected() {
    fails::<u8>("190100", "overflows");
    fails::<u8>("6161", "expected u8");
    fails::<f64>("6161", "expected f64");
    fails::<String>("01", "expected text");
    fails::<bool>("f6", "expected bool");
    fails::<Vec<u8>>("a0", "expected array");
    fails::<Everything>("80", "expected map");
    fails::<Kind>("01", "expected text");
    fails::<Kind>("a16161f6", "unknown variant `a`");
    fails::<Kind>("a1 66537472756374 a0", "missing field `flow`");
}

/// What the documentation of `Cbor` excludes.
#[test]
fn forms_that_are_not_read_are_refused() {
    fails::<f64>("01", "expected f64");
    fails::<String>("7f6161ff", "definite length");
    fails::<ByteArray<1>>("5f4101ff", "definite length");
    fails::<String>("c0 6161", "type tag");
    fails::<(u8, u8)>("9f0102ff", "expecting: 2");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Deep(Vec<Deep>);

#[derive(Debug, PartialEq, Deserialize)]
enum Wrapped {
    Bare,
    In(Box<Wrapped>),
}

fn is_too_deep<T: DeserializeOwned>(payload: &[u8]) -> bool {
    matches!(decode::<T>(payload), Err(Error::Payload(why)) if why.contains("nested too deeply"))
}

fn nested(opening: &[u8], depth: usize, innermost: &[u8]) -> Vec<u8> {
    [opening.repeat(depth).as_slice(), innermost].concat()
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let arrays = |depth: usize| nested(&[0x81], depth - 1, &[0x80]);
    assert!(decode::<Deep>(&arrays(64)).is_ok());
    for depth in [65, 100_000] {
        assert!(is_too_deep::<Deep>(&arrays(depth)), "{depth}");
        assert!(is_too_deep::<Deep>(&nested(&[0x9f], depth, &[])), "{depth}");
        assert!(is_too_deep::<serde::de::IgnoredAny>(&arrays(depth)), "{depth}");
        assert!(is_too_deep::<u8>(&nested(&[0xc1], depth, &[7])), "{depth}");
    }
    let wrapped = |depth: usize| nested(b"\xa1\x62In", depth, b"\x64Bare");
    assert!(decode::<Wrapped>(&wrapped(64)).is_ok());
    assert!(is_too_deep::<Wrapped>(&wrapped(65)));
    assert!(is_too_deep::<Wrapped>(&wrapped(100_000)));
}

/// A guest's stack is that small.
#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    let payload = nested(b"\xa1\x62In", 64, b"\x64Bare");
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    assert!(small.spawn(move || decode::<Wrapped>(&payload).is_ok()).unwrap().join().unwrap());
}

#[test]
fn depth_is_given_back() {
    let many = vec![vec![1_u8]; 1000];
    assert_eq!(decode(&encode(&many).unwrap()), Ok(many));
}

/// An untagged enum takes what comes.
#[test]
fn any_type_is_read_for_what_it_is() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Yes(bool),
        Unsigned(u64),
        Signed(i64),
        Float(f64),
        Text(String),
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
    }
    reads("f5", Any::Yes(true));
    reads("0a", Any::Unsigned(10));
    reads("29", Any::Signed(-10));
    reads("f93e00", Any::Float(1.5));
    reads("7f6161ff", Any::Text("a".to_owned()));
    reads("82f401", Any::List(vec![Any::Yes(false), Any::Unsigned(1)]));
    reads("a1616100", Any::Map(BTreeMap::from([("a".to_owned(), Any::Unsigned(0))])));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Known {
    flow: f64,
}

/// A later version of a message may say more.
#[test]
fn unknown_fields_are_passed_over() {
    reads("a3 616d a1 6161 9f 01 4101 ff 64666c6f77 f93e00 616e c1 f6", Known { flow: 1.5 });
}
