//! When a flow does not fit its branch.
//!
//! The expected flow is the median of the readings of the last two days that did fit, their spread the median absolute
//! deviation (MAD). Both stand firm while up to half of the readings are wrong, unlike a mean and a standard deviation.

use std::collections::VecDeque;

use metering::Kind;

/// Two days of hourly readings.
const WINDOW: usize = 48;

/// A day has to be known before anything is judged.
const WARM_UP: usize = 24;

/// From here on a reading does not fit.
const SCORE_MIN: f64 = 6.0;

/// A stretch has ended when so many readings in a row fit.
const QUIET: u32 = 6;

/// After so many readings in a row that do not fit, they are the new normal.
const STUCK: u32 = 72;

/// The MAD of normally distributed values times this is their standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Litres per second; a very even flow has no smaller spread than this.
const DEVIATION_MIN: f64 = 0.5;

/// What is known of one branch.
#[derive(Debug, Default)]
pub(crate) struct Model {
    normal: VecDeque<f64>,
    stretch: Option<Stretch>,
}

/// Readings that do not fit, from the first until some time after the last.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Readings since one that did not fit.
    quiet: u32,
    /// Readings in a row that did not fit.
    strange: u32,
}

/// The first reading of a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Onset {
    pub(crate) kind: Kind,
    /// Standard deviations from the expected flow; below zero for less.
    pub(crate) score: f64,
}

impl Model {
    /// Takes the next reading, in litres per second, and tells whether a stretch begins with it.
    pub(crate) fn observe(&mut self, flow: f64) -> Option<Onset> {
        let score = self.score(flow);
        if score.is_some_and(|score| score.abs() > SCORE_MIN) {
            return self.strange(score?);
        }
        self.stretch = self.stretch.and_then(Stretch::quieter);
        self.normal.push_back(flow);
        if self.normal.len() > WINDOW {
            self.normal.pop_front();
        }
        None
    }

    fn score(&self, flow: f64) -> Option<f64> {
        if self.normal.len() < WARM_UP {
            return None;
        }
        let expected = median(self.normal.iter().copied())?;
        let mad = median(self.normal.iter().map(|value| (value - expected).abs()))?;
        Some((flow - expected) / (MAD_TO_DEVIATION * mad).max(DEVIATION_MIN))
    }

    fn strange(&mut self, score: f64) -> Option<Onset> {
        let strange = self.stretch.map_or(0, |stretch| stretch.strange) + 1;
        if strange > STUCK {
            *self = Model::default();
            return None;
        }
        let begins = self.stretch.is_none();
        self.stretch = Some(Stretch { quiet: 0, strange });
        let kind = if score < 0.0 { Kind::Loss } else { Kind::Surge };
        begins.then_some(Onset { kind, score })
    }
}

impl Stretch {
    fn quieter(self) -> Option<Self> {
        let quiet = self.quiet + 1;
        (quiet < QUIET).then_some(Stretch { quiet, strange: 0 })
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CSV: &str = include_str!("../../meter/data/water-flow.csv");

    fn onsets() -> Vec<(&'static str, Kind)> {
        let mut model = Model::default();
        let mut onsets = Vec::new();
        for line in CSV.lines().skip(1) {
            let (time, flow) = line.split_once(',').unwrap();
            if let Some(onset) = model.observe(flow.parse().unwrap()) {
                onsets.push((time.get(..13).unwrap(), onset.kind));
            }
        }
        onsets
    }

    /// The four stretches of `meter/data/README.md`, the second from its second hour, and no other.
    #[test]
    fn the_known_stretches_are_found_and_no_others() {
        assert_eq!(
            onsets(),
            [
                ("2022-03-24T08", Kind::Loss),
                ("2022-03-29T09", Kind::Loss),
                ("2022-04-03T06", Kind::Surge),
                ("2022-04-27T15", Kind::Loss),
            ]
        );
    }

    #[test]
    fn nothing_is_judged_before_a_day_is_known() {
        let mut model = Model::default();
        for _ in 0..WARM_UP {
            assert_eq!(model.observe(100.0), None);
        }
        let onset = model.observe(24.0).unwrap();
        assert_eq!((onset.kind, onset.score), (Kind::Loss, -152.0));
        assert_eq!(model.observe(24.0), None);
    }

    #[test]
    fn a_lasting_change_becomes_normal() {
        let mut model = Model::default();
        let mut begun = 0;
        for hour in 0..1000 {
            let flow = if hour < 100 { 100.0 } else { 60.0 };
            begun += usize::from(model.observe(flow).is_some());
        }
        assert_eq!(begun, 1);
        assert_eq!(model.observe(100.0).map(|onset| onset.kind), Some(Kind::Surge));
    }
}
