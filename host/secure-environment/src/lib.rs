//! The Secure Environment: keys by handle, and nothing but handles.
//!
//! Key material is made here, used here and wiped here; what comes out is public keys, signatures, tags and ciphertexts. An owner
//! has a [`Partition`] and sees its own keys only. What a key is good for is fixed when it is made, and a key that comes from
//! another by [`agree`](KeyHandle::agree) or [`derive`](KeyHandle::derive) is never good for more than its parent's policy says.
//!
//! ```
//! use std::sync::Arc;
//!
//! use cap_std::{ambient_authority, fs::Dir};
//! use m2m_secure_environment::{
//!     Algorithm, Credential, InProcess, Partition, PartitionType, SystemClock, Template, Usage, signing_input,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The integrator: a folder, a root key, a partition.
//! let place = tempfile::tempdir()?;
//! let dir = Dir::open_ambient_dir(place.path(), ambient_authority())?;
//! let root_key = Credential::new(vec![7; 32].into()); // in earnest: 32 random bytes, handed over
//! let environment = InProcess::open(dir, &root_key, Arc::new(SystemClock::new()))?;
//! let kind = PartitionType::new("ae")?;
//! let id = environment.management().create_partition(&kind)?;
//!
//! // The user: keys by handle.
//! let partition = Partition::new(environment.channel(), id);
//! let template = Template::new(Algorithm::Ed25519, Usage::SIGN | Usage::DESTROY).persistent();
//! let key = partition.generate("meter-id", &template)?;
//! let signature = key.sign("metering/report", b"42 kWh")?;
//! assert!(partition.verify(&key.public_key()?, "metering/report", b"42 kWh", &signature)?);
//! assert!(!partition.verify(&key.public_key()?, "metering/command", b"42 kWh", &signature)?);
//!
//! // Anyone: plain Ed25519 over what the signature covers.
//! let signed = signing_input(&kind, "metering/report", b"42 kWh")?;
//! ed25519_dalek::VerifyingKey::from_bytes(&key.public_key()?)?
//!     .verify_strict(&signed, &ed25519_dalek::Signature::from_bytes(&signature))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Roles
//! A [`Channel`] carries [`Operation`]s; both encode with serde, so that a channel may as well end in another process.
//! Which partitions a channel reaches and what it carries depends on the channel, never on an argument: [`InProcess::channel`] is
//! for users, [`InProcess::provisioning`] for the node's privileged module, whose partitions alone have raw signatures, sealed
//! requests, sessions of Noise and counters ([`trust`]). [`Management`] makes and drops partitions and keeps the heads of logs; it
//! cannot be reached over a channel.
//!
//! # What it holds, and what it does not
//! Key files are sealed under a root key from a [`RootKeyProvider`], and every file is authenticated: one that was edited, swapped,
//! deleted or brought in keeps the store from opening, with its name in the [`OpenError`]. A cut at any point leaves the state
//! before a change or after it, and what was acknowledged stays. A folder put back as a whole to an earlier state cannot be
//! noticed. Whoever can read this process's memory can read keys: [`ProtectionLevel`] says how far that is away.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod attributes;
mod bytes;
mod client;
mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod crypto;
mod error;
mod in_process;
mod limits;
mod management;
mod operation;
mod service;
mod signing;
mod store;
pub mod trust;
mod usage;

pub use attributes::{ALIAS_BYTES_MAX, Algorithm, Attributes, ChildPolicy, Origin, ProtectionLevel, Template};
pub use bytes::{ByteArray, Bytes, SecretBytes32};
pub use client::{Channel, KeyHandle, NoiseSession, Partition, Unsealed};
pub use clock::{Clock, SystemClock};
pub use error::{Error, Limit, OpenError};
pub use in_process::InProcess;
pub use limits::Limits;
pub use management::{Head, Management, PartitionType};
pub use operation::{
    Answer, CONTEXT_BYTES_MAX, COUNTER_NAME_BYTES_MAX, ENCRYPT_OVERHEAD_BYTES, HandleId, Operation, PartitionId,
    RANDOM_BYTES_MAX, REQUEST_BYTES_MAX, RESERVED_REQUEST_BYTES_MAX, SEAL_OVERHEAD_BYTES, SessionId,
};
pub use signing::{signing_input, verify_signature};
pub use store::{Credential, Passphrase, PassphraseCost, RootKey, RootKeyError, RootKeyProvider, Storage};
pub use usage::Usage;
