//! One instance of an AE: made, called, and dropped at its first fault.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtxBuilder;

use super::AeState;
use super::cpu::CpuMeter;
use super::limits::StoreLimits;
use super::stdio::LogStream;
use crate::bindings::{Ae, AePre};
use crate::capability::Mediator;
use crate::engine::{HOST_CALL_BYTES_MAX, NodeEngine};
use crate::fault::{CallLimits, Fault, bounded};
use crate::host_calls::message_to_wit;
use crate::services::Services;
use crate::services::messaging::Messaging;
use crate::transport::message::Envelope;

/// Everything that instances of one AE are made from. It outlives them.
///
/// It holds the engine, so that where there is an instance the epoch beats.
pub(crate) struct Blueprint {
    engine: Arc<NodeEngine>,
    pre: AePre<AeState>,
    mediator: Arc<Mediator>,
    services: Services,
    cpu: CpuMeter,
}

impl Blueprint {
    pub(crate) fn new(
        engine: Arc<NodeEngine>,
        pre: AePre<AeState>,
        mediator: Arc<Mediator>,
        services: Services,
    ) -> Self {
        let limits = mediator.policy().limits();
        let cpu = CpuMeter::new(limits.cpu_per_message, f64::from(limits.cpu_share_permille) / 1_000.0);
        Self { engine, pre, mediator, services, cpu }
    }

    pub(crate) fn mediator(&self) -> &Arc<Mediator> {
        &self.mediator
    }

    pub(crate) fn messaging(&self) -> &Messaging {
        &self.services.messaging
    }

    pub(crate) fn cpu(&self) -> &CpuMeter {
        &self.cpu
    }

    fn store(&self) -> Store<AeState> {
        let limits = self.mediator.policy().limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let state = AeState {
            mediator: Arc::clone(&self.mediator),
            services: self.services.clone(),
            table,
            limits: StoreLimits::new(limits.memory_bytes, u64::from(limits.table_elements)),
            cpu: self.cpu.clone(),
            wasi: deny_all(&self.mediator, &self.services),
        };
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
        store.set_max_component_handles(limits.handles);
        store.call_hook(|store, hook| {
            match hook {
                CallHook::CallingWasm | CallHook::ReturningFromHost => store.data().cpu.enter(),
                CallHook::ReturningFromWasm | CallHook::CallingHost => store.data().cpu.leave(),
            }
            Ok(())
        });
        store.epoch_deadline_callback(|store| at_epoch(&store.data().cpu));
        store
    }
}

/// Once in a tick of running: ends what is over its budget, and makes way for the others.
fn at_epoch(cpu: &CpuMeter) -> wasmtime::Result<UpdateDeadline> {
    cpu.leave();
    if let Some(fault) = cpu.overrun() {
        return Err(fault.into());
    }
    let (pause, cpu) = (cpu.pause(), cpu.clone());
    let make_way = async move {
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => tokio::task::yield_now().await,
        }
        cpu.enter();
    };
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(make_way)))
}

/// For components of other languages: WASI without files, sockets, environment or arguments.
fn deny_all(mediator: &Arc<Mediator>, services: &Services) -> wasmtime_wasi::WasiCtx {
    let stream = |context| LogStream::new(Arc::clone(mediator), services.log.clone(), context);
    WasiCtxBuilder::new()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(1_024)
        .monotonic_clock(services.clock.clone())
        .stdout(stream("stdout"))
        .stderr(stream("stderr"))
        .build()
}

/// A running component.
pub(crate) struct Instance {
    store: Store<AeState>,
    ae: Ae,
    limits: CallLimits,
}

/// How a call into a guest ended that did not fault: the AE's own error is an answer, too.
pub(crate) type Answer = Result<(), String>;

impl Instance {
    pub(crate) async fn new(blueprint: &Blueprint) -> Result<Self, Fault> {
        let limits =
            CallLimits { handles: blueprint.mediator.policy().limits().handles, host_call_bytes: HOST_CALL_BYTES_MAX };
        let mut store = blueprint.store();
        let cpu = begin_call(&mut store);
        match cpu.charge(blueprint.pre.instantiate_async(&mut store)).await {
            Ok(ae) => Ok(Self { store, ae, limits }),
            Err(error) => Err(match Fault::classify(&error, &limits) {
                Fault::Trap { what } => Fault::Instantiation { what },
                fault => fault,
            }),
        }
    }

    pub(crate) async fn init(&mut self) -> Result<(), Fault> {
        let cpu = begin_call(&mut self.store);
        let answer = within_patience(&cpu, self.ae.m2m_node_app().call_init(&mut self.store)).await?;
        match answer {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => Err(Fault::Init { message: bounded(&message) }),
            Err(error) => Err(Fault::classify(&error, &self.limits)),
        }
    }

    pub(crate) async fn on_message(&mut self, envelope: &Envelope) -> Result<Answer, Fault> {
        let cpu = begin_call(&mut self.store);
        let message = message_to_wit(envelope, &mut self.store.data_mut().table);
        let answer = match message {
            Ok(message) => {
                within_patience(&cpu, self.ae.m2m_node_app().call_on_message(&mut self.store, &message)).await?
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok(answer.map_err(|message| bounded(&message))),
            Err(error) => Err(Fault::classify(&error, &self.limits)),
        }
    }

    pub(crate) async fn stop(&mut self) -> Result<(), Fault> {
        let cpu = begin_call(&mut self.store);
        let stopped = within_patience(&cpu, self.ae.m2m_node_app().call_stop(&mut self.store)).await?;
        stopped.map_err(|error| Fault::classify(&error, &self.limits))
    }

    /// What its memories hold together.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.store.data().limits.memory_bytes()
    }
}

fn begin_call(store: &mut Store<AeState>) -> CpuMeter {
    store.set_epoch_deadline(1);
    let cpu = store.data().cpu.clone();
    cpu.begin_call();
    cpu
}

/// Charges a call, and ends one that hangs. A future that is cut off here leaves a store that is only fit to be dropped,
/// which is what a fault does.
async fn within_patience<F: Future>(cpu: &CpuMeter, call: F) -> Result<F::Output, Fault> {
    let patience = cpu.patience();
    let stalled = |_| Fault::Stalled { after_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX) };
    tokio::time::timeout(patience, cpu.charge(call)).await.map_err(stalled)
}
