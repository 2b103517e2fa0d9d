//! What a node wrote on standard error.

use serde::Deserialize;

/// One line of the log in JSON.
#[derive(Debug, Clone, Deserialize)]
pub struct LogLine {
    /// `INFO`, `WARN`, `ERROR`.
    pub level: String,
    /// `ae` for what AEs log.
    pub target: String,
    /// Which AE.
    #[serde(default)]
    pub ae: String,
    /// The place in the AE that it names.
    #[serde(default)]
    pub context: String,
    /// What it says.
    #[serde(default)]
    pub message: String,
}

/// Lines in JSON, and others: errors of the command itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) raw: Vec<String>,
    pub(crate) other: Vec<String>,
}

impl Log {
    pub(crate) fn take_in(&mut self, line: String) {
        match serde_json::from_str(&line) {
            Ok(parsed) => self.lines.push(parsed),
            Err(_) => self.other.push(line.clone()),
        }
        self.raw.push(line);
    }

    pub(crate) fn of_ae(&self, ae: &str) -> Vec<String> {
        let lines = self.lines.iter().filter(|line| line.target == "ae" && line.ae == ae);
        lines.map(|line| line.message.clone()).collect()
    }
}
