//! `wit/authorization.wit`.

use super::{AeState, CallResult};
use crate::bindings::m2m::node::authorization::{Host, Service};
use crate::capability::operation::{ChangePseudonym, ListServices, RequestService};

impl Host for AeState {
    async fn services(&mut self) -> CallResult<Vec<Service>> {
        let permit = self.mediator.mediate(ListServices)?;
        let services = self.services.authorization.services(&permit)?;
        Ok(services.into_iter().map(|right| Service { name: right.name, until: right.until.0 }).collect())
    }

    async fn request(&mut self, service: String) -> CallResult<()> {
        let permit = self.mediator.mediate_listed(RequestService { service: &service }).await?;
        Ok(self.services.authorization.request(&permit)?)
    }

    async fn change_pseudonym(&mut self) -> CallResult<()> {
        let permit = self.mediator.mediate_listed(ChangePseudonym).await?;
        Ok(self.services.authorization.change_pseudonym(&permit)?)
    }
}
