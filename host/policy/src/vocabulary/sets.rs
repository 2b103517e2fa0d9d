//! Sets of words, as bits.

use super::{Algorithm, KeyOperation, KeyUsage, Protection, StatelessOperation};

macro_rules! bit_set {
    ($(#[$doc:meta])* $set:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub struct $set(u16);

        impl $set {
            /// The set of nothing.
            pub const EMPTY: Self = Self(0);

            /// Whether nothing is in it.
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether `item` is in it.
            #[inline]
            pub fn contains(self, item: $item) -> bool {
                self.0 & (1 << item as u16) != 0
            }

            /// Whether all of `other` is in it.
            pub fn includes(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// This set and `item`.
            #[must_use]
            pub fn with(self, item: $item) -> Self {
                Self(self.0 | (1 << item as u16))
            }

            /// Its items, in the order of the WIT.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                <$item>::ALL.iter().copied().filter(move |item| self.contains(*item))
            }
        }

        impl FromIterator<$item> for $set {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                items.into_iter().fold(Self::EMPTY, Self::with)
            }
        }
    };
}

bit_set! {
    /// A set of [`KeyOperation`]s.
    KeyOperations of KeyOperation
}

bit_set! {
    /// A set of [`Algorithm`]s.
    Algorithms of Algorithm
}

bit_set! {
    /// A set of [`StatelessOperation`]s.
    StatelessOperations of StatelessOperation
}

bit_set! {
    /// A set of [`Protection`]s.
    Protections of Protection
}

bit_set! {
    /// What a key template says the key is for: a set of [`KeyUsage`] flags.
    Usage of KeyUsage
}

impl Usage {
    /// From the bits of the WIT's `flags usage`, where bit 0 is `sign`. `None` when an unknown bit is set.
    pub fn from_bits(bits: u16) -> Option<Self> {
        (bits >> KeyUsage::ALL.len() == 0).then_some(Self(bits))
    }
}

impl KeyOperations {
    /// The usages that these operations could take up.
    pub fn usage(self) -> Usage {
        self.iter().filter_map(KeyUsage::of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_wit_are_usages_and_unknown_bits_are_not() {
        let both = Usage::EMPTY.with(KeyUsage::Sign).with(KeyUsage::Attest);
        assert_eq!(Usage::from_bits(0b10_0000_0001), Some(both));
        assert_eq!(Usage::from_bits(0b100_0000_0000), None);
    }
}
