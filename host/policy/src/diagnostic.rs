//! What is wrong with a capability file, and where.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

/// The most errors that one run lists.
pub(crate) const DIAGNOSTICS_MAX: usize = 30;

/// One error in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The underlined bytes, counted from the start of `source_line`.
    pub(crate) underline: Range<usize>,
    pub(crate) source_line: String,
}

/// A capability file that was refused: everything that is wrong with it, in the order of the file.
///
/// `Display` shows each error under its line, as `render(false)` does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render(false))]
pub struct PolicyError {
    pub(crate) file_name: String,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Errors past the first [`DIAGNOSTICS_MAX`].
    pub(crate) left_out: usize,
}

impl PolicyError {
    /// As it was given to [`Policy::parse`](crate::Policy::parse).
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The errors, sorted by place; never empty.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// For a terminal: each error with its line, underlined. With `color`, in ANSI colours.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let rendered = self.diagnostics.iter().map(|diagnostic| renderer.render(&[diagnostic.group(&self.file_name)]));
        let mut text = rendered.collect::<Vec<_>>().join("\n\n");
        if self.left_out > 0 {
            text.push_str(&format!("\n\n{} more errors are not shown", self.left_out));
        }
        text
    }
}

impl Diagnostic {
    fn group<'a>(&'a self, file_name: &'a str) -> Group<'a> {
        let snippet = Snippet::source(self.source_line.as_str())
            .line_start(self.line)
            .path(file_name)
            .annotation(AnnotationKind::Primary.span(self.underline.clone()));
        let group = Level::ERROR.primary_title(normalize_untrusted_str(&self.message)).element(snippet);
        match &self.help {
            Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
            None => group,
        }
    }
}

/// Something in a file that is valid and yet worth another look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// From 1.
    pub line: u32,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Collects errors against one text.
pub(crate) struct Reporter<'t> {
    text: &'t str,
    /// The byte that each line starts at.
    line_starts: Vec<usize>,
    found: Vec<Diagnostic>,
    count: usize,
}

impl<'t> Reporter<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place + 1);
        Self { text, line_starts: std::iter::once(0).chain(starts).collect(), found: Vec::new(), count: 0 }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, place: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= place).max(1)
    }

    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.report(span, message.into(), None);
    }

    pub(crate) fn error_with_help(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.report(span, message.into(), Some(help.into()));
    }

    fn report(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.count += 1;
        if self.found.len() >= DIAGNOSTICS_MAX {
            return;
        }
        let start = floor_char(self.text, span.start);
        let line = self.line(start);
        let line_start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let rest = self.text.get(line_start..).unwrap_or("");
        let source_line = rest.split('\n').next().unwrap_or("").trim_end_matches('\r');
        let from = (start - line_start).min(source_line.len());
        let to = floor_char(self.text, span.end).saturating_sub(line_start).clamp(from, source_line.len());
        let column = source_line.get(..from).map_or(1, |before| before.chars().count() + 1);
        self.found.push(Diagnostic {
            line,
            column,
            message,
            help,
            underline: from..to,
            source_line: source_line.to_owned(),
        });
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn into_error(mut self, file_name: &str) -> PolicyError {
        self.found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
        PolicyError {
            file_name: file_name.to_owned(),
            left_out: self.count - self.found.len(),
            diagnostics: self.found,
        }
    }
}

fn floor_char(text: &str, place: usize) -> usize {
    (0..=place.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}
