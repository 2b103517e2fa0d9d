//! How a chain can be broken.

use std::fmt;

use thiserror::Error;

/// Where and how a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct Broken {
    /// Line of the file, from 1.
    pub line: u64,
    /// The number that the line gives itself, where it could be read.
    pub seq: Option<u64>,
    /// What is wrong there.
    pub what: Defect,
}

/// The ways in which a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The line's hash is not that of its bytes.
    Changed,
    /// Lines from `expected` up to this one are missing.
    Dropped {
        /// The number that should stand here.
        expected: u64,
    },
    /// Lines are in another order than they were written in, or one stands there twice.
    Reordered {
        /// The number that should stand here.
        expected: u64,
    },
    /// Number and hash are right in themselves, but this is not the successor of the line before.
    Unchained,
    /// The hash at this number is not the one that the Secure Environment recorded: the chain was written anew.
    Rewritten,
    /// The file ends before the line that the Secure Environment recorded.
    CutOff {
        /// That line's number.
        recorded: u64,
    },
    /// The last line is incomplete.
    Torn,
    /// The checkpoint is not signed by the given key, or signs another line.
    BadSignature,
    /// Not an audit line: no JSON object, another form, or too long.
    NotALine,
}

impl Defect {
    /// A short name, for `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Defect::Changed => "changed",
            Defect::Dropped { .. } => "dropped",
            Defect::Reordered { .. } => "reordered",
            Defect::Unchained => "unchained",
            Defect::Rewritten => "rewritten",
            Defect::CutOff { .. } => "cut-off",
            Defect::Torn => "torn",
            Defect::BadSignature => "bad-signature",
            Defect::NotALine => "not-a-line",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::Changed => f.write_str("changed after it was written"),
            Defect::Dropped { expected } => {
                write!(f, "expected seq {expected}: lines before this one are missing")
            }
            Defect::Reordered { expected } => {
                write!(f, "expected seq {expected}: lines are out of order or repeated")
            }
            Defect::Unchained => f.write_str("does not follow the line before: one of the two was replaced"),
            Defect::Rewritten => {
                f.write_str("not the line that the Secure Environment recorded: the chain was written anew")
            }
            Defect::CutOff { recorded } => {
                write!(f, "the file ends before seq {recorded}, which the Secure Environment recorded")
            }
            Defect::Torn => f.write_str("the last line is incomplete"),
            Defect::BadSignature => f.write_str("the checkpoint's signature does not hold under this key"),
            Defect::NotALine => f.write_str("not an audit line"),
        }
    }
}
