//! The words that capability files and requests share: algorithms, operations, levels.
//!
//! Every enum here reads and prints the word of the WIT (`FromStr`, `Display`), so that a capability file reads like the
//! contract it grants.

mod sets;

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

pub use sets::{Algorithms, KeyOperations, Protections, StatelessOperations, Usage};

/// A word that is none of those expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{word}`, expected {}", list_words(.expected))]
pub struct UnknownWord {
    /// What kind of word was expected, as in `algorithm`.
    pub what: &'static str,
    /// The word that was given.
    pub word: String,
    /// All words that would have been understood.
    pub expected: &'static [&'static str],
}

/// "`a`, `b` or `c`".
pub(crate) fn list_words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$item_doc:meta])* $item:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $item,)+ }

        impl $name {
            /// All values, in the order of the WIT.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];
            /// Their words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The word of the WIT and of capability files.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$item),)+
                    _ => Err(UnknownWord { what: $what, word: word.to_owned(), expected: Self::WORDS }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What a key computes.
    Algorithm, "algorithm", {
        /// Signatures, RFC 8032.
        Ed25519 => "ed25519",
        /// Key agreement, RFC 7748.
        X25519 => "x25519",
        /// Hybrid public-key encryption, RFC 9180.
        HpkeX25519 => "hpke-x25519",
        /// Authenticated encryption, RFC 8439.
        ChaCha20Poly1305 => "chacha20-poly1305",
        /// Message authentication, RFC 2104, and the root of key derivation.
        HmacSha256 => "hmac-sha256",
    }
}

vocabulary! {
    /// A function of the WIT resource `key`, or the one that opens it.
    KeyOperation, "key operation", {
        /// Gets a handle.
        Open => "open",
        /// Reads what the key is.
        Attributes => "attributes",
        /// Reads the public half.
        PublicKey => "public-key",
        /// Signs a message.
        Sign => "sign",
        /// Encrypts with a fresh nonce.
        Encrypt => "encrypt",
        /// Opens what `encrypt` gave.
        Decrypt => "decrypt",
        /// Opens what `seal` gave.
        Unseal => "unseal",
        /// Makes a child key with a peer's public key.
        Agree => "agree",
        /// Makes a child key from this one.
        Derive => "derive",
        /// Computes an authentication code.
        Mac => "mac",
        /// Checks an authentication code.
        VerifyMac => "verify-mac",
        /// Makes a new version.
        Rotate => "rotate",
        /// Ends the key.
        Destroy => "destroy",
        /// Makes a signed statement about the key.
        Attest => "attest",
    }
}

vocabulary! {
    /// What the Secure Environment computes without a key of the AE.
    StatelessOperation, "stateless operation", {
        /// Checks a signature with a given public key.
        Verify => "verify",
        /// Encrypts to a given public key.
        Seal => "seal",
        /// Gives random bytes.
        Random => "random",
    }
}

vocabulary! {
    /// How urgent a log line is; later ones are more urgent.
    LogLevel, "level", {
        /// Every step.
        Trace => "trace",
        /// What a developer looks for.
        Debug => "debug",
        /// What happened.
        Info => "info",
        /// What may go wrong.
        Warn => "warn",
        /// What went wrong.
        Error => "error",
        /// What stops the AE.
        Critical => "critical",
    }
}

vocabulary! {
    /// How a message is protected on its way. No capability file can name `unauthenticated` yet.
    Protection, "protection", {
        /// Never leaves the node.
        Local => "local",
        /// Readable by all, signed under the node's pseudonym.
        Signed => "signed",
        /// Readable by the addressed peer alone.
        Confidential => "confidential",
        /// From a plain device.
        Unauthenticated => "unauthenticated",
    }
}

vocabulary! {
    /// A part of the AE's world that exists for it only by grant.
    Interface, "interface", {
        /// `m2m:node/keys`: any key entry, or `[stateless]`.
        Keys => "keys",
        /// `m2m:node/messages` and `m2m:node/messaging`: any publish, request or subscribe grant.
        Messaging => "messaging",
        /// `m2m:node/authorization`.
        Authorization => "authorization",
        /// `wasi:logging`.
        Logging => "logging",
        /// `wasi:clocks`.
        Clocks => "clocks",
        /// The remaining WASI interfaces, which answer every call with a refusal.
        Wasi => "wasi",
    }
}

impl Algorithm {
    /// Whether a key of this algorithm has the operation at all.
    pub fn offers(self, operation: KeyOperation) -> bool {
        use KeyOperation as Op;
        match operation {
            Op::Open | Op::Attributes | Op::Rotate | Op::Destroy | Op::Attest => true,
            Op::PublicKey => matches!(self, Self::Ed25519 | Self::X25519 | Self::HpkeX25519),
            Op::Sign => self == Self::Ed25519,
            Op::Encrypt | Op::Decrypt => self == Self::ChaCha20Poly1305,
            Op::Unseal => self == Self::HpkeX25519,
            Op::Agree => self == Self::X25519,
            Op::Derive | Op::Mac | Op::VerifyMac => self == Self::HmacSha256,
        }
    }
}

vocabulary! {
    /// One flag of the WIT's `usage`.
    KeyUsage, "usage", {
        /// `sign`.
        Sign => "sign",
        /// `encrypt`.
        Encrypt => "encrypt",
        /// `decrypt`.
        Decrypt => "decrypt",
        /// `unseal`.
        Unseal => "unseal",
        /// `agree`.
        Agree => "agree",
        /// `derive`.
        Derive => "derive",
        /// `mac` and `verify-mac`.
        Mac => "mac",
        /// `rotate`.
        Rotate => "rotate",
        /// `destroy`.
        Destroy => "destroy",
        /// `attest`.
        Attest => "attest",
    }
}

impl KeyUsage {
    /// The usage that an operation takes up; `None` for reading.
    pub fn of(operation: KeyOperation) -> Option<Self> {
        use KeyOperation as Op;
        match operation {
            Op::Open | Op::Attributes | Op::PublicKey => None,
            Op::Sign => Some(Self::Sign),
            Op::Encrypt => Some(Self::Encrypt),
            Op::Decrypt => Some(Self::Decrypt),
            Op::Unseal => Some(Self::Unseal),
            Op::Agree => Some(Self::Agree),
            Op::Derive => Some(Self::Derive),
            Op::Mac | Op::VerifyMac => Some(Self::Mac),
            Op::Rotate => Some(Self::Rotate),
            Op::Destroy => Some(Self::Destroy),
            Op::Attest => Some(Self::Attest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(*algorithm));
        }
        let unknown = "rsa".parse::<Algorithm>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown algorithm `rsa`, expected `ed25519`, `x25519`, `hpke-x25519`, `chacha20-poly1305` or `hmac-sha256`"
        );
    }

    #[test]
    fn an_algorithm_offers_its_own_operations_only() {
        assert!(Algorithm::Ed25519.offers(KeyOperation::Sign));
        assert!(!Algorithm::Ed25519.offers(KeyOperation::Encrypt));
        assert!(Algorithm::HmacSha256.offers(KeyOperation::Derive));
        assert!(!Algorithm::X25519.offers(KeyOperation::Derive));
    }
}
