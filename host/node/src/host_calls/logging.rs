//! `wit/deps/wasi-logging`. A line that is denied, or over its rate, is counted in the audit and not written; the AE, which
//! this call cannot tell, goes on.

use m2m_policy::LogLevel;

use super::AeState;
use crate::bindings::wasi::logging::logging::{Host, Level};
use crate::capability::operation::Log;

impl Host for AeState {
    async fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        if let Ok(permit) = self.mediator.mediate(Log { level: log_level(level) }) {
            self.services.log.line(&permit, &context, &message);
        }
        Ok(())
    }
}

fn log_level(level: Level) -> LogLevel {
    match level {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
        Level::Critical => LogLevel::Critical,
    }
}
