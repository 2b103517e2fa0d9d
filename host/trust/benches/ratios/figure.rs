//! What is printed.

use serde_json::json;

use crate::paired::Measured;

/// One figure and what it must reach.
#[derive(Debug)]
pub(crate) enum Figure {
    /// Rate of ours over the bare rate; the median counts.
    Ratio { name: String, at_least: f64, measured: Measured },
    /// Bytes on the wire.
    Bytes { name: String, at_most: usize, bytes: usize },
}

impl Figure {
    /// For people.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Ratio { name, at_least, measured: Measured { ratio: [low, median, high], bare_us, ours_us } } => {
                format!(
                    "{name}: {median:.3} of the bare rate ({low:.3} to {high:.3}), at least {at_least}; \
                     bare {bare_us:.1} µs, ours {ours_us:.1} µs"
                )
            }
            Self::Bytes { name, at_most, bytes } => format!("{name}: {bytes} B, at most {at_most} B"),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let object = match self {
            Self::Ratio { name, at_least, measured: Measured { ratio: [low, median, high], bare_us, ours_us } } => {
                json!({
                    "name": name, "at_least": at_least, "ratio": median, "ratio_p5": low, "ratio_p95": high,
                    "bare_us": bare_us, "ours_us": ours_us,
                })
            }
            Self::Bytes { name, at_most, bytes } => json!({ "name": name, "at_most_bytes": at_most, "bytes": bytes }),
        };
        object.to_string()
    }
}
