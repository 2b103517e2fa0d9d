//! What the node may do in the M2M system (`authorization` in the WIT). Credentials and pseudonyms are never seen.

use crate::{Result, wit::m2m::node::authorization};

pub use crate::wit::m2m::node::authorization::Service;

/// The services that may be used now, of those that the capability file names.
pub fn services() -> Result<Vec<Service>> {
    Ok(authorization::services()?)
}

/// Asks for the right to a service, as in `metering/report`.
/// [`Error::Unavailable`](crate::Error::Unavailable) while the node is not enrolled.
pub fn request(service: &str) -> Result<()> {
    Ok(authorization::request(service)?)
}

/// A hint that now would be a good time; the node decides when.
pub fn change_pseudonym() -> Result<()> {
    Ok(authorization::change_pseudonym()?)
}
