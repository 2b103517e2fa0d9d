//! Topics that outlive the text they were read from.

use std::fmt;
use std::sync::Arc;

use super::{Topic, TopicError};

/// A topic that many can hold: what a message carries to all of its receivers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedTopic(Arc<str>);

impl SharedTopic {
    /// Checks a text and keeps a copy.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        Topic::new(text).map(Self::from)
    }

    /// Borrowed, without another check.
    pub fn topic(&self) -> &Topic {
        Topic::wrap(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Topic> for SharedTopic {
    fn from(topic: &Topic) -> Self {
        Self(topic.as_str().into())
    }
}

impl fmt::Debug for SharedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SharedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
