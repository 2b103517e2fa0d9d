//! Errors in a file, with the place underlined.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One error at one place of one file, as plain text.
pub(crate) fn error(file_name: &str, text: &str, span: Range<usize>, message: &str, help: Option<&str>) -> String {
    let end = span.end.min(text.len());
    let start = span.start.min(end);
    let snippet = Snippet::source(text).path(file_name).annotation(AnnotationKind::Primary.span(start..end));
    let mut report = vec![Group::with_title(Level::ERROR.primary_title(message)).element(snippet)];
    report.extend(help.map(|help| Group::with_title(Level::HELP.secondary_title(help))));
    Renderer::plain().render(&report).to_string()
}
