//! What the end-to-end tests are made of: whole nodes in folders of their own, run by the real `m2m-host`.
//!
//! ```no_run
//! use m2m_tests::{Ae, TestNode};
//!
//! let folder = TestNode::new().bystander().ae(Ae::guest("spin").go("20 ms")).stage();
//! let node = folder.start();
//! node.wait_for_life("spin", "failed");
//! node.stop();
//! folder.assert_audit_holds();
//! ```
//!
//! Everything here ends a test that cannot go on, by a panic that says what was waited for and what the node logged. Waits
//! are polls with a deadline.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests end so")]

mod ae;
mod audit;
mod bystander;
mod component;
mod domain;
mod folder;
mod guests;
mod host;
mod log;
mod node;
mod paths;
mod report;
mod running;
mod tmpfs;
mod wait;

pub use ae::Ae;
pub use audit::AuditLine;
pub use bystander::beside_bystander;
pub use component::{digest, text_ae, text_component, with_custom_section};
pub use domain::{Domain, LinkEnd, Role};
pub use folder::Folder;
pub use guests::guest;
pub use host::Answer;
pub use log::LogLine;
pub use node::{CEILING, TestNode};
pub use report::{AeReport, CallReport, FaultReport, LifeCycle, NodeReport, OutboundReport};
pub use running::Running;
pub use tmpfs::Tmpfs;
pub use wait::{PATIENCE, poll};
