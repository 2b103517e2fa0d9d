//! Time by grant, in steps of a millisecond (`wasi:clocks` in the WIT). Waiting is not offered: a timer is a message.

use std::time::Duration;

use crate::wit::wasi::clocks::wall_clock;

/// Since 1970. `std::time::SystemTime::now` traps in a component.
pub fn unix_time() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}
