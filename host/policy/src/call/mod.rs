//! A call in words, as a `[[test]]` or a command line gives it.

mod operations;

use crate::index::is_alias;
use crate::name::{is_name, is_service};
use crate::request::{Request, Sender};
use crate::topic::{Topic, TopicFilter};
use crate::vocabulary::{Algorithm, KeyOperation, LogLevel, Protection, StatelessOperation, Usage};

pub(crate) use operations::OPERATIONS;

/// A call with the fields that it names; which of them it needs follows from the operation.
///
/// ```
/// use m2m_policy::Call;
///
/// let call = Call { topic: Some("metering/7/reading".into()), ..Call::new("messaging.publish") };
/// let subject = call.with_request(|request| request.subject().to_owned())?;
/// assert_eq!(subject, "metering/7/reading");
/// # Ok::<(), m2m_policy::CallError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// As [`Request::operation`] gives it.
    pub operation: String,
    /// A topic.
    pub topic: Option<String>,
    /// A topic filter.
    pub filter: Option<String>,
    /// The alias of a key.
    pub alias: Option<String>,
    /// Of the payload; 0 without.
    pub size_bytes: Option<usize>,
    /// `ae:NAME`, `system`, `device` or `service:SERVICE/OPERATION`.
    pub sender: Option<String>,
    /// Without: `signed` for what comes from a `service:…`, else `local`.
    pub protection: Option<Protection>,
    /// False without.
    pub retain: Option<bool>,
    /// Of a log line.
    pub level: Option<LogLevel>,
    /// `SERVICE/OPERATION`: what is asked for, or what a message leaves under when a ceiling is asked.
    pub service: Option<String>,
    /// Of the key to be made.
    pub algorithm: Option<Algorithm>,
    /// Of the child to be made; nothing without.
    pub usage: Option<Usage>,
    /// Whether the key is a child of the one with this alias; false without.
    pub child: Option<bool>,
    /// Whether the key is to be kept; true without.
    pub persistent: Option<bool>,
    /// 0 without.
    pub timeout_ms: Option<u32>,
}

/// Why a [`Call`] is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No such operation.
    #[error("unknown call `{operation}`")]
    UnknownOperation {
        /// As given.
        operation: String,
    },
    /// A field is missing.
    #[error("missing `{field}` for the call `{operation}`")]
    Missing {
        /// Of the call.
        operation: String,
        /// Which one.
        field: &'static str,
    },
    /// A field that the operation has no use for.
    #[error("the call `{operation}` has no `{field}`")]
    NotTaken {
        /// Of the call.
        operation: String,
        /// Which one.
        field: &'static str,
    },
    /// A field that cannot be read.
    #[error("{message} for `{field}`, found `{found}`")]
    Malformed {
        /// Which one.
        field: &'static str,
        /// What was expected.
        message: String,
        /// What was there.
        found: String,
    },
}

impl Call {
    /// A call without fields.
    pub fn new(operation: &str) -> Self {
        Self { operation: operation.to_owned(), ..Self::default() }
    }

    /// Hands the call to `then` as a request.
    ///
    /// # Errors
    /// An unknown operation; a field that is missing, malformed, or that the operation has no use for.
    pub fn with_request<R>(&self, then: impl FnOnce(&Request<'_>) -> R) -> Result<R, CallError> {
        self.check_fields()?;
        let size_bytes = self.size_bytes.unwrap_or(0);
        let child = self.child.unwrap_or(false);
        let filter;
        let rights;
        let request = match self.operation.as_str() {
            "messaging.publish" => Request::Publish {
                topic: self.topic()?,
                size_bytes,
                protection: self.protection.unwrap_or(Protection::Local),
                service: self.optional_service()?,
                retain: self.retain.unwrap_or(false),
            },
            "messaging.send" => {
                Request::SendToPeer { topic: self.topic()?, size_bytes, service: self.optional_service()? }
            }
            "messaging.request" => {
                Request::Ask { topic: self.topic()?, size_bytes, timeout_ms: self.timeout_ms.unwrap_or(0) }
            }
            "messaging.subscribe" | "messaging.unsubscribe" => {
                filter = self.filter()?;
                match self.operation.as_str() {
                    "messaging.subscribe" => Request::Subscribe { filter: &filter },
                    _ => Request::Unsubscribe { filter: &filter },
                }
            }
            "messaging.deliver" => {
                rights = self.rights();
                let sender = self.sender(&rights)?;
                let usual = if matches!(sender, Sender::Node(_)) { Protection::Signed } else { Protection::Local };
                Request::Deliver { topic: self.topic()?, sender, protection: self.protection.unwrap_or(usual) }
            }
            "messaging.deliver-answer" => Request::DeliverAnswer { topic: self.topic()? },
            "messages.reply" => Request::Reply { topic: self.topic()?, size_bytes },
            "keys.generate" => Request::Generate {
                alias: self.alias()?,
                algorithm: self.algorithm.ok_or_else(|| self.missing("algorithm"))?,
                persistent: self.persistent.unwrap_or(true),
            },
            "keys.aliases" => Request::Aliases,
            "logging.log" => Request::Log { level: self.level.ok_or_else(|| self.missing("level"))? },
            "clocks.now" => Request::Clock,
            "authorization.services" => Request::Services,
            "authorization.request" => Request::Service { name: self.service()? },
            "authorization.change-pseudonym" => Request::ChangePseudonym,
            other => self.key_request(other.strip_prefix("keys.").unwrap_or(other), child)?,
        };
        Ok(then(&request))
    }

    /// What is left: a function without a key, or with one.
    fn key_request(&self, function: &str, child: bool) -> Result<Request<'_>, CallError> {
        if let Ok(operation) = function.parse::<StatelessOperation>() {
            return Ok(Request::Stateless(operation));
        }
        let unknown = |_| CallError::UnknownOperation { operation: self.operation.clone() };
        let operation: KeyOperation = function.parse().map_err(unknown)?;
        let alias = self.alias()?;
        match (self.algorithm, self.usage) {
            (None, None) => Ok(Request::Key { alias, child, operation }),
            (None, Some(_)) => Err(self.missing("algorithm")),
            (Some(algorithm), usage) => {
                Ok(Request::Child { alias, child, operation, algorithm, usage: usage.unwrap_or_default() })
            }
        }
    }

    fn check_fields(&self) -> Result<(), CallError> {
        let known = OPERATIONS.iter().find(|(name, ..)| *name == self.operation);
        let unknown = || CallError::UnknownOperation { operation: self.operation.clone() };
        let (_, needed, optional) = known.ok_or_else(unknown)?;
        for (field, is_given) in self.fields() {
            if is_given && !needed.contains(&field) && !optional.contains(&field) {
                return Err(CallError::NotTaken { operation: self.operation.clone(), field });
            }
            if !is_given && needed.contains(&field) {
                return Err(self.missing(field));
            }
        }
        Ok(())
    }

    fn fields(&self) -> [(&'static str, bool); 14] {
        [
            ("topic", self.topic.is_some()),
            ("filter", self.filter.is_some()),
            ("alias", self.alias.is_some()),
            ("size", self.size_bytes.is_some()),
            ("sender", self.sender.is_some()),
            ("protection", self.protection.is_some()),
            ("retain", self.retain.is_some()),
            ("level", self.level.is_some()),
            ("service", self.service.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("usage", self.usage.is_some()),
            ("child", self.child.is_some()),
            ("persistent", self.persistent.is_some()),
            ("timeout", self.timeout_ms.is_some()),
        ]
    }

    fn missing(&self, field: &'static str) -> CallError {
        CallError::Missing { operation: self.operation.clone(), field }
    }

    fn given<'c>(&self, field: &'static str, value: &'c Option<String>) -> Result<&'c str, CallError> {
        value.as_deref().ok_or_else(|| self.missing(field))
    }

    fn topic(&self) -> Result<&Topic, CallError> {
        let text = self.given("topic", &self.topic)?;
        Topic::new(text).map_err(|error| malformed("topic", error.to_string(), text))
    }

    fn filter(&self) -> Result<TopicFilter, CallError> {
        let text = self.given("filter", &self.filter)?;
        TopicFilter::new(text).map_err(|error| malformed("filter", error.to_string(), text))
    }

    fn alias(&self) -> Result<&str, CallError> {
        let alias = self.given("alias", &self.alias)?;
        let expected = "expected 1 to 64 printable ASCII characters";
        if is_alias(alias) { Ok(alias) } else { Err(malformed("alias", expected.to_owned(), alias)) }
    }

    fn service(&self) -> Result<&str, CallError> {
        let service = self.given("service", &self.service)?;
        let expected = "expected `SERVICE/OPERATION`";
        if is_service(service) { Ok(service) } else { Err(malformed("service", expected.to_owned(), service)) }
    }

    fn optional_service(&self) -> Result<Option<&str>, CallError> {
        self.service.is_some().then(|| self.service()).transpose()
    }

    /// The one right of a sender on another node.
    fn rights(&self) -> Vec<String> {
        let right = self.sender.as_deref().and_then(|sender| sender.strip_prefix("service:"));
        right.filter(|right| is_service(right)).map(str::to_owned).into_iter().collect()
    }

    fn sender<'c>(&'c self, rights: &'c [String]) -> Result<Sender<'c>, CallError> {
        let sender = self.given("sender", &self.sender)?;
        match sender.split_once(':') {
            None if sender == "system" => Ok(Sender::System),
            None if sender == "device" => Ok(Sender::Device),
            Some(("ae", name)) if is_name(name) => Ok(Sender::Ae(name)),
            Some(("service", _)) if !rights.is_empty() => Ok(Sender::Node(rights)),
            _ => {
                let expected = "expected `ae:NAME`, `system`, `device` or `service:SERVICE/OPERATION`";
                Err(malformed("sender", expected.to_owned(), sender))
            }
        }
    }
}

fn malformed(field: &'static str, message: String, found: &str) -> CallError {
    CallError::Malformed { field, message, found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table, `Request::operation` and `with_request` agree on every name.
    #[test]
    fn every_operation_makes_a_request_of_that_name() {
        for (operation, needed, _) in OPERATIONS {
            let text = |field: &str, value: &str| needed.contains(&field).then(|| value.to_owned());
            let call = Call {
                topic: text("topic", "a/b"),
                filter: text("filter", "a/+"),
                alias: text("alias", "k"),
                sender: text("sender", "service:a/b"),
                service: text("service", "a/b"),
                level: needed.contains(&"level").then_some(LogLevel::Info),
                algorithm: needed.contains(&"algorithm").then_some(Algorithm::Ed25519),
                ..Call::new(operation)
            };
            assert_eq!(call.with_request(|request| request.operation()), Ok(operation));
        }
    }

    #[test]
    fn a_field_too_few_and_a_field_too_many() {
        let operation = || "messaging.publish".to_owned();
        let missing = Call::new("messaging.publish").with_request(|_| ());
        assert_eq!(missing, Err(CallError::Missing { operation: operation(), field: "topic" }));
        let call = Call { topic: Some("a".into()), alias: Some("k".into()), ..Call::new("messaging.publish") };
        assert_eq!(call.with_request(|_| ()), Err(CallError::NotTaken { operation: operation(), field: "alias" }));
        let call = Call { topic: Some("a/#".into()), ..Call::new("messaging.publish") };
        assert!(matches!(call.with_request(|_| ()), Err(CallError::Malformed { field: "topic", .. })));
        let call = Call::new("messaging.publsh");
        assert!(matches!(call.with_request(|_| ()), Err(CallError::UnknownOperation { .. })));
    }
}
