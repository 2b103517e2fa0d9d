//! `wit/deps/wasi-clocks`. These calls have no error to answer with, so a denial ends the instance.

use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::AeState;
use crate::bindings::wasi::clocks::wall_clock;
use crate::capability::operation::ReadClock;
use crate::capability::{Permit, Refusal};
use crate::fault::Fault;
use crate::services::clocks::RESOLUTION_MS;

impl AeState {
    fn may_read_clock(&self) -> wasmtime::Result<Permit<ReadClock>> {
        let denied = |refusal: Refusal| Fault::Denied { operation: "clocks.now", why: refusal.to_string() };
        self.mediator.mediate(ReadClock).map_err(|refusal| denied(refusal).into())
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

/// `wasi:clocks/monotonic-clock`, which an AE's world does not have and the runtimes of other languages import: linked over
/// wasmtime-wasi's, so that these readings are decided, too. To be called on a linker that allows shadowing.
pub(crate) fn shadow_monotonic_clock(linker: &mut Linker<AeState>) -> wasmtime::Result<()> {
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("now", |store: StoreContextMut<'_, AeState>, ()| {
        let state = store.data();
        let permit = state.may_read_clock()?;
        Ok((nanoseconds(state.services.clock.monotonic(&permit)),))
    })?;
    clock.func_wrap("resolution", |store: StoreContextMut<'_, AeState>, ()| {
        store.data().may_read_clock()?;
        Ok((nanoseconds(Duration::from_millis(RESOLUTION_MS)),))
    })
}

fn datetime(since_1970: Duration) -> wall_clock::Datetime {
    wall_clock::Datetime { seconds: since_1970.as_secs(), nanoseconds: since_1970.subsec_nanos() }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
