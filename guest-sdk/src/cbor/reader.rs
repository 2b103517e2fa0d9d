//! The items of a payload, one by one.

use std::borrow::Cow;

use super::{BREAK, Failure, info, major, simple};

/// How deep items may be nested. The payload is another's, and the stack is small.
const DEPTH_MAX: u8 = 64;

const TRUNCATED: Failure = Failure::new("the CBOR ends too early");
pub(super) const MALFORMED: Failure = Failure::new("the CBOR is malformed");

/// What is left of a payload.
pub(super) struct Reader<'de> {
    input: &'de [u8],
    depth_left: u8,
}

/// The first byte of an item, and its argument.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) major: u8,
    pub(super) info: u8,
    argument: u64,
}

/// The number of items that follow; none where a break ends them.
pub(super) type Length = Option<u64>;

impl<'de> Reader<'de> {
    pub(super) fn new(input: &'de [u8]) -> Self {
        Reader { input, depth_left: DEPTH_MAX }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.input.is_empty() {
            true => Ok(()),
            false => Err(Failure::new("bytes follow the value")),
        }
    }

    pub(super) fn peek(&self) -> Result<u8, Failure> {
        self.input.first().copied().ok_or(TRUNCATED)
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'de [u8], Failure> {
        let length = usize::try_from(length).map_err(|_| TRUNCATED)?;
        let (taken, rest) = self.input.split_at_checked(length).ok_or(TRUNCATED)?;
        self.input = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Failure> {
        let first = self.take(1)?.first().copied().ok_or(TRUNCATED)?;
        let (major, info) = (first >> 5, first & 0x1f);
        let length = match info {
            0..info::ONE_BYTE | info::INDEFINITE => 0,
            info::ONE_BYTE..=info::EIGHT_BYTES => 1 << (info - info::ONE_BYTE),
            _ => return Err(MALFORMED),
        };
        let bytes = self.take(length)?.iter();
        let number = bytes.fold(0, |number, byte| number << 8 | u64::from(*byte));
        let argument = if length == 0 { info.into() } else { number };
        Ok(Head { major, info, argument })
    }

    /// A byte or text string, put together where it comes in chunks.
    pub(super) fn string(&mut self, head: Head) -> Result<Cow<'de, [u8]>, Failure> {
        if head.info != info::INDEFINITE {
            return self.take(head.argument).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.ends()? {
            let chunk = self.head()?;
            if chunk.major != head.major || chunk.info == info::INDEFINITE {
                return Err(MALFORMED);
            }
            whole.extend_from_slice(self.take(chunk.argument)?);
        }
        Ok(Cow::Owned(whole))
    }

    /// Whether a break comes next, which is taken.
    pub(super) fn ends(&mut self) -> Result<bool, Failure> {
        let ends = self.peek()? == BREAK;
        if ends {
            self.take(1)?;
        }
        Ok(ends)
    }

    /// Whether another of the `left` items comes. Asked again after the last one, it still says no.
    pub(super) fn has_more(&mut self, left: &mut Length) -> Result<bool, Failure> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => {
                let ends = self.ends()?;
                if ends {
                    *left = Some(0);
                }
                Ok(!ends)
            }
        }
    }

    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Failure::new("the CBOR is nested too deeply"))?;
        let value = read(self);
        self.depth_left += 1;
        value
    }

    /// The head of the next item, behind its tags.
    pub(super) fn item(&mut self) -> Result<Head, Failure> {
        loop {
            let head = self.head()?;
            let countable = matches!(head.major, major::BYTES..=major::MAP);
            if head.info == info::INDEFINITE && !countable {
                return Err(MALFORMED);
            }
            if head.major != major::TAG {
                return Ok(head);
            }
        }
    }

    fn item_of(&mut self, major: u8, expected: &'static str) -> Result<Head, Failure> {
        let head = self.item()?;
        match head.major == major {
            true => Ok(head),
            false => Err(Failure::new(expected)),
        }
    }

    pub(super) fn integer(&mut self) -> Result<Integer, Failure> {
        let head = self.item()?;
        head.integer().unwrap_or(Err(Failure::new("expected an integer")))
    }

    pub(super) fn number(&mut self) -> Result<f64, Failure> {
        let head = self.item()?;
        match (head.integer(), head.float()) {
            (Some(Ok(Integer::Unsigned(value))), _) => Ok(value as f64),
            (Some(Ok(Integer::Negative(value))), _) => Ok(value as f64),
            (_, Some(value)) => Ok(value),
            _ => Err(Failure::new("expected a number")),
        }
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Failure> {
        match self.item_of(major::SIMPLE, "expected a boolean")?.info {
            simple::FALSE => Ok(false),
            simple::TRUE => Ok(true),
            _ => Err(Failure::new("expected a boolean")),
        }
    }

    pub(super) fn null(&mut self) -> Result<(), Failure> {
        match self.item_of(major::SIMPLE, "expected null")?.is_null() {
            true => Ok(()),
            false => Err(Failure::new("expected null")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Cow<'de, [u8]>, Failure> {
        let head = self.item_of(major::BYTES, "expected bytes")?;
        self.string(head)
    }

    pub(super) fn text(&mut self) -> Result<Cow<'de, str>, Failure> {
        let head = self.item_of(major::TEXT, "expected text")?;
        utf8(self.string(head)?)
    }

    /// The number of items of an array, or of pairs of a map.
    pub(super) fn length(&mut self, major: u8, expected: &'static str) -> Result<Length, Failure> {
        Ok(self.item_of(major, expected)?.length())
    }

    /// Passes over an item.
    pub(super) fn skip(&mut self) -> Result<(), Failure> {
        let head = self.item()?;
        match head.major {
            major::BYTES | major::TEXT => self.string(head).map(|_| ()),
            major::ARRAY | major::MAP => self.nested(|reader| {
                let mut left = head.length();
                while reader.has_more(&mut left)? {
                    reader.skip()?;
                    if head.major == major::MAP {
                        reader.skip()?;
                    }
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }
}

impl Head {
    pub(super) fn length(self) -> Length {
        (self.info != info::INDEFINITE).then_some(self.argument)
    }

    /// None where it is no integer, an error where it is too small for an `i64`.
    pub(super) fn integer(self) -> Option<Result<Integer, Failure>> {
        match (self.major, i64::try_from(self.argument)) {
            (major::UNSIGNED, _) => Some(Ok(Integer::Unsigned(self.argument))),
            (major::NEGATIVE, Ok(argument)) => Some(Ok(Integer::Negative(!argument))),
            (major::NEGATIVE, Err(_)) => Some(Err(Failure::new("the number is too small"))),
            _ => None,
        }
    }

    pub(super) fn float(self) -> Option<f64> {
        match (self.major, self.info) {
            (major::SIMPLE, info::TWO_BYTES) => Some(half(self.argument as u16)),
            (major::SIMPLE, info::FOUR_BYTES) => Some(f32::from_bits(self.argument as u32).into()),
            (major::SIMPLE, info::EIGHT_BYTES) => Some(f64::from_bits(self.argument)),
            _ => None,
        }
    }

    fn is_null(self) -> bool {
        self.major == major::SIMPLE && matches!(self.info, simple::NULL | simple::UNDEFINED)
    }
}

/// What an integer may be in Rust.
pub(super) enum Integer {
    Unsigned(u64),
    Negative(i64),
}

/// A number of half precision (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let sign = u64::from(bits >> 15) << 63;
    let exponent = u64::from(bits >> 10 & 0x1f);
    let fraction = u64::from(bits & 0x3ff) << 42;
    let magnitude = match exponent {
        0 => (f64::from(bits & 0x3ff) / f64::from(1 << 24)).to_bits(),
        0x1f => 0x7ff << 52 | fraction,
        _ => (exponent + 1023 - 15) << 52 | fraction,
    };
    f64::from_bits(sign | magnitude)
}

pub(super) fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Failure> {
    let expected = Failure::new("expected UTF-8");
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) => Err(expected),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Err(expected),
        },
    }
}
