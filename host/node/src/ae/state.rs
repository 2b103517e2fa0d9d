//! What belongs to one store. Identity sits here, never in an argument of a call.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::cpu::CpuMeter;
use super::limits::StoreLimits;
use crate::capability::Mediator;
use crate::services::Services;

/// The data of one AE's store.
pub struct AeState {
    pub(crate) mediator: Arc<Mediator>,
    pub(crate) services: Services,
    pub(crate) table: ResourceTable,
    pub(crate) limits: StoreLimits,
    pub(crate) cpu: CpuMeter,
    pub(crate) wasi: WasiCtx,
}

impl WasiView for AeState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
