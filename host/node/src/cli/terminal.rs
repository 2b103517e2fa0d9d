//! What people see: errors, colour where it is wanted, progress where there is a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

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

/// Seconds since 1970 as people read them.
pub(super) fn time(seconds: u64) -> impl std::fmt::Display {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_secs(seconds.min(TIME_MAX)))
}

/// The end of the year 9999; what is later cannot be written.
const TIME_MAX: u64 = 253_402_300_799;

/// One JSON value on a line of standard output.
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string(value)?);
    Ok(())
}

/// Whether what is printed on standard error may be coloured.
pub(super) fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
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
