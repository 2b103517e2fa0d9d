//! What a key is: fixed when the key is made, and authenticated wherever it is stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Error, Usage};

/// Longest alias.
pub const ALIAS_BYTES_MAX: usize = 64;

/// What a key computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Signatures, RFC 8032.
    Ed25519,
    /// Key agreement, RFC 7748.
    X25519,
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; base mode of RFC 9180.
    HpkeX25519,
    /// The same with X-Wing in place of DHKEM(X25519): X25519 and ML-KEM-768 (draft-connolly-cfrg-xwing-kem, HPKE KEM `647a`).
    /// Reserved for provisioning partitions.
    #[serde(rename = "x-wing")]
    XWing,
    /// Authenticated encryption: RFC 8439 with the nonce extended to 24 bytes (draft-irtf-cfrg-xchacha-03), so that random
    /// nonces need no count.
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
    /// Message authentication codes, RFC 2104; also the root of `derive`.
    HmacSha256,
}

impl Algorithm {
    /// What a key of this algorithm can be used for at all, [`Usage::RESERVED`] included.
    #[must_use]
    pub const fn usable_for(self) -> Usage {
        let own = match self {
            Self::Ed25519 => Usage::SIGN.union(Usage::SIGN_RAW),
            Self::X25519 => Usage::AGREE,
            Self::HpkeX25519 => Usage::UNSEAL.union(Usage::UNSEAL_EXPORT).union(Usage::NOISE),
            Self::XWing => Usage::UNSEAL_EXPORT,
            Self::ChaCha20Poly1305 => Usage::ENCRYPT.union(Usage::DECRYPT),
            Self::HmacSha256 => Usage::MAC.union(Usage::DERIVE),
        };
        own.union(Usage::ROTATE).union(Usage::DESTROY).union(Usage::ATTEST)
    }

    /// One byte that names the algorithm in key derivation.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::X25519 => 2,
            Self::HpkeX25519 => 3,
            Self::ChaCha20Poly1305 => 4,
            Self::HmacSha256 => 5,
            Self::XWing => 6,
        }
    }
}

/// How a key came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// From random bytes, in here.
    Generated,
    /// By [`KeyHandle::derive`](crate::KeyHandle::derive).
    Derived,
    /// By [`KeyHandle::agree`](crate::KeyHandle::agree).
    Agreed,
    /// Brought in from outside.
    Imported,
}

/// Where key material is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtectionLevel {
    /// In the memory of the process that also runs AEs: whoever escapes from the sandbox can read it.
    InProcess,
    /// In a process of its own.
    Process,
    /// In a process of its own, under a root key that a TPM releases to a known state only.
    TpmSealed,
    /// In a token that never lets it out.
    Token,
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// One algorithm for life.
    pub algorithm: Algorithm,
    /// At least one right, and only such as [`Algorithm::usable_for`] names.
    pub usage: Usage,
    /// False: the key ends with its last handle. Agreed and derived keys are never persistent.
    pub persistent: bool,
    /// The end of the key's life, seconds since 1970. A child never outlives its parent.
    pub not_after: Option<u64>,
    /// How often the key may be used in all, at least 1. Reading attributes and the public key does not count.
    pub max_uses: Option<u64>,
    /// What keys that come from this one by `agree` or `derive` may be; without it there are none.
    pub child: Option<ChildPolicy>,
}

/// The bounds of every child of a key, and of the children's children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildPolicy {
    /// The algorithms that a child may have.
    pub algorithms: BTreeSet<Algorithm>,
    /// The rights that a child may have.
    pub usage: Usage,
}

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Absent for agreed and derived keys.
    pub alias: Option<String>,
    /// Counts rotations, from 1.
    pub version: u32,
    /// As it was given; for a child, with the parent's `not_after` where that is earlier.
    pub template: Template,
    /// How the key came to be.
    pub origin: Origin,
    /// Where its material is kept.
    pub protection: ProtectionLevel,
}

impl Template {
    /// A key with these rights, volatile, without an end, and without children.
    #[must_use]
    pub fn new(algorithm: Algorithm, usage: Usage) -> Self {
        Self { algorithm, usage, persistent: false, not_after: None, max_uses: None, child: None }
    }

    /// The same, but kept.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// The same, and its children may be this.
    #[must_use]
    pub fn with_children(mut self, algorithms: impl IntoIterator<Item = Algorithm>, usage: Usage) -> Self {
        self.child = Some(ChildPolicy { algorithms: algorithms.into_iter().collect(), usage });
        self
    }

    /// Checks what can be checked without a parent; `now` in seconds since 1970.
    pub(crate) fn check(&self, now: u64) -> Result<(), Error> {
        if self.usage.is_empty() {
            return Err(Error::invalid("a key needs at least one usage"));
        }
        if !self.algorithm.usable_for().contains(self.usage) {
            return Err(Error::invalid("a usage that the algorithm does not have"));
        }
        if self.usage.contains(Usage::SIGN.union(Usage::SIGN_RAW)) {
            return Err(Error::invalid(
                "a key signs under contexts or raw, never both: a raw signature could pass for the other",
            ));
        }
        if self.not_after.is_some_and(|end| end <= now) {
            return Err(Error::invalid("`not-after` lies in the past"));
        }
        if self.max_uses == Some(0) {
            return Err(Error::invalid("`max-uses` must be at least 1"));
        }
        let parent_usage = self.usage.contains(Usage::AGREE) || self.usage.contains(Usage::DERIVE);
        if self.child.is_some() && !parent_usage {
            return Err(Error::invalid("a child policy needs the usage `agree` or `derive`"));
        }
        Ok(())
    }

    /// Whether only a provisioning partition may have such a key, or a key that could have such children.
    pub(crate) fn is_reserved(&self) -> bool {
        let child = self.child.as_ref();
        let child_is = |child: &ChildPolicy| {
            child.usage.intersects(Usage::RESERVED) || child.algorithms.contains(&Algorithm::XWing)
        };
        self.usage.intersects(Usage::RESERVED) || self.algorithm == Algorithm::XWing || child.is_some_and(child_is)
    }

    /// What a child of this key gets for `wanted`.
    ///
    /// INVARIANT (usage never grows): a child, and what its own children may be, lies within the parent's child policy.
    pub(crate) fn child(&self, wanted: &Self, now: u64) -> Result<Self, Error> {
        wanted.check(now)?;
        if wanted.persistent {
            return Err(Error::invalid(
                "an agreed or derived key has no alias to be kept under: it cannot be persistent",
            ));
        }
        if wanted.usage.contains(Usage::ROTATE) {
            return Err(Error::invalid("an agreed or derived key cannot be rotated: agree or derive anew"));
        }
        let policy = self.child.as_ref().ok_or(Error::ChildNotPermitted)?;
        let within = policy.algorithms.contains(&wanted.algorithm)
            && policy.usage.contains(wanted.usage)
            && wanted.child.as_ref().is_none_or(|grandchild| policy.covers(grandchild));
        if !within {
            return Err(Error::ChildNotPermitted);
        }
        let not_after = match (self.not_after, wanted.not_after) {
            (Some(parent), Some(child)) => Some(parent.min(child)),
            (parent, child) => parent.or(child),
        };
        Ok(Self { not_after, ..wanted.clone() })
    }
}

impl ChildPolicy {
    fn covers(&self, other: &Self) -> bool {
        other.algorithms.is_subset(&self.algorithms) && self.usage.contains(other.usage)
    }
}

/// Checks an alias: 1 to 64 ASCII characters, none of them blank or a control.
pub(crate) fn check_alias(alias: &str) -> Result<(), Error> {
    if alias.len() > ALIAS_BYTES_MAX {
        return Err(Error::TooLarge { max_bytes: 64 });
    }
    if alias.is_empty() || !alias.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("an alias is 1 to 64 ASCII characters without blanks"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derivation_root() -> Template {
        Template::new(Algorithm::HmacSha256, Usage::DERIVE)
            .with_children([Algorithm::HmacSha256], Usage::MAC | Usage::DERIVE)
    }

    #[test]
    fn a_child_lies_within_the_policy_and_so_do_its_children() {
        let root = derivation_root();
        let child = Template::new(Algorithm::HmacSha256, Usage::MAC | Usage::DERIVE);
        assert_eq!(root.child(&child, 0), Ok(child.clone()));
        let narrower = child.clone().with_children([Algorithm::HmacSha256], Usage::MAC);
        assert_eq!(root.child(&narrower, 0), Ok(narrower.clone()));

        let other_algorithm = Template::new(Algorithm::ChaCha20Poly1305, Usage::ENCRYPT);
        assert_eq!(root.child(&other_algorithm, 0), Err(Error::ChildNotPermitted));
        let more_usage = Template::new(Algorithm::HmacSha256, Usage::MAC | Usage::DESTROY);
        assert_eq!(root.child(&more_usage, 0), Err(Error::ChildNotPermitted));
        let wider_grandchild = child.with_children([Algorithm::Ed25519], Usage::SIGN);
        assert_eq!(root.child(&wider_grandchild, 0), Err(Error::ChildNotPermitted));
    }

    #[test]
    fn a_child_never_outlives_its_parent() {
        let mut root = derivation_root();
        root.not_after = Some(100);
        let mut child = Template::new(Algorithm::HmacSha256, Usage::MAC);
        assert_eq!(root.child(&child, 0).unwrap().not_after, Some(100));
        child.not_after = Some(200);
        assert_eq!(root.child(&child, 0).unwrap().not_after, Some(100));
        child.not_after = Some(50);
        assert_eq!(root.child(&child, 0).unwrap().not_after, Some(50));
    }

    #[test]
    fn a_template_that_makes_no_sense_is_refused() {
        let good = Template::new(Algorithm::Ed25519, Usage::SIGN);
        assert_eq!(good.check(10), Ok(()));
        let cases = [
            Template { usage: Usage::NONE, ..good.clone() },
            Template { usage: Usage::SIGN | Usage::DECRYPT, ..good.clone() },
            Template { not_after: Some(10), ..good.clone() },
            Template { max_uses: Some(0), ..good.clone() },
            Template { usage: Usage::SIGN | Usage::SIGN_RAW, ..good.clone() },
            good.with_children([Algorithm::Ed25519], Usage::SIGN),
        ];
        for case in cases {
            assert!(matches!(case.check(10), Err(Error::Invalid(_))), "{case:?}");
        }
    }

    #[test]
    fn what_is_reserved_is_reserved_for_children_too() {
        let sealed = Template::new(Algorithm::HpkeX25519, Usage::UNSEAL);
        assert!(!sealed.is_reserved() && !derivation_root().is_reserved());
        assert!(Template::new(Algorithm::HpkeX25519, Usage::UNSEAL | Usage::NOISE).is_reserved());
        assert!(Template::new(Algorithm::XWing, Usage::DESTROY).is_reserved());
        let root = Template::new(Algorithm::HmacSha256, Usage::DERIVE);
        assert!(root.clone().with_children([Algorithm::Ed25519], Usage::SIGN_RAW).is_reserved());
        assert!(root.with_children([Algorithm::XWing], Usage::DESTROY).is_reserved());
    }

    #[test]
    fn aliases() {
        for good in ["a", "meter-id", "pseudonym/2026.1", &"x".repeat(64)] {
            assert_eq!(check_alias(good), Ok(()), "{good}");
        }
        for bad in ["", "two words", "tab\t", "zähler", "nul\0"] {
            assert!(matches!(check_alias(bad), Err(Error::Invalid(_))), "{bad}");
        }
        assert_eq!(check_alias(&"x".repeat(65)), Err(Error::TooLarge { max_bytes: 64 }));
    }
}
