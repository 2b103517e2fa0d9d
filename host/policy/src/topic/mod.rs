//! Topics and topic filters of MQTT 5 (OASIS standard, section 4.7), and a tree that finds the filters matching a topic.

mod filter;
mod shared;
mod tree;

use std::fmt;

use ref_cast::{RefCastCustom, ref_cast_custom};

pub use filter::TopicFilter;
pub use shared::SharedTopic;
pub use tree::FilterTree;

/// The longest topic or filter, in bytes of UTF-8 (MQTT 5, section 1.5.4).
pub const TOPIC_BYTES_MAX: usize = 65_535;
/// The most levels of a topic or filter. MQTT sets no limit; a bound keeps matching a short recursion.
pub const TOPIC_LEVELS_MAX: usize = 128;

/// Why a text is not a topic or not a topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// No bytes at all.
    #[error("expected at least one byte")]
    Empty,
    /// More than [`TOPIC_BYTES_MAX`] bytes.
    #[error("expected at most {TOPIC_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`TOPIC_LEVELS_MAX`] levels.
    #[error("expected at most {TOPIC_LEVELS_MAX} levels between `/`")]
    TooManyLevels,
    /// A NUL character.
    #[error("expected no NUL character")]
    Nul,
    /// `+` or `#` in a topic.
    #[error("expected a topic without `+` and `#`, which belong to topic filters")]
    Wildcard,
    /// `+` beside other characters of its level.
    #[error("expected `+` to fill its level, as in `a/+/b`")]
    PlusNotAlone,
    /// `#` anywhere but as the whole last level.
    #[error("expected `#` to be the whole last level, as in `a/#`")]
    HashNotLast,
    /// A shared subscription (MQTT 5, section 4.8.2), which the node does not have.
    #[error("expected no shared subscription (`$share/…`), which this node does not offer")]
    Shared,
}

/// A topic that messages are published to: 1 to 65,535 bytes without NUL, `+` and `#`, at most 128 levels.
///
/// ```
/// use m2m_policy::topic::{Topic, TopicError};
///
/// assert_eq!(Topic::new("metering/7/reading")?.as_str(), "metering/7/reading");
/// assert_eq!(Topic::new("metering/+/reading"), Err(TopicError::Wildcard));
/// # Ok::<(), TopicError>(())
/// ```
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, RefCastCustom)]
#[repr(transparent)]
pub struct Topic(str);

impl Topic {
    /// Checks a text; allocates nothing.
    pub fn new(text: &str) -> Result<&Self, TopicError> {
        check_length(text)?;
        let mut levels = 1;
        for byte in text.bytes() {
            match byte {
                0 => return Err(TopicError::Nul),
                b'+' | b'#' => return Err(TopicError::Wildcard),
                b'/' => levels += 1,
                _ => {}
            }
        }
        if levels > TOPIC_LEVELS_MAX {
            return Err(TopicError::TooManyLevels);
        }
        Ok(Self::wrap(text))
    }

    #[ref_cast_custom]
    fn wrap(text: &str) -> &Self;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with `$` and so belongs to the node: wildcards never match it.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'a> TryFrom<&'a str> for &'a Topic {
    type Error = TopicError;

    fn try_from(text: &'a str) -> Result<Self, TopicError> {
        Topic::new(text)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_length(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > TOPIC_BYTES_MAX {
        return Err(TopicError::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_at_and_past_each_limit() {
        let check = |text: &str, expected: Result<(), TopicError>| {
            assert_eq!(Topic::new(text).map(|_| ()), expected, "{:.40}", text);
        };
        check("a", Ok(()));
        check("/", Ok(()));
        check("", Err(TopicError::Empty));
        check("a\0", Err(TopicError::Nul));
        check("a/#", Err(TopicError::Wildcard));
        check("a+", Err(TopicError::Wildcard));
        check(&"a".repeat(TOPIC_BYTES_MAX), Ok(()));
        check(&"a".repeat(TOPIC_BYTES_MAX + 1), Err(TopicError::TooLong));
        check(&"/".repeat(TOPIC_LEVELS_MAX - 1), Ok(()));
        check(&"/".repeat(TOPIC_LEVELS_MAX), Err(TopicError::TooManyLevels));
    }
}
