//! Capability files: what an AE may do on its node, written in TOML, and the decision on every call it makes.
//!
//! The crate is pure: text and values in, values out. It reads no file, no clock and no environment, so that a decision
//! can be tested, explained and repeated anywhere.
//!
//! ```
//! use m2m_policy::topic::Topic;
//! use m2m_policy::{Effect, KeyOperation, Policy, Protection, Request};
//!
//! let policy = Policy::parse(
//!     "meter.toml",
//!     r#"
//! ae = "meter"
//!
//! [keys.meter-id]
//! algorithm = "ed25519"
//! allow = ["generate", "sign"]
//! reason = "signs readings"
//!
//! [[publish]]
//! topic = "metering/+/reading"
//! max-size = "4 KiB"
//! reason = "hourly readings"
//!
//! [[test]]
//! call = "keys.destroy"
//! alias = "meter-id"
//! expect = "deny"
//! "#,
//! )?;
//!
//! let publish = |topic, size_bytes| {
//!     let protection = Protection::Local;
//!     policy.decide(&Request::Publish { topic, size_bytes, protection, service: None, retain: false })
//! };
//! let (reading, alarm) = (Topic::new("metering/7/reading")?, Topic::new("metering/7/alarm")?);
//!
//! let decision = publish(reading, 100);
//! assert_eq!(decision.effect, Effect::Allow);
//! assert_eq!(decision.rule.map(|id| policy.location(id)).as_deref(), Some("meter.toml:9"));
//! assert_eq!(publish(reading, 5000).effect, Effect::TooLarge { max_bytes: 4096 });
//! assert_eq!(publish(alarm, 100).effect, Effect::Deny);
//!
//! // A key handle keeps what was found out about its key, and decides each use by it.
//! let rights = policy.key_rights("meter-id", false).ok_or("no such key")?;
//! assert!(rights.decide(KeyOperation::Sign).is_allowed());
//! assert!(!rights.decide(KeyOperation::Destroy).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a file can say
//!
//! `ae`, or `ceiling = true` for the file that bounds all AEs of a node; `component = { digest = "sha256:…" }`;
//! `[limits]` ([`Limits`]); and grants, each with a `reason` and most with a `rate`: `[keys.ALIAS]` ([`KeyGrant`]),
//! `[stateless]`, `[[publish]]` ([`PublishGrant`]), `[[request]]` ([`RequestGrant`]), `[[subscribe]]`
//! ([`SubscribeGrant`]), `[logging]`, `[clocks]`, `[authorization]` ([`AuthorizationGrant`]) and `[wasi]`. `[[test]]`
//! names a [`Call`] and the outcome that is expected of it. [`template()`] is a file to start from.
//!
//! # Invariants
//!
//! - **Deny by default.** `Allow` always comes with the rule that grants it; an empty policy denies everything.
//! - **All or nothing.** A file with any error grants nothing: an unknown key, a key without effect, a word that
//!   nothing enforces and a failing `[[test]]` are errors. Warnings never stand for something that is not enforced.
//! - **One evaluator.** `decide`, `explain`, `key_rights` and `[[test]]` share it.
//! - **No allocation, flat cost.** `decide` allocates nothing, and takes as many steps with 100,000 rules as
//!   with ten; only the processor's caches notice the difference.
//!
//! # Ceilings
//!
//! A ceiling is a second [`Policy`], and the right of an AE is what both allow. [`Request::under`] makes the question to the
//! ceiling of the one to the AE's file: a message that leaves the node does so under a service, and which one stands in
//! the grant that allowed it.
//!
//! ```
//! use m2m_policy::topic::Topic;
//! use m2m_policy::{Effect, Policy, Protection, Request};
//!
//! let file = |head: &str, protection: &str, service: &str| {
//!     let grant = format!("[[publish]]\ntopic = \"metering/#\"\nprotection = {protection}\nservice = \"{service}\"");
//!     Policy::parse("test.toml", &format!("{head}\n{grant}\nreason = \"reports\"\n"))
//! };
//! let meter = file("ae = \"meter\"", "\"signed\"", "metering/report")?;
//! let ceiling = file("ceiling = true", "[\"local\", \"signed\"]", "metering/command")?;
//!
//! let topic = Topic::new("metering/7/flow")?;
//! let asked = Request::Publish { topic, size_bytes: 8, protection: Protection::Signed, service: None, retain: false };
//! let granted = meter.decide(&asked).rule.ok_or("not granted")?;
//! let within = asked.under(meter.rule(granted));
//! assert_eq!(ceiling.decide(&within).effect, Effect::Deny);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod call;
mod decision;
mod diagnostic;
mod evaluate;
mod explain;
mod index;
pub mod limits;
mod name;
mod parse;
mod policy;
mod request;
mod rule;
mod template;
pub mod topic;
mod vocabulary;

pub use call::{Call, CallError};
pub use decision::{Decision, Effect, RuleId};
pub use diagnostic::{Diagnostic, PolicyError, Warning};
pub use evaluate::KeyRights;
pub use explain::Explanation;
pub use index::ALIAS_BYTES_MAX;
pub use limits::Limits;
pub use parse::FILE_BYTES_MAX;
pub use policy::Policy;
pub use request::{Request, Sender};
pub use rule::{
    AliasPattern, AuthorizationGrant, ChildGrant, Grant, KEYS_MAX, KeyGrant, LIST_ENTRIES_MAX, PAYLOAD_BYTES_MAX,
    PublishGrant, REQUEST_TIMEOUT_MS_DEFAULT, REQUEST_TIMEOUT_MS_MAX, Rate, RateWindow, RequestGrant, Rule,
    SenderPattern, SubscribeGrant, TopicScope, WhenFull,
};
pub use template::template;
pub use vocabulary::{
    Algorithm, Algorithms, Interface, KeyOperation, KeyOperations, KeyUsage, LogLevel, Protection, Protections,
    StatelessOperation, StatelessOperations, UnknownWord, Usage,
};
