//! Why a value has no CBOR, or a payload no value.

use std::{borrow::Cow, fmt};

use serde::{
    de::{Expected, Unexpected},
    ser,
};

/// What was expected. What was found is left out, since writing it takes more code than all the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) Cow<'static, str>);

impl Failure {
    pub(super) const fn new(what: &'static str) -> Self {
        Failure(Cow::Borrowed(what))
    }
}

impl ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure(message.to_string().into())
    }
}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure(message.to_string().into())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Failure(format!("expected {expected}").into())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Failure(format!("expected {expected}").into())
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Failure(format!("unknown variant `{variant}`").into())
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Failure(format!("unknown field `{field}`").into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}
