//! The privileged module of a node: the only one that talks to authorities, and the only holder of the provisioning channel of
//! the Secure Environment.
//!
//! ```text
//! device ─▶ (manufacturer) ─▶ install ─▶ enrol ─▶ authorize ─▶ speak, change, speak …
//!                                          │          │
//!                                         MEF      relay, AA
//! ```
//! [`Provisioning::run`] goes all the way by itself and recovers from whatever an authority does or does not do;
//! [`Provisioning::life_cycle`] says where the node is and what it waits for. [`speech::Speech`] is what the node says and hears
//! under the pseudonyms that are kept here.
//!
//! What must not be forgotten is written before it has an effect: a request for certificates before it is sent, so that the same
//! bytes are sent again after a restart; a pseudonym is taken for good before anything is signed under it. Private keys and the
//! floor of clock, bundle, epoch and revocation lists are in the Secure Environment.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod authorization;
mod back_off;
mod change;
mod clock;
mod device;
mod enrolment;
mod error;
mod facts;
mod files;
mod http;
mod journal;
mod keys;
mod life_cycle;
mod link;
mod memory;
mod obtain;
mod plan;
mod provisioning;
mod refresh;
mod report;
mod restore;
mod rights;
mod sealed;
mod section;
pub mod speech;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use device::{DeviceProfile, DeviceRequest};
pub use enrolment::Subscribed;
pub use error::ProvisioningError;
pub use http::HttpError;
pub use journal::{Journal, Step};
pub use life_cycle::{LifeCycle, Stage};
pub use link::Link;
pub use provisioning::Provisioning;
pub use rights::{NoRight, NotNow, Rights, ServiceRight};
pub use sealed::StateError;
pub use section::{
    AaEntry, AuthorityName, BaseUrl, MefEntry, OperationName, SLOTS_AHEAD_MAX, Span, Topics, TrustSection,
};
