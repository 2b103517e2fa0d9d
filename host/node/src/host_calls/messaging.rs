//! `wit/messaging.wit`.

use super::{AeState, CallResult, filter, payload, topic};
use crate::bindings::m2m::node::messages::Protection;
use crate::bindings::m2m::node::messaging::{Host, Options};
use crate::capability::operation::{Ask, Publish, Subscribe, Unsubscribe};

impl Host for AeState {
    async fn publish(&mut self, to: String, bytes: Vec<u8>, options: Options) -> CallResult<()> {
        let operation = Publish {
            topic: topic(&to)?,
            size_bytes: bytes.len(),
            protection: protection(options.protection),
            retain: options.retain,
        };
        let permit = self.mediator.mediate(operation)?;
        Ok(self.services.messaging.publish(&permit, &payload(bytes)?)?)
    }

    async fn request(&mut self, to: String, bytes: Vec<u8>, timeout_ms: u32) -> CallResult<u64> {
        let permit = self.mediator.mediate(Ask { topic: topic(&to)?, size_bytes: bytes.len(), timeout_ms })?;
        Ok(self.services.messaging.request(&permit, payload(bytes)?)?)
    }

    async fn subscribe(&mut self, to: String) -> CallResult<()> {
        let permit = self.mediator.mediate(Subscribe { filter: filter(&to)? })?;
        Ok(self.services.messaging.subscribe(&permit)?)
    }

    async fn unsubscribe(&mut self, from: String) -> CallResult<()> {
        let permit = self.mediator.mediate(Unsubscribe { filter: filter(&from)? })?;
        Ok(self.services.messaging.unsubscribe(&permit)?)
    }
}

fn protection(protection: Protection) -> m2m_policy::Protection {
    match protection {
        Protection::Local => m2m_policy::Protection::Local,
        Protection::Signed => m2m_policy::Protection::Signed,
        Protection::Confidential => m2m_policy::Protection::Confidential,
        Protection::Unauthenticated => m2m_policy::Protection::Unauthenticated,
    }
}
