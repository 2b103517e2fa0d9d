//! The rights of a key.

use std::{fmt, ops};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A set of rights of a key. Holds known bits only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage(u16);

impl Usage {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// [`KeyHandle::sign`](crate::KeyHandle::sign).
    pub const SIGN: Self = Self(1);
    /// [`KeyHandle::encrypt`](crate::KeyHandle::encrypt).
    pub const ENCRYPT: Self = Self(1 << 1);
    /// [`KeyHandle::decrypt`](crate::KeyHandle::decrypt).
    pub const DECRYPT: Self = Self(1 << 2);
    /// [`KeyHandle::unseal`](crate::KeyHandle::unseal).
    pub const UNSEAL: Self = Self(1 << 3);
    /// [`KeyHandle::agree`](crate::KeyHandle::agree).
    pub const AGREE: Self = Self(1 << 4);
    /// [`KeyHandle::derive`](crate::KeyHandle::derive).
    pub const DERIVE: Self = Self(1 << 5);
    /// [`KeyHandle::mac`](crate::KeyHandle::mac) and `verify_mac`.
    pub const MAC: Self = Self(1 << 6);
    /// [`KeyHandle::rotate`](crate::KeyHandle::rotate).
    pub const ROTATE: Self = Self(1 << 7);
    /// [`KeyHandle::destroy`](crate::KeyHandle::destroy).
    pub const DESTROY: Self = Self(1 << 8);
    /// [`KeyHandle::attest`](crate::KeyHandle::attest).
    pub const ATTEST: Self = Self(1 << 9);

    /// [`KeyHandle::sign_raw`](crate::KeyHandle::sign_raw). Reserved.
    pub const SIGN_RAW: Self = Self(1 << 10);
    /// [`KeyHandle::unseal_export`](crate::KeyHandle::unseal_export). Reserved.
    pub const UNSEAL_EXPORT: Self = Self(1 << 11);
    /// [`KeyHandle::begin_noise`](crate::KeyHandle::begin_noise). Reserved.
    pub const NOISE: Self = Self(1 << 12);

    /// The rights that only keys of a provisioning partition can have.
    pub const RESERVED: Self = Self::SIGN_RAW.union(Self::UNSEAL_EXPORT).union(Self::NOISE);

    /// Every right with its name; the WIT and the capability file know those that are not reserved.
    pub const NAMES: [(Self, &'static str); 13] = [
        (Self::SIGN, "sign"),
        (Self::ENCRYPT, "encrypt"),
        (Self::DECRYPT, "decrypt"),
        (Self::UNSEAL, "unseal"),
        (Self::AGREE, "agree"),
        (Self::DERIVE, "derive"),
        (Self::MAC, "mac"),
        (Self::ROTATE, "rotate"),
        (Self::DESTROY, "destroy"),
        (Self::ATTEST, "attest"),
        (Self::SIGN_RAW, "sign-raw"),
        (Self::UNSEAL_EXPORT, "unseal-export"),
        (Self::NOISE, "noise"),
    ];

    const ALL: Self = Self((1 << 13) - 1);

    /// All of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether anything is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` is in here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in here.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits, `sign` being the lowest.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set with these bits, or `None` where one is unknown.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }
}

impl ops::BitOr for Usage {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl ops::BitOrAssign for Usage {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.iter().filter(|(right, _)| self.contains(*right));
        if let Some((_, name)) = names.next() {
            f.write_str(name)?;
        }
        names.try_for_each(|(_, name)| write!(f, ", {name}"))
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_bits(u16::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("a usage with an unknown bit"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_usage_bit_is_refused() {
        assert_eq!(Usage::from_bits(1 << 12), Some(Usage::NOISE));
        assert_eq!(Usage::from_bits(1 << 13), None);
        assert_eq!((Usage::SIGN | Usage::DESTROY).to_string(), "sign, destroy");
        assert_eq!((Usage::SIGN | Usage::NOISE).without(Usage::RESERVED), Usage::SIGN);
    }
}
