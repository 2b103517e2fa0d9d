//! TOML files, with errors underlined where they are.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;

/// A file that is not what was expected: a report for people, with the place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub(crate) String);

/// Reads a file as `T`.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    parse(&path.display().to_string(), &text(path)?)
}

pub(crate) fn text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|error| FileError(format!("`{}`: {error}", path.display())))
}

/// Reads `text` as `T`; `file_name` is for errors.
pub(crate) fn parse<T: DeserializeOwned>(file_name: &str, text: &str) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| at(file_name, text, error.span().unwrap_or(0..0), error.message()))
}

/// One error at one place of one file.
pub(crate) fn at(file_name: &str, text: &str, span: Range<usize>, message: &str) -> FileError {
    let end = span.end.min(text.len());
    let snippet =
        Snippet::source(text).path(file_name).annotation(AnnotationKind::Primary.span(span.start.min(end)..end));
    let report = [Group::with_title(Level::ERROR.primary_title(message)).element(snippet)];
    FileError(Renderer::plain().render(&report).to_string())
}
