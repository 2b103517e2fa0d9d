//! An AE's lines in the node's log.
//!
//! INVARIANT (one call, one line): what an AE logs cannot end its line, colour the terminal or pass for another's.

use m2m_policy::LogLevel;

use crate::capability::Permit;
use crate::capability::operation;
use crate::fault::is_steering;
use crate::transport::message::AeName;

const CONTEXT_CHARS_MAX: usize = 64;
const LINE_CHARS_MAX: usize = 1_024;

/// The log of one AE.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    ae: AeName,
}

impl Log {
    pub(crate) fn new(ae: &AeName) -> Self {
        Self { ae: AeName::clone(ae) }
    }

    /// Writes one line. The permit's level is the line's.
    pub(crate) fn line(&self, permit: &Permit<operation::Log>, context: &str, message: &str) {
        let ae = &*self.ae;
        let context = one_line(context, CONTEXT_CHARS_MAX);
        let message = one_line(message, LINE_CHARS_MAX);
        match permit.operation().level {
            LogLevel::Trace => tracing::trace!(target: "ae", ae, context, "{message}"),
            LogLevel::Debug => tracing::debug!(target: "ae", ae, context, "{message}"),
            LogLevel::Info => tracing::info!(target: "ae", ae, context, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "ae", ae, context, "{message}"),
            LogLevel::Error | LogLevel::Critical => tracing::error!(target: "ae", ae, context, "{message}"),
        }
    }
}

/// Escapes control and direction-changing characters, and cuts what is too long.
fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(chars_max));
    let mut chars = text.chars();
    for c in chars.by_ref().take(chars_max) {
        match c {
            c if is_steering(c) => line.extend(c.escape_unicode()),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m", 100), "a\\nb\\u{1b}[31m");
        assert_eq!(one_line("a\u{202e}b", 100), "a\\u{202e}b");
        assert_eq!(one_line("grün, 水", 100), "grün, 水");
    }

    #[test]
    fn a_line_is_cut() {
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc", 3), "abc");
    }
}
