//! What the voice says by itself, and the count of what was refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use m2m_provisioning::speech::Speech;
use tokio::sync::watch;

use super::Air;
use crate::audit::{Audit, NodeEvent};

/// Between these two is the time to the next beat: an even one would be heard before and after a change of pseudonym.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_millis(1_500);
/// How often refused messages are written down.
const COUNTED_EVERY: Duration = Duration::from_secs(10);

/// Drives the voice.
pub(super) struct Beat {
    pub(super) speech: Arc<Speech>,
    pub(super) air: Arc<Air>,
    pub(super) audit: Audit,
}

impl Beat {
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut counted = Counted::default();
        let mut counted_at = Instant::now();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(pause()) => {}
                // Farewells: what waits for them asks again and again.
                () = self.air.drain_asked() => {}
            }
            self.air.speak(|| ((), self.speech.tick()));
            if counted_at.elapsed() >= COUNTED_EVERY {
                counted_at = Instant::now();
                self.write_down(&mut counted);
            }
        }
        self.write_down(&mut counted);
    }

    fn write_down(&self, counted: &mut Counted) {
        for (cause, count) in counted.news(self.speech.refused()) {
            self.audit.node(NodeEvent::MessagesRefused { cause, count });
        }
    }
}

/// What was counted up to the last time.
#[derive(Debug, Default)]
struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// How many more there are now.
    fn news(&mut self, now: BTreeMap<String, u64>) -> Vec<(String, u64)> {
        let before = std::mem::replace(&mut self.0, now);
        let more = self.0.iter().map(|(cause, count)| {
            (cause.clone(), count.saturating_sub(before.get(cause).copied().unwrap_or_default()))
        });
        more.filter(|(_, count)| *count > 0).collect()
    }
}

fn pause() -> Duration {
    let mut bytes = [0; 2];
    let _ = getrandom::fill(&mut bytes);
    PAUSE_MIN + (PAUSE_MAX - PAUSE_MIN).mul_f64(f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_not_counted_again() {
        let mut counted = Counted::default();
        let now = |replay| BTreeMap::from([("replay".to_owned(), replay), ("malformed".to_owned(), 1)]);
        assert_eq!(counted.news(now(2)), [("malformed".to_owned(), 1), ("replay".to_owned(), 2)]);
        assert_eq!(counted.news(now(5)), [("replay".to_owned(), 3)]);
        assert_eq!(counted.news(now(5)), []);
    }

    #[test]
    fn beats_are_uneven() {
        assert!((0..100).map(|_| pause()).all(|pause| (PAUSE_MIN..=PAUSE_MAX).contains(&pause)));
    }
}
