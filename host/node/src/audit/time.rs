//! Times of audit lines: RFC 3339, UTC, milliseconds, always 24 characters, so that text order is time order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that four digits of a year can show: 9999-12-31T23:59:59Z.
const SECONDS_MAX: u64 = 253_402_300_799;

/// `2026-03-01T12:00:00.000Z`. A time before 1970 is shown as 1970, one after 9999 as the end of 9999.
pub fn rfc3339(time: SystemTime) -> String {
    let last = UNIX_EPOCH + Duration::from_secs(SECONDS_MAX);
    // humantime cannot show a time outside these.
    humantime::format_rfc3339_millis(time.clamp(UNIX_EPOCH, last)).to_string()
}

/// Reads `2026-03-01`, `2026-03-01T12:00:00Z` or the same with a fraction; UTC only. `None` when it is none of these.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    if !text.is_ascii() {
        return None;
    }
    humantime::parse_rfc3339_weak(text).or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z"))).ok()
}

/// Reads a span of time: `90s`, `10 min`, `2h`, `7 d`. `None` when it is none of these.
pub fn parse_span(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (seconds, millis, text) in [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.001Z"),
            (1_709_164_799, 999, "2024-02-28T23:59:59.999Z"),
            (SECONDS_MAX, 0, "9999-12-31T23:59:59.000Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_millis(seconds * 1000 + millis);
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse_rfc3339(text), Some(time));
        }
        assert_eq!(parse_rfc3339("1970-01-02"), Some(UNIX_EPOCH + Duration::from_secs(86_400)));
    }

    #[test]
    fn times_that_cannot_be_shown_are_bounded() {
        let early = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(rfc3339(early), "1970-01-01T00:00:00.000Z");
        let late = UNIX_EPOCH + Duration::from_secs(SECONDS_MAX + 1);
        assert_eq!(rfc3339(late), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-00-01",
            "2026-01-01T24:00:00Z",
            "ä2026-01-0",
            "2026-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        assert!(parse_rfc3339("2026-02-28").is_some());
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse_span("10 min"), Some(Duration::from_secs(600)));
        assert_eq!(parse_span("2h"), Some(Duration::from_secs(7200)));
        for text in ["10", "min", "", "-1h"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
