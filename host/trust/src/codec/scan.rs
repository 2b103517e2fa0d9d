//! One pass over received bytes that refuses everything but the deterministic encoding.

use super::Malformed;

/// How deep arrays and maps may nest. The deepest message, a certificate inside a header, needs six.
pub const DEPTH_MAX: usize = 8;

/// Checks that `bytes` are exactly one deterministically encoded item.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), Malformed> {
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.item(0)?;
    match bytes.len() - scanner.at {
        0 => Ok(()),
        count => Err(Malformed::Trailing { count }),
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn item(&mut self, depth: usize) -> Result<(), Malformed> {
        let at = self.at;
        if depth > DEPTH_MAX {
            return Err(Malformed::TooDeep { at });
        }
        let (major, argument) = self.head()?;
        match major {
            0 | 1 => Ok(()),
            2 => self.take(argument, at).map(drop),
            3 => std::str::from_utf8(self.take(argument, at)?).map(drop).map_err(|_| Malformed::NotUtf8 { at }),
            4 => {
                self.plausible(argument, at)?;
                (0..argument).try_for_each(|_| self.item(depth + 1))
            }
            5 => self.entries(argument, depth, at),
            // false and true are the only simple values in use.
            7 if argument == 20 || argument == 21 => Ok(()),
            _ => Err(Malformed::ForbiddenType { at }),
        }
    }

    fn entries(&mut self, count: u64, depth: usize, at: usize) -> Result<(), Malformed> {
        self.plausible(count, at)?;
        let mut previous: Option<&[u8]> = None;
        for _ in 0..count {
            let start = self.at;
            self.item(depth + 1)?;
            let key = self.bytes.get(start..self.at).unwrap_or_default();
            match previous.map(|previous| previous.cmp(key)) {
                Some(std::cmp::Ordering::Equal) => return Err(Malformed::DuplicateKey { at: start }),
                Some(std::cmp::Ordering::Greater) => return Err(Malformed::UnsortedKeys { at: start }),
                _ => previous = Some(key),
            }
            self.item(depth + 1)?;
        }
        Ok(())
    }

    /// An array or map cannot have more items than there are bytes left; a claim of 2^60 ends here.
    fn plausible(&self, count: u64, at: usize) -> Result<(), Malformed> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left { Err(Malformed::Truncated { at }) } else { Ok(()) }
    }

    /// Major type and argument of the next item.
    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let at = self.at;
        let first = *self.take(1, at)?.first().ok_or(Malformed::Truncated { at })?;
        let (major, info) = (first >> 5, first & 0x1f);
        let (argument, least) = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24 => (self.number(1, at)?, 24),
            25 => (self.number(2, at)?, 1 << 8),
            26 => (self.number(4, at)?, 1 << 16),
            27 => (self.number(8, at)?, 1 << 32),
            31 if (2..=5).contains(&major) => return Err(Malformed::IndefiniteLength { at }),
            _ => return Err(Malformed::ForbiddenType { at }),
        };
        match (major, argument >= least) {
            // Floats and one-byte simple values have this head too.
            (7, _) => Err(Malformed::ForbiddenType { at }),
            (_, false) => Err(Malformed::NonMinimal { at }),
            (_, true) => Ok((major, argument)),
        }
    }

    fn number(&mut self, size: u64, at: usize) -> Result<u64, Malformed> {
        Ok(self.take(size, at)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, count: u64, at: usize) -> Result<&'a [u8], Malformed> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let taken = end.and_then(|end| Some((end, self.bytes.get(self.at..end)?)));
        let (end, taken) = taken.ok_or(Malformed::Truncated { at })?;
        self.at = end;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hex: &str, expected: Result<(), Malformed>) {
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        assert_eq!(scan(&bytes), expected, "{hex}");
    }

    #[test]
    fn each_non_deterministic_form_has_its_own_error() {
        check("a2010220f5", Ok(()));
        check("a201020103", Err(Malformed::DuplicateKey { at: 3 }));
        check("a202020103", Err(Malformed::UnsortedKeys { at: 3 }));
        check("a220f50102", Err(Malformed::UnsortedKeys { at: 3 }));
        check("1818", Ok(()));
        check("1817", Err(Malformed::NonMinimal { at: 0 }));
        check("5801ff", Err(Malformed::NonMinimal { at: 0 }));
        check("1900ff", Err(Malformed::NonMinimal { at: 0 }));
        check("1a0000ffff", Err(Malformed::NonMinimal { at: 0 }));
        check("1b00000000ffffffff", Err(Malformed::NonMinimal { at: 0 }));
        check("9f01ff", Err(Malformed::IndefiniteLength { at: 0 }));
        check("bf0102ff", Err(Malformed::IndefiniteLength { at: 0 }));
        check("5f4101ff", Err(Malformed::IndefiniteLength { at: 0 }));
        check("8101", Ok(()));
        check("810100", Err(Malformed::Trailing { count: 1 }));
        check("8201", Err(Malformed::Truncated { at: 0 }));
        check("820158", Err(Malformed::Truncated { at: 2 }));
        check("", Err(Malformed::Truncated { at: 0 }));
        check("5b7fffffffffffffff00", Err(Malformed::Truncated { at: 0 }));
        check("9b0fffffffffffffff00", Err(Malformed::Truncated { at: 0 }));
        check("818181818181818101", Ok(()));
        check("81818181818181818101", Err(Malformed::TooDeep { at: 9 }));
        check("61c3", Err(Malformed::NotUtf8 { at: 0 }));
        check("f4", Ok(()));
        for forbidden in ["f6", "f7", "f93c00", "fb3ff0000000000000", "c100", "f8ff", "1c", "ff"] {
            check(forbidden, Err(Malformed::ForbiddenType { at: 0 }));
        }
    }
}
