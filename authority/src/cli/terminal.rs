//! What people see: errors, colour where it is wanted, progress where there is a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

/// An error with its causes, on standard error.
pub(super) fn error(error: &anyhow::Error) {
    let mut out = anstream::stderr();
    let _ = writeln!(out, "\x1b[1;31merror\x1b[0m: {error:#}");
}

/// A line for people, on standard output.
pub(super) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// One JSON value on a line of standard output.
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string(value)?);
    Ok(())
}

/// Whether what is printed on standard error may be coloured.
pub(super) fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// A file of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let named = || format!("`{}`", path.display());
    let size = std::fs::metadata(path).with_context(named)?.len();
    anyhow::ensure!(size <= limit, "`{}` has {size} bytes, expected at most {limit}", path.display());
    std::fs::read(path).with_context(named)
}

/// A file as a whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.file_name().context("no file name")?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path));
    written.with_context(|| format!("`{}`", path.display()))
}

/// A line that turns while something takes its time; silent where nobody watches.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn start() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    pub(super) fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
