//! What ends an instance: a broken contract, as against a refusal, which is an answer.

use wasmtime::Trap;

/// Why an instance ended. Kept apart by kind, since the audit, `status` and the tests ask for exactly one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// WebAssembly trapped by itself: unreachable code, a division by zero, an access out of bounds.
    #[error("trapped: {what}")]
    Trap {
        /// Wasmtime's name for it.
        what: String,
    },
    /// One call used more CPU time than `limits.cpu-per-message`.
    #[error("used more than {limit_ms} ms of CPU time in one call (`limits.cpu-per-message`)")]
    CpuPerMessage {
        /// The limit.
        limit_ms: u64,
    },
    /// One call cost the node a multiple of that, its host calls included.
    #[error("cost the node more than {limit_ms} ms with its host calls (eight times `limits.cpu-per-message`)")]
    CpuInAll {
        /// The limit.
        limit_ms: u64,
    },
    /// All memories together would pass `limits.memory`.
    #[error("asked for more than {limit_bytes} bytes of memory (`limits.memory`)")]
    Memory {
        /// The limit, summed over all memories.
        limit_bytes: u64,
    },
    /// All tables together would pass `limits.table-elements`.
    #[error("asked for more than {limit} table elements (`limits.table-elements`)")]
    TableElements {
        /// The limit, summed over all tables.
        limit: u64,
    },
    /// The stack of the guest is used up.
    #[error("used up its stack")]
    Stack,
    /// A handle that this instance does not hold, or of another type.
    #[error("used a handle that it does not hold: {what}")]
    ForgedHandle {
        /// Wasmtime's words.
        what: String,
    },
    /// More live handles than `limits.handles`.
    #[error("holds more than {limit} handles (`limits.handles`)")]
    Handles {
        /// The limit.
        limit: usize,
    },
    /// One host call carried more bytes than the node takes in.
    #[error("passed more than {limit_bytes} bytes in one host call")]
    HostCallBytes {
        /// The limit.
        limit_bytes: usize,
    },
    /// A call was denied that has no way to answer so, as `wasi:clocks` has none.
    #[error("was refused `{operation}`, which has no error to answer with: {why}")]
    Denied {
        /// As in a capability file.
        operation: &'static str,
        /// The refusal.
        why: String,
    },
    /// A call waited for something that did not come.
    #[error("did not come back within {after_ms} ms")]
    Stalled {
        /// How long it was waited for.
        after_ms: u64,
    },
    /// `init` answered an error.
    #[error("`init` failed: {message}")]
    Init {
        /// The AE's own words, bounded.
        message: String,
    },
    /// The component does not offer what its type said, or the node could not make an instance.
    #[error("could not be instantiated: {what}")]
    Instantiation {
        /// Wasmtime's words.
        what: String,
    },
}

impl Fault {
    /// The kind alone, as it stands in the audit: `cpu-per-message`, `forged-handle`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::CpuPerMessage { .. } => "cpu-per-message",
            Self::CpuInAll { .. } => "cpu-in-all",
            Self::Memory { .. } => "memory",
            Self::TableElements { .. } => "table-elements",
            Self::Stack => "stack",
            Self::ForgedHandle { .. } => "forged-handle",
            Self::Handles { .. } => "handles",
            Self::HostCallBytes { .. } => "host-call-bytes",
            Self::Denied { .. } => "denied",
            Self::Stalled { .. } => "stalled",
            Self::Init { .. } => "init",
            Self::Instantiation { .. } => "instantiation",
        }
    }

    /// Sorts what a call into a guest failed with.
    pub(crate) fn classify(error: &wasmtime::Error, limits: &CallLimits) -> Self {
        if let Some(fault) = error.downcast_ref::<Self>() {
            return fault.clone();
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return match trap {
                Trap::StackOverflow => Self::Stack,
                other => Self::Trap { what: other.to_string() },
            };
        }
        Self::from_words(&error.root_cause().to_string(), limits)
    }

    /// Wasmtime reports broken handles and limits of the canonical ABI as text alone.
    fn from_words(words: &str, limits: &CallLimits) -> Self {
        let what = bounded(words);
        if words.contains("handle index") || words.contains("borrow") && words.contains("handle") {
            Self::ForgedHandle { what }
        } else if words.contains("handles") || words.contains("resource table has no free keys") {
            Self::Handles { limit: limits.handles }
        } else if words.contains("fuel") {
            Self::HostCallBytes { limit_bytes: limits.host_call_bytes }
        } else {
            Self::Trap { what }
        }
    }
}

/// The limits that wasmtime enforces itself and reports without their numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) handles: usize,
    pub(crate) host_call_bytes: usize,
}

const FAULT_TEXT_CHARS_MAX: usize = 400;

/// A guest can have a hand in these texts: bounded, and on one line.
pub(crate) fn bounded(text: &str) -> String {
    let plain = |c: char| if c.is_control() || is_steering(c) { ' ' } else { c };
    let mut out: String = text.chars().map(plain).take(FAULT_TEXT_CHARS_MAX).collect();
    if text.chars().nth(FAULT_TEXT_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

/// Characters that change the direction of text or end a line without being control characters.
pub(crate) fn is_steering(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}
