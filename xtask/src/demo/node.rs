//! `m2m-host` as its user runs it: started, asked, stopped, its log read.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

use super::domain::Domain;
use crate::process::output;

/// What its owner does before a node's first start: it makes its device key, the manufacturer signs who it is, it takes that in.
pub(crate) fn initialize(host: &Path, dir: &Path, domain: &Domain) -> anyhow::Result<()> {
    let (device, initialization) = (dir.join("device.json"), dir.join("initialization.cbor"));
    output(Command::new(host).args(["init", "node.toml", "--device", "device.json"]).current_dir(dir))?;
    domain.manufacture(&device, &initialization)?;
    let install = ["init", "node.toml", "--initialization", "initialization.cbor"];
    output(Command::new(host).args(install).current_dir(dir)).map(drop)
}

const START_PATIENCE: Duration = Duration::from_secs(60);

/// A node in a process of its own.
pub(crate) struct RunningNode {
    host: PathBuf,
    dir: PathBuf,
    process: Child,
    log: Arc<Mutex<Log>>,
    reader: Option<JoinHandle<()>>,
}

/// What the node and its AEs logged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    other: Vec<String>,
}

/// One line of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) ae: String,
    #[serde(default)]
    pub(crate) message: String,
    /// Of a fault.
    #[serde(default)]
    pub(crate) kind: Option<String>,
}

/// One attempt of `rogue`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Attempt {
    pub(crate) name: String,
    /// As `rogue` was answered, or `fault: KIND` where it did not live to tell.
    pub(crate) outcome: String,
}

/// Said before an attempt that no instance should outlive.
const BEGUN: &str = "begun";

impl RunningNode {
    pub(crate) fn start(host: &Path, dir: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(host)
            .args(["run", "--json", "node.toml"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` could not be started", host.display()))?;
        let log = Arc::new(Mutex::new(Log::default()));
        let stderr = process.stderr.take().context("the node has no standard error")?;
        let sink = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).take_in(line);
            }
        });
        let mut node = Self { host: host.to_owned(), dir: dir.to_owned(), process, log, reader: Some(reader) };
        node.wait_until_it_answers()?;
        Ok(node)
    }

    fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_PATIENCE {
            self.check_alive()?;
            if self.status().is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("the node does not answer")
    }

    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the node ended by itself ({status}):\n{}", self.log().other.join("\n")),
        }
    }

    /// `m2m-host status --json`.
    pub(crate) fn status(&self) -> anyhow::Result<Value> {
        let output = Command::new(&self.host).args(["status", "--json"]).current_dir(&self.dir).output()?;
        if !output.status.success() {
            bail!("`m2m-host status`: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    pub(crate) fn log(&self) -> Log {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// SIGTERM, as an init system would; gives the whole log.
    pub(crate) fn stop(mut self) -> anyhow::Result<Log> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let status = self.process.wait()?;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if status.success() { Ok(self.log()) } else { bail!("the node did not stop cleanly: {status}") }
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `m2m-host audit verify --json`, on the node that was stopped.
pub(crate) fn verify_audit(host: &Path, dir: &Path) -> anyhow::Result<Value> {
    let output = Command::new(host).args(["audit", "verify", "--json"]).current_dir(dir).output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`m2m-host audit verify`: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

impl Log {
    fn take_in(&mut self, line: String) {
        match serde_json::from_str(&line) {
            Ok(line) => self.lines.push(line),
            Err(_) => self.other.push(line),
        }
    }

    /// What one AE logged, in order.
    pub(crate) fn of<'a>(&'a self, ae: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |line| line.target == "ae" && line.ae == ae).map(|line| line.message.as_str())
    }

    /// Whether the AE said that it is done.
    pub(crate) fn is_complete(&self, ae: &str) -> bool {
        self.of(ae).any(|message| message.starts_with("complete"))
    }

    /// In order, each with what became of it.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for line in self.lines.iter().filter(|line| line.ae == "rogue") {
            if let Some(kind) = &line.kind {
                // What the node says of an instance that ended belongs to the attempt it was at.
                attempts.iter_mut().rev().take(1).for_each(|attempt| attempt.outcome = format!("fault: {kind}"));
                continue;
            }
            let Some(name) = field(&line.message, "attempt") else { continue };
            let outcome = field(&line.message, "outcome").unwrap_or(BEGUN).to_owned();
            match attempts.iter_mut().find(|attempt| attempt.name == name) {
                Some(attempt) => attempt.outcome = outcome,
                None => attempts.push(Attempt { name: name.to_owned(), outcome }),
            }
        }
        attempts
    }
}

/// `value` of `key=value` in a line of words.
pub(crate) fn field<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    message.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_its_last_outcome() {
        let mut log = Log::default();
        for message in
            ["attempt=loop", "attempt=publish outcome=denied", "attempt=loop outcome=SURVIVED", "attempt=bomb"]
        {
            log.take_in(format!(r#"{{"target":"ae","ae":"rogue","message":"{message}"}}"#));
        }
        log.take_in(
            r#"{"target":"m2m_host::supervisor","ae":"rogue","kind":"memory","message":"fault: …"}"#.to_owned(),
        );
        let outcomes: Vec<_> = log.attempts().into_iter().map(|attempt| (attempt.name, attempt.outcome)).collect();
        let expected = [("loop", "SURVIVED"), ("publish", "denied"), ("bomb", "fault: memory")];
        assert_eq!(outcomes, expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())));
    }
}
