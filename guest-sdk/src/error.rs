//! What a call answers instead of its result.

use std::fmt;

use crate::wit::m2m::node::errors;

/// The result of everything that asks the node.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call gave nothing. The first six are the node's answers (`errors.error` in the WIT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The capability file, the node's ceiling or the subscription does not allow it.
    Denied(Denial),
    /// No such thing, or not this entity's: the two cannot be told apart.
    NotFound,
    /// A malformed argument; the text says what was expected.
    Invalid(String),
    /// A rate, quota, use count or mailbox is used up.
    Exhausted {
        /// Milliseconds until another try is worth it.
        retry_after_ms: u32,
    },
    /// Not now; the text says why.
    Unavailable(String),
    /// Over a size limit.
    TooLarge {
        /// The limit.
        max_bytes: u32,
    },
    /// A payload that is not what its topic's type says. Found here, not by the node.
    Payload(String),
    /// The entity's own failure, in its own words.
    Failed(String),
}

/// Which right was missing, and over what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// As a capability file names it: `messaging.publish`, `keys.sign`.
    pub operation: String,
    /// The topic, topic filter, key alias, clock or service that was asked for.
    pub subject: String,
    /// `file:line` of the rule that decided; absent when no rule allows the call.
    pub rule: Option<String>,
}

impl From<errors::Error> for Error {
    fn from(error: errors::Error) -> Self {
        match error {
            errors::Error::Denied(denial) => {
                Error::Denied(Denial { operation: denial.operation, subject: denial.subject, rule: denial.rule })
            }
            errors::Error::NotFound => Error::NotFound,
            errors::Error::Invalid(expected) => Error::Invalid(expected),
            errors::Error::Exhausted(retry_after_ms) => Error::Exhausted { retry_after_ms },
            errors::Error::Unavailable(why) => Error::Unavailable(why),
            errors::Error::TooLarge(max_bytes) => Error::TooLarge { max_bytes },
        }
    }
}

impl From<String> for Error {
    fn from(what: String) -> Self {
        Error::Failed(what)
    }
}

impl From<&str> for Error {
    fn from(what: &str) -> Self {
        Error::Failed(what.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Denied(denial) => denial.fmt(f),
            Error::NotFound => f.write_str("not found"),
            Error::Invalid(expected) => write!(f, "invalid: {expected}"),
            Error::Exhausted { retry_after_ms } => {
                write!(f, "exhausted, try again in {retry_after_ms} ms")
            }
            Error::Unavailable(why) => write!(f, "unavailable: {why}"),
            Error::TooLarge { max_bytes } => write!(f, "too large, at most {max_bytes} bytes"),
            Error::Payload(why) => write!(f, "payload: {why}"),
            Error::Failed(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied `{}` on `{}`", self.operation, self.subject)?;
        match &self.rule {
            Some(rule) => write!(f, " by {rule}"),
            None => f.write_str(", no rule allows it"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_operation_subject_and_rule() {
        let mut denial = Denial {
            operation: "keys.sign".to_owned(),
            subject: "meter-id".to_owned(),
            rule: Some("meter.toml:9".to_owned()),
        };
        assert_eq!(Error::Denied(denial.clone()).to_string(), "denied `keys.sign` on `meter-id` by meter.toml:9");
        denial.rule = None;
        assert_eq!(Error::Denied(denial).to_string(), "denied `keys.sign` on `meter-id`, no rule allows it");
    }

    #[test]
    fn each_answer_of_the_node_keeps_its_variant_and_its_number() {
        for (from, to) in [
            (errors::Error::NotFound, Error::NotFound),
            (errors::Error::Exhausted(20), Error::Exhausted { retry_after_ms: 20 }),
            (errors::Error::TooLarge(4096), Error::TooLarge { max_bytes: 4096 }),
            (errors::Error::Unavailable("audit".to_owned()), Error::Unavailable("audit".to_owned())),
            (errors::Error::Invalid("a topic".to_owned()), Error::Invalid("a topic".to_owned())),
        ] {
            assert_eq!(Error::from(from), to);
        }
    }
}
