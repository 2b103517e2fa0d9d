//! The audit, line by line.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// One line; what its kind does not have is empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditLine {
    /// `call`, `calls`, `ae`, `node`, `checkpoint` or `break`.
    pub kind: String,
    /// Whom it is about.
    #[serde(default)]
    pub ae: String,
    /// The step in a life.
    #[serde(default)]
    pub event: String,
    /// The kind of fault.
    #[serde(default)]
    pub fault: String,
    /// The right.
    #[serde(default)]
    pub operation: String,
    /// What was asked for.
    #[serde(default)]
    pub subject: String,
    /// How it was answered.
    #[serde(default)]
    pub effect: String,
    /// `file:line`.
    #[serde(default)]
    pub rule: String,
    /// More words.
    #[serde(default)]
    pub text: String,
    /// How many calls.
    #[serde(default)]
    pub count: u64,
}

pub(crate) fn lines(file: &Path) -> Vec<AuditLine> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("`{}`: {error}", file.display()));
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}
