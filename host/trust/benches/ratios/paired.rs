//! Two ways of doing a thing, measured against each other.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Once, to see that it works.
    Try,
    /// Until the figure is steady.
    Measure,
}

/// Frames that a sweep puts on the stack, one after the other: about three pages of it.
///
/// A processor takes addresses that differ by a multiple of a page for the same for a moment. Where the tables of a signature
/// check happen to lie then decides over a quarter of its time, for each side in its own way, and differently in each run.
/// Over whole pages both sides meet the good and the bad places equally often.
const FRAMES: usize = 128;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    sweeps: usize,
    frames: usize,
    /// At each depth of the stack.
    pairs: usize,
}

impl Plan {
    pub(crate) fn new(effort: Effort, sweeps: usize, pairs: usize) -> Self {
        match effort {
            Effort::Try => Self { sweeps: 1, frames: 1, pairs: 2 },
            Effort::Measure => Self { sweeps, frames: FRAMES, pairs },
        }
    }

    /// How often each side runs.
    pub(crate) fn operations(self) -> usize {
        self.sweeps * self.frames * self.pairs
    }
}

/// The distribution over the sweeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Rate of ours over the bare rate: 5th percentile, median, 95th percentile.
    pub(crate) ratio: [f64; 3],
    /// Median time of a bare operation, in microseconds.
    pub(crate) bare_us: f64,
    /// Median time of one of ours, in microseconds.
    pub(crate) ours_us: f64,
}

/// Runs both sides in turns. Each is told the number of the operation, from 0.
pub(crate) fn measure(plan: Plan, mut bare: impl FnMut(usize), mut ours: impl FnMut(usize)) -> Measured {
    let mut operations = 0..plan.operations();
    let mut sweeps = Vec::with_capacity(plan.sweeps);
    for sweep in 0..plan.sweeps {
        let (mut bare_time, mut ours_time) = (Duration::ZERO, Duration::ZERO);
        let mut pairs = || {
            for operation in operations.by_ref().take(plan.pairs) {
                // Who goes first finds the caches as the other side left them, so they change places.
                if (operation + sweep) % 2 == 0 {
                    bare_time += timed(|| bare(operation));
                    ours_time += timed(|| ours(operation));
                } else {
                    ours_time += timed(|| ours(operation));
                    bare_time += timed(|| bare(operation));
                }
            }
        };
        (0..plan.frames).for_each(|frames| deeper(frames, &mut pairs));
        sweeps.push((bare_time.as_secs_f64(), ours_time.as_secs_f64()));
    }
    let microseconds = 1e6 / (plan.frames * plan.pairs) as f64;
    Measured {
        ratio: quantiles(sweeps.iter().map(|(bare, ours)| bare / ours), [0.05, 0.5, 0.95]),
        bare_us: quantiles(sweeps.iter().map(|(bare, _)| bare * microseconds), [0.5])[0],
        ours_us: quantiles(sweeps.iter().map(|(_, ours)| ours * microseconds), [0.5])[0],
    }
}

/// Acts with so many more frames on the stack.
#[inline(never)]
fn deeper(frames: usize, act: &mut dyn FnMut()) {
    let frame = black_box([0_u8; 64]);
    match frames.checked_sub(1) {
        None => act(),
        Some(fewer) => deeper(fewer, act),
    }
    black_box(frame);
}

/// The processor time of this thread: what other processes take of the machine does not count.
fn timed(act: impl FnOnce()) -> Duration {
    let started = processor_time();
    act();
    processor_time() - started
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn quantiles<const N: usize>(values: impl Iterator<Item = f64>, at: [f64; N]) -> [f64; N] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    at.map(|quantile| values[((values.len() - 1) as f64 * quantile).round() as usize])
}
