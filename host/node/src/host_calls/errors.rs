//! `wit/errors.wit`.

use super::AeState;
use crate::bindings::m2m::node::errors;
use crate::capability::{CallError, Refusal};

impl errors::Host for AeState {
    /// A refusal is an answer; everything else ends the instance.
    fn convert_error(&mut self, error: CallError) -> wasmtime::Result<errors::Error> {
        match error {
            CallError::Refuse(refusal) => Ok(refusal.into()),
            CallError::Fault(fault) => Err(fault.into()),
            CallError::Host(error) => Err(error),
        }
    }
}

impl From<Refusal> for errors::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::Denied(errors::Denial {
                operation: denial.operation.to_owned(),
                subject: denial.subject,
                rule: denial.rule,
            }),
            Refusal::NotFound => Self::NotFound,
            Refusal::Invalid(expected) => Self::Invalid(expected),
            Refusal::Exhausted { retry_ms } => Self::Exhausted(retry_ms),
            Refusal::Unavailable(why) => Self::Unavailable(why),
            Refusal::TooLarge { max_bytes } => Self::TooLarge(max_bytes),
        }
    }
}
