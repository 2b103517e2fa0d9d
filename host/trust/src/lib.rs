//! Trust outside the node: credentials and dialogues as values and state machines.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or holds a private key: the time comes in as
//! [`clock_floor::Now`] or [`identity::Seconds`], randomness as [`rand_core::CryptoRng`], and keys are traits ([`keys::Signer`],
//! [`seal::Recipient`], [`association::NoiseKey`]) whose implementations can sit in a Secure Environment. `PROTOCOL.md` beside this
//! crate says what travels and in which order it is checked; `cddl/` says how it is encoded.
//!
//! ```text
//! manufacturer ──initial credential, trust bundle──▶ node
//! node ◀── enrolment ──▶ MEF                      subscription credential
//! node ◀── authorization ──▶ AA ◀── proof ──▶ MEF  certificates, one for each pseudonym
//! node ── broadcast, association ──▶ node          under a certificate
//! MA ── order ──▶ AA ── revocation list ──▶ nodes; AA ── block ──▶ MEF
//! ```
//!
//! A node enrols, gets a pseudonym, and is believed by a receiver that has never heard of it (`dev` plays the authorities):
//!
//! ```
//! use m2m_trust::{aif::Scope, broadcast::*, certificate::Receiver, dev::*, revocation::Revocations, seal::Suite};
//!
//! let mut domain = DevDomain::new("example", Suite::XWing);
//! let right = Scope::empty().with(services::METERING, services::report());
//! let pseudonym = domain.pseudonym(right); // initial credential, enrolment and authorization behind one call
//!
//! let mut sender = BroadcastSender::new(pseudonym.certificate.clone(), &mut domain.rng);
//! let (topic, service, operation) = ("metering/zone-4/flow", services::METERING, services::report());
//! let outgoing =
//!     Outgoing { topic, service, operation, data: b"17 l/min", location: None, expiry: None, wanted: vec![] };
//! let now = domain.now(0);
//! let message = sender.sign(&outgoing, now, &domain.bundle.domain, &pseudonym.signer)?;
//!
//! let revocations = Revocations::default();
//! let receiver = Receiver { bundle: &domain.bundle, revocations: &revocations, region: None };
//! let expected = Expected { topic, service, operation };
//! let mut received = BroadcastReceiver::default();
//! assert_eq!(received.verify(&message, &expected, &receiver, now)?.message.data.0, b"17 l/min");
//! assert_eq!(received.verify(&message, &expected, &receiver, now), Err(BroadcastError::Replay));
//! # Ok::<(), BroadcastError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod aif;
pub mod association;
pub mod authorization;
pub mod broadcast;
pub mod bundle;
pub mod certificate;
pub mod clock_floor;
pub mod codec;
pub mod cose;
pub mod credential;
#[cfg(feature = "dev")]
pub mod dev;
pub mod enrolment;
pub mod identity;
pub mod initialization;
pub mod keys;
pub mod linkage;
pub mod padding;
pub mod pseudonym;
pub mod revocation;
pub mod seal;
