//! Timers are messages: a beat on a topic below `$timer/`, for the AE that has the timer and subscribed to it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::manifest::TimerEntry;
use crate::transport::Bus;
use crate::transport::message::AeName;

/// Beats until the node stops. A beat that would come before the last one was dealt with is left out.
///
/// `silences` changes whenever the node's pseudonym does. Every beat then begins anew at a moment of its own: whoever hears what
/// an AE sends at each beat would know the node again by it.
pub(crate) async fn run(
    bus: Arc<Bus>,
    ae: AeName,
    timer: TimerEntry,
    silences: Option<watch::Receiver<u64>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut beats = tokio::time::interval(timer.every.0);
    beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut silences = silences;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = next_silence(&mut silences) => beats.reset_after(part_of(timer.every.0)),
            _ = beats.tick() => bus.tick(&ae, &timer.topic.0),
        }
    }
}

/// Never, where there is none.
async fn next_silence(silences: &mut Option<watch::Receiver<u64>>) {
    let is_over = match silences {
        Some(silences) => silences.changed().await.is_err(),
        None => true,
    };
    if is_over {
        std::future::pending().await
    }
}

/// A random part of a length of time. Without random numbers, which a node does not run without, all of it.
fn part_of(whole: Duration) -> Duration {
    let mut bytes = [255; 4];
    let _ = getrandom::fill(&mut bytes);
    whole.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use m2m_policy::WhenFull;
    use m2m_policy::topic::TopicFilter;
    use tokio::time::Instant;

    use super::*;
    use crate::manifest::{Period, TimerTopic};
    use crate::transport::bus::{Accepts, Route};
    use crate::transport::mailbox::Mailbox;
    use crate::transport::message::SharedTopic;

    const EVERY: Duration = Duration::from_millis(100);

    /// When beats come, within their period: before and after the node is silent.
    async fn phases() -> [u128; 2] {
        let (bus, mailbox, stop) = (Arc::new(Bus::default()), Mailbox::new(8), watch::Sender::new(false));
        let route = Route {
            receiver: "ae".into(),
            instance: 1,
            mailbox: Arc::clone(&mailbox),
            accepts: Accepts::new(|_, _, _| true),
            may_reply: false,
            when_full: WhenFull::BackPressure,
        };
        bus.subscribe(&TopicFilter::new("$timer/t").unwrap(), route).unwrap();
        let timer = TimerEntry { topic: TimerTopic(SharedTopic::new("$timer/t").unwrap()), every: Period(EVERY) };
        let silences = watch::Sender::new(0_u64);
        tokio::spawn(run(bus, "ae".into(), timer, Some(silences.subscribe()), stop.subscribe()));
        let began = Instant::now();
        let beat = async || {
            mailbox.next().await;
            began.elapsed().as_millis() % EVERY.as_millis()
        };
        let before = beat().await;
        silences.send_modify(|count| *count += 1);
        [before, beat().await]
    }

    #[tokio::test]
    async fn a_beat_does_not_keep_its_moment_through_a_silence() {
        let mut kept = 0;
        for _ in 0..5 {
            let [before, after] = phases().await;
            kept += u32::from(before.abs_diff(after) < 3);
        }
        assert!(kept < 5, "the beat is the same after every silence");
    }

    #[test]
    fn a_part_is_a_part() {
        assert!((0..100).all(|_| part_of(EVERY) <= EVERY));
        assert_ne!(part_of(EVERY), part_of(EVERY));
    }
}
