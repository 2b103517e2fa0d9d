use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Failure, from_slice, reader, to_vec};

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
    numbers: (u8, i8, u64, i64, f32, f64),
    map: BTreeMap<String, [u16; 2]>,
    nothing: (),
    letter: char,
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
        numbers: (24, -128, u64::MAX, i64::MIN, 1.5, f64::MAX),
        map: BTreeMap::from([("a".to_owned(), [0, 23]), ("b".to_owned(), [256, 65_535])]),
        nothing: (),
        letter: 'ß',
        yes: true,
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn reads<T: DeserializeOwned + PartialEq + Debug>(input: &str, expected: T) {
    assert_eq!(from_slice::<T>(&hex(input)), Ok(expected), "{input}");
}

fn fails<T: DeserializeOwned + PartialEq + Debug>(input: &str, expected: &'static str) {
    let failure = Failure::new(expected);
    assert_eq!(from_slice::<T>(&hex(input)), Err(failure), "{input}");
}

#[test]
fn a_value_survives() {
    let payload = to_vec(&everything()).unwrap();
    assert_eq!(from_slice::<Everything>(&payload), Ok(everything()));
}

#[test]
fn another_implementation_reads_what_is_written_and_the_other_way_round() {
    let ours = to_vec(&everything()).unwrap();
    assert_eq!(ciborium::from_reader::<Everything, _>(ours.as_slice()).unwrap(), everything());
    let mut theirs = Vec::new();
    ciborium::into_writer(&everything(), &mut theirs).unwrap();
    assert_eq!(from_slice::<Everything>(&theirs), Ok(everything()));
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
    reads("7f657374726561646d696e67ff", "streaming".to_owned());
    reads("9f01820203820405ff", (1_u8, (2_u8, 3_u8), (4_u8, 5_u8)));
    reads("826161bf61626163ff", ("a".to_owned(), BTreeMap::from([("b".to_owned(), "c".to_owned())])));
    reads("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z".to_owned());
    assert!(from_slice::<f64>(&hex("f97e00")).unwrap().is_nan());
}

#[test]
fn numbers_take_their_shortest_form() {
    for (value, expected) in [
        (0_u64, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (u64::from(u32::MAX) + 1, "1b0000000100000000"),
    ] {
        assert_eq!(to_vec(&value).unwrap(), hex(expected), "{value}");
    }
    assert_eq!(to_vec(&-1_i8).unwrap(), hex("20"));
    assert_eq!(to_vec(&-24_i32).unwrap(), hex("37"));
    assert_eq!(to_vec(&-25_i64).unwrap(), hex("3818"));
    assert_eq!(to_vec(&1.5_f64).unwrap(), hex("fa3fc00000"));
    assert_eq!(to_vec(&1.1_f64).unwrap(), hex("fb3ff199999999999a"));
}

#[test]
fn what_is_broken_is_refused() {
    fails::<u64>("", "the CBOR ends too early");
    fails::<u64>("19 01", "the CBOR ends too early");
    fails::<String>("7bffffffffffffffff", "the CBOR ends too early");
    fails::<Vec<u8>>("9bffffffffffffffff 01", "the CBOR ends too early");
    fails::<u64>("1c", "the CBOR is malformed");
    fails::<u64>("1f", "the CBOR is malformed");
    fails::<u64>("ff", "the CBOR is malformed");
    fails::<String>("7f4161ff", "the CBOR is malformed");
    fails::<String>("61ff", "expected UTF-8");
    fails::<u64>("0000", "bytes follow the value");
    fails::<i64>("3bffffffffffffffff", "the number is too small");
    fails::<(u8, u8)>("83010203", "expected fewer items");
    fails::<Kind>("01", "expected a variant");
    fails::<Kind>("674e657774797065", "expected a variant with a value");
}

#[test]
fn what_has_another_type_is_refused_with_what_was_expected() {
    for (found, expected) in [
        (from_slice::<u8>(&hex("190100")).map(|_| ()), "expected u8"),
        (from_slice::<u8>(&hex("6161")).map(|_| ()), "expected an integer"),
        (from_slice::<f64>(&hex("6161")).map(|_| ()), "expected a number"),
        (from_slice::<String>(&hex("01")).map(|_| ()), "expected text"),
        (from_slice::<bool>(&hex("f6")).map(|_| ()), "expected a boolean"),
        (from_slice::<()>(&hex("f5")).map(|_| ()), "expected null"),
        (from_slice::<Vec<u8>>(&hex("a0")).map(|_| ()), "expected an array"),
        (from_slice::<Everything>(&hex("80")).map(|_| ()), "expected a map"),
        (from_slice::<Kind>(&hex("a16161f6")).map(|_| ()), "unknown variant `a`"),
        (from_slice::<Kind>(&hex("a1 66537472756374 a0")).map(|_| ()), "missing field `flow`"),
    ] {
        assert_eq!(found, Err(Failure(expected.into())));
    }
}

#[test]
fn nesting_ends_before_the_stack_does() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Deep(Vec<Deep>);
    let nested = |depth: usize| {
        let mut input = vec![0x81; depth];
        input.push(0x80);
        input
    };
    assert!(from_slice::<Deep>(&nested(20)).is_ok());
    assert_eq!(from_slice::<Deep>(&nested(100_000)), Err(Failure::new("the CBOR is nested too deeply")));
    let skipped = from_slice::<serde::de::IgnoredAny>(&nested(100_000));
    assert_eq!(skipped.map(|_| ()), Err(Failure::new("the CBOR is nested too deeply")));
    // Tags are no depth.
    let mut tagged = vec![0xc1; 100_000];
    tagged.push(0x07);
    assert_eq!(from_slice::<u8>(&tagged), Ok(7));
}

#[test]
fn depth_is_given_back() {
    let many = vec![vec![1_u8]; 1000];
    let payload = to_vec(&many).unwrap();
    assert_eq!(from_slice::<Vec<Vec<u8>>>(&payload), Ok(many));
    assert!(reader::Reader::new(&[]).finish().is_ok());
}

/// An untagged enum takes what comes.
#[test]
fn any_type_is_read_for_what_it_is() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Nothing(()),
        Yes(bool),
        Unsigned(u64),
        Signed(i64),
        Float(f64),
        Text(String),
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
    }
    reads("f6", Any::Nothing(()));
    reads("f5", Any::Yes(true));
    reads("0a", Any::Unsigned(10));
    reads("29", Any::Signed(-10));
    reads("f93e00", Any::Float(1.5));
    reads("7f6161ff", Any::Text("a".to_owned()));
    reads("82f401", Any::List(vec![Any::Yes(false), Any::Unsigned(1)]));
    reads("a1616100", Any::Map(BTreeMap::from([("a".to_owned(), Any::Unsigned(0))])));
}

/// A later version of a message may say more.
#[test]
fn unknown_fields_are_passed_over() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Known {
        flow: f64,
    }
    let more = hex("a3 616d a1 6161 9f 01 4101 ff 64666c6f77 f93e00 616e c1 f6");
    assert_eq!(from_slice::<Known>(&more), Ok(Known { flow: 1.5 }));
}
