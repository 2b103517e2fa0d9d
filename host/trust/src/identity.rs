//! Names, times and digests that the messages share.

use std::fmt;

use ciborium::Value;
use sha2::{Digest as _, Sha256};

use crate::codec::{Cbor, Malformed};

/// SHA-256, FIPS 180-4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Of the concatenation of `parts`.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
    }

    /// The first eight bytes, the form in which keys and certificates are looked up.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        KeyId([a, b, c, d, e, f, g, h])
    }
}

/// Eight bytes that help to find a key or a certificate. Never proof of anything: two may share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

/// The trust domain that a message belongs to: 16 random bytes, chosen when its root key is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrustDomain(pub [u8; 16]);

/// Shows bytes as hexadecimal.
macro_rules! bytes_type {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl Cbor for $name {
            fn to_value(&self) -> Value {
                self.0.to_value()
            }

            fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
                Cbor::from_value(value, field).map(Self)
            }
        }
    )*};
}
bytes_type!(Digest, KeyId, TrustDomain, CanonicalId);

/// The node's unique, immutable identity: the `ueid` claim of type RAND, `01` and 16 random bytes (RFC 9711, 4.2.1).
///
/// Only the manufacturer and the MEF ever see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalId(pub [u8; 17]);

impl CanonicalId {
    /// From 16 random bytes.
    #[must_use]
    pub fn random(random: [u8; 16]) -> Self {
        let mut id = [1; 17];
        id.iter_mut().skip(1).zip(random).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

/// What an authority is called: 1 to 32 of `a-z`, `0-9`, `-` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthorityId(String);

impl AuthorityId {
    /// Checks the characters and the length.
    ///
    /// # Errors
    /// [`Malformed::Unexpected`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::from_value(Value::Text(text.to_owned()), "authority")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cbor for AuthorityId {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
        let text = String::from_value(value, field)?;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(Malformed::Unexpected { field, expected: "1 to 32 of a-z, 0-9, `-` and `.`" })
        }
    }
}

macro_rules! number_type {
    ($($(#[$meta:meta])* $name:ident($integer:ty)),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $integer);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Cbor for $name {
            fn to_value(&self) -> Value {
                self.0.to_value()
            }

            fn from_value(value: Value, field: &'static str) -> Result<Self, Malformed> {
                Cbor::from_value(value, field).map(Self)
            }
        }
    )*};
}

number_type! {
    /// Seconds since 1970, UTC without leap seconds.
    Seconds(u64),
    /// Microseconds since 1970.
    Micros(u64),
    /// A period of validity that all nodes share, counted from the origin of the schedule.
    Slot(u32),
    /// A run of slots, the unit in which certificates are counted.
    Epoch(u32),
    /// A service, by the number that the trust bundle gives it.
    ServiceId(u32),
    /// A region, by the number that the domain's operator gives it.
    Region(u32),
}

impl Seconds {
    /// Later by `seconds`, at most the end of time.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl Micros {
    /// Whole seconds, rounded down.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds(self.0 / 1_000_000)
    }
}

impl From<Seconds> for Micros {
    fn from(seconds: Seconds) -> Self {
        Self(seconds.0.saturating_mul(1_000_000))
    }
}
