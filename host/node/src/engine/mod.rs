//! Wasmtime, set up so that nothing a component does is free or unbounded.

mod cache;
mod intake;
mod ticker;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

pub use cache::CacheKey;
pub(crate) use cache::CompileCache;
pub use intake::{COMPONENT_BYTES_MAX, ComponentBytes, IntakeError};
use ticker::Ticker;

/// How many core instances, memories and tables one component may be made of. The pool is sized by them.
pub(crate) const CORE_INSTANCES_MAX: usize = 16;
pub(crate) const MEMORIES_MAX: usize = 4;
pub(crate) const TABLES_MAX: usize = 8;

/// What a guest may pass to the node in one call: a payload and what goes with it.
pub(crate) const HOST_CALL_BYTES_MAX: usize = 256 * 1024;

const WASM_STACK_BYTES: usize = 256 * 1024;
/// The guest's stack, and under it that of the host calls.
const FIBRE_STACK_BYTES: usize = WASM_STACK_BYTES + 768 * 1024;

/// Each instance can need this many memory maps; the kernel's limit bounds how many AEs there can be.
const MAPS_FOR_EACH_AE: usize = 16;

/// An engine, and the thread that beats its epoch.
pub struct NodeEngine {
    engine: Engine,
    allocation: Allocation,
    _ticker: Ticker,
}

/// Where instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// From slots made at start: quick and of known size.
    Pooling,
    /// One by one, where the machine has no address space for the slots.
    OnDemand,
}

/// What the AEs of a node need of an engine.
#[derive(Debug, Clone, Copy)]
pub struct EngineSize {
    /// How many AEs there can be at a time.
    pub aes: usize,
    /// The largest `limits.memory`.
    pub memory_bytes: u64,
    /// The largest `limits.table-elements`.
    pub table_elements: usize,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// More AEs than the kernel has memory maps for; past that point a process hangs instead of failing.
    #[error(
        "{aes} AEs need more memory maps than this kernel allows a process (`vm.max_map_count` = {maps}): at most {most} AEs fit, or raise it with `sysctl vm.max_map_count`"
    )]
    TooManyAes {
        /// As asked.
        aes: usize,
        /// The kernel's limit.
        maps: usize,
        /// How many would fit.
        most: usize,
    },
    /// Without a beat nothing could be interrupted, so nothing may run.
    #[error("the thread that beats the epoch could not be started: {0}")]
    Ticker(std::io::Error),
    /// Wasmtime refused the settings.
    #[error("wasmtime could not be set up: {0:#}")]
    Wasmtime(wasmtime::Error),
}

impl NodeEngine {
    /// With slots for all AEs if the machine has room for them, else on demand.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn new(size: EngineSize) -> Result<Self, EngineError> {
        check_maps(size.aes)?;
        let pooled = Engine::new(base().allocation_strategy(pool(size)));
        let (engine, allocation) = match pooled {
            Ok(engine) => (engine, Allocation::Pooling),
            Err(error) => {
                tracing::warn!("instances cannot be pooled here, they are allocated on demand: {error:#}");
                (Engine::new(&base()).map_err(EngineError::Wasmtime)?, Allocation::OnDemand)
            }
        };
        let ticker = Ticker::start(&engine).map_err(EngineError::Ticker)?;
        Ok(Self { engine, allocation, _ticker: ticker })
    }

    /// Wasmtime's engine.
    pub fn wasmtime(&self) -> &Engine {
        &self.engine
    }

    /// Where instances come from.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .concurrency_support(false)
        .gc_support(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBRE_STACK_BYTES);
    config
}

fn pool(size: EngineSize) -> InstanceAllocationStrategy {
    // One more than there are AEs, so that the check of a component never waits for a slot.
    let aes = size.aes + 1;
    let total = |each: usize| u32::try_from(aes.saturating_mul(each)).unwrap_or(u32::MAX);
    let each = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total(1))
        .total_core_instances(total(CORE_INSTANCES_MAX))
        .total_memories(total(MEMORIES_MAX))
        .total_tables(total(TABLES_MAX))
        .total_stacks(total(1))
        .max_core_instances_per_component(each(CORE_INSTANCES_MAX))
        .max_memories_per_component(each(MEMORIES_MAX))
        .max_tables_per_component(each(TABLES_MAX))
        .max_memories_per_module(each(MEMORIES_MAX))
        .max_tables_per_module(each(TABLES_MAX))
        .table_elements(size.table_elements)
        .max_memory_size(usize::try_from(size.memory_bytes).unwrap_or(usize::MAX));
    InstanceAllocationStrategy::Pooling(pool)
}

/// Running out of maps hangs the process, so it is refused in advance.
fn check_maps(aes: usize) -> Result<(), EngineError> {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    let Some(maps) = limit else { return Ok(()) };
    let most = maps / MAPS_FOR_EACH_AE;
    if aes > most { Err(EngineError::TooManyAes { aes, maps, most }) } else { Ok(()) }
}
