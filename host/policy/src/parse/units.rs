//! Values with units, written as people write them: `4 KiB`, `50 ms`, `20/s`, `5 %`.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rule::{Rate, RateWindow};

/// A number of bytes: `512 B`, `4 KiB`, `8 MiB` or `1 GiB`.
pub(super) fn size(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let expected = || format!("expected a size such as `4 KiB` (B, KiB, MiB, GiB), found `{text}`");
    let (number, unit) = split(text).ok_or_else(expected)?;
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(expected()),
    };
    let bytes = number.checked_mul(factor).ok_or_else(expected)?;
    if range.contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("expected {} to {}, found `{text}`", in_bytes(*range.start()), in_bytes(*range.end())))
}

/// A time: `50 ms`, `10 s`, `10 min` or `1 h`. At least one millisecond, at most `most`.
pub(super) fn duration(text: &str, most: Duration) -> Result<Duration, String> {
    let expected = || format!("expected a time such as `50 ms` (ms, s, min, h), found `{text}`");
    let (number, unit) = split(text).ok_or_else(expected)?;
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    let duration = Duration::from_millis(number.checked_mul(factor).ok_or_else(expected)?);
    if duration.is_zero() || duration > most {
        return Err(format!("expected 1 ms to {}, found `{text}`", in_seconds(most)));
    }
    Ok(duration)
}

/// Thousandths, from a percentage with at most one decimal: `5 %`, `0.5 %`. At least one, at most `most`.
pub(super) fn permille(text: &str, most: u16) -> Result<u16, String> {
    let expected = || format!("expected a share such as `5 %`, from 0.1 % to {} %, found `{text}`", most / 10);
    let percent = text.trim().strip_suffix('%').ok_or_else(expected)?.trim_end();
    let (whole, tenths) = percent.split_once('.').unwrap_or((percent, "0"));
    let whole: u16 = number(whole).and_then(|n| n.try_into().ok()).ok_or_else(expected)?;
    let tenths: u16 =
        number(tenths).filter(|_| tenths.len() == 1).and_then(|n| n.try_into().ok()).ok_or_else(expected)?;
    let share = whole.checked_mul(10).and_then(|n| n.checked_add(tenths)).ok_or_else(expected)?;
    if (1..=most).contains(&share) { Ok(share) } else { Err(expected()) }
}

/// A rate: `20/s`, `100/min` or `5/h`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let expected = || format!("expected a rate such as `20/s` (s, min, h), found `{text}`");
    let (count, window) = text.split_once('/').ok_or_else(expected)?;
    let window = match window {
        "s" => RateWindow::Second,
        "min" => RateWindow::Minute,
        "h" => RateWindow::Hour,
        _ => return Err(expected()),
    };
    let count = number(count).and_then(|count| u32::try_from(count).ok()).and_then(NonZeroU32::new);
    Ok(Rate { count: count.ok_or_else(expected)?, window })
}

/// A number and its unit, with or without one blank between them.
fn split(text: &str) -> Option<(u64, &str)> {
    let place = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(place)?;
    Some((number(digits)?, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// Digits alone: `u64::from_str` would take a sign too.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn in_bytes(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

fn in_seconds(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 3600 && seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_and_past_their_bounds() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(size(text, 0..=65_536).ok(), expected, "{text}");
        check("512 B", Some(512));
        check("4KiB", Some(4096));
        check("64 KiB", Some(65_536));
        check("65537 B", None);
        check("1 MiB", None);
        check("4 kB", None);
        check("4", None);
        check("-4 B", None);
        check("+4 B", None);
        check("18446744073709551615 GiB", None);
        check("KiB", None);
    }

    #[test]
    fn durations_at_and_past_their_bounds() {
        let hour = Duration::from_secs(3600);
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(duration(text, hour).ok(), ms.map(Duration::from_millis), "{text}")
        };
        check("50 ms", Some(50));
        check("10 s", Some(10_000));
        check("60 min", Some(3_600_000));
        check("1h", Some(3_600_000));
        check("61 min", None);
        check("0 s", None);
        check("10", None);
        check("10 sec", None);
    }

    #[test]
    fn shares_at_and_past_their_bounds() {
        let check = |text: &str, expected: Option<u16>| assert_eq!(permille(text, 1000).ok(), expected, "{text}");
        check("5 %", Some(50));
        check("0.5%", Some(5));
        check("100 %", Some(1000));
        check("100.1 %", None);
        check("0 %", None);
        check("5", None);
        check("0.05 %", None);
        check("6554 %", None);
    }

    #[test]
    fn rates_have_a_count_and_a_window() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(rate(text).ok().map(|rate| rate.to_string()).as_deref(), expected, "{text}");
        };
        check("20/s", Some("20/s"));
        check("1/h", Some("1/h"));
        check("100/min", Some("100/min"));
        check("0/s", None);
        check("20/d", None);
        check("20", None);
        check("20 / s", None);
        assert_eq!(rate("30/min").unwrap().per_second(), 0.5);
    }
}
