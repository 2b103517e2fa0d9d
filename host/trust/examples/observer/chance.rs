//! Random numbers of the surroundings, repeatable.

use m2m_trust::dev::RepeatableRng;

/// A source for one node.
pub(crate) struct Chance(pub RepeatableRng);

impl Chance {
    /// The same for the same word.
    pub(crate) fn new(word: &str) -> Self {
        Self(RepeatableRng::new(word))
    }

    /// From 0 to `most`, evenly.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        u64::from_be_bytes(self.0.bytes()) % (most + 1)
    }

    /// Exponentially distributed, as the time between independent events is.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let uniform = (self.up_to(1 << 52) + 1) as f64 / ((1_u64 << 52) + 2) as f64;
        (-uniform.ln() * mean as f64) as u64
    }

    /// Normally distributed around 0: the sum of twelve even numbers.
    pub(crate) fn normal(&mut self, deviation: i64) -> i64 {
        let sum: u64 = (0..12).map(|_| self.up_to(1_000_000)).sum();
        (sum as i64 - 6_000_000) * deviation / 1_000_000
    }
}
