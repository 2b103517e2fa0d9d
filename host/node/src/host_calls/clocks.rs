//! `wit/deps/wasi-clocks`. These calls have no error to answer with, so a denial ends the instance.

use std::time::Duration;

use super::AeState;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::capability::Permit;
use crate::capability::operation::ReadClock;
use crate::fault::Fault;
use crate::services::clocks::RESOLUTION_MS;

impl AeState {
    fn may_read_clock(&self) -> wasmtime::Result<Permit<ReadClock>> {
        self.mediator.mediate(ReadClock).map_err(|_| Fault::Denied { operation: "clocks.now" }.into())
    }
}

impl wall_clock::Host for AeState {
    async fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let permit = self.may_read_clock()?;
        Ok(datetime(self.services.clock.wall(&permit)))
    }

    async fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.may_read_clock()?;
        Ok(datetime(Duration::from_millis(RESOLUTION_MS)))
    }
}

impl monotonic_clock::Host for AeState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        let permit = self.may_read_clock()?;
        Ok(nanoseconds(self.services.clock.monotonic(&permit)))
    }

    async fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.may_read_clock()?;
        Ok(nanoseconds(Duration::from_millis(RESOLUTION_MS)))
    }
}

fn datetime(since_1970: Duration) -> wall_clock::Datetime {
    wall_clock::Datetime { seconds: since_1970.as_secs(), nanoseconds: since_1970.subsec_nanos() }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
