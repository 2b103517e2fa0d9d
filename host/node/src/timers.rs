//! Timers are messages: a beat on a topic below `$timer/`, for the AE that has the timer and subscribed to it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::manifest::TimerEntry;
use crate::transport::Bus;
use crate::transport::message::AeName;

/// Beats until the node stops. A beat that would come before the last one was dealt with is left out.
pub(crate) async fn run(bus: Arc<Bus>, ae: AeName, timer: TimerEntry, mut stop: watch::Receiver<bool>) {
    let mut beats = tokio::time::interval(timer.every.0);
    beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = beats.tick() => bus.tick(&ae, &timer.topic.0),
        }
    }
}
