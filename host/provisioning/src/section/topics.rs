//! `[trust.topics]`: which operation of a service a topic belongs to.

use std::collections::BTreeMap;
use std::fmt;

use m2m_policy::topic::{Topic, TopicFilter};
use serde::Deserialize;

/// `service/operation`, as in `metering/report`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct OperationName(String);

impl OperationName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperationName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
        };
        match text.split_once('/') {
            Some((service, operation)) if plain(service) && plain(operation) && text.len() <= 64 => Ok(Self(text)),
            _ => Err(format!("`{}` is no operation of a service, as `metering/report`", text.escape_debug())),
        }
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which operation a topic belongs to. No topic belongs to two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "BTreeMap<OperationName, Vec<String>>")]
pub struct Topics(Vec<(OperationName, TopicFilter)>);

impl Topics {
    /// The operation that a message on `topic` needs, as in `metering/report`; `None` for topics of no service.
    #[must_use]
    pub fn operation(&self, topic: &str) -> Option<&str> {
        let topic = Topic::new(topic).ok()?;
        self.0.iter().find(|(_, filter)| filter.matches(topic)).map(|(operation, _)| operation.as_str())
    }

    /// All operations that topics belong to, each once.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        let mut last = None;
        self.0.iter().map(|(operation, _)| operation.as_str()).filter(move |name| last.replace(*name) != Some(*name))
    }
}

impl TryFrom<BTreeMap<OperationName, Vec<String>>> for Topics {
    type Error = String;

    fn try_from(map: BTreeMap<OperationName, Vec<String>>) -> Result<Self, String> {
        let mut topics: Vec<(OperationName, TopicFilter)> = Vec::new();
        for (operation, texts) in map {
            for text in texts {
                let filter = TopicFilter::new(&text).map_err(|error| format!("topic filter `{text}`: {error}"))?;
                if filter.is_reserved() {
                    return Err(format!("`{text}` names topics of the node itself, which never leave it"));
                }
                let overlap = topics.iter().find(|(other, held)| *other != operation && held.overlaps(&filter));
                if let Some((other, held)) = overlap {
                    return Err(format!(
                        "`{text}` of `{operation}` and `{held}` of `{other}` have topics in common: a topic belongs to one operation"
                    ));
                }
                topics.push((operation.clone(), filter));
            }
        }
        Ok(Self(topics))
    }
}
