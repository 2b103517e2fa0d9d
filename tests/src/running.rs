//! A node that runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::log::Log;
use crate::{AeReport, Folder, LogLine, NodeReport, host, poll};

/// How much of its log a node that failed a test shows.
const LINES_SHOWN: usize = 60;

/// A node in a process of its own, which ends with this value.
pub struct Running<'a> {
    folder: &'a Folder,
    process: Child,
    log: Arc<Mutex<Log>>,
    reader: Option<JoinHandle<()>>,
}

impl<'a> Running<'a> {
    pub(crate) fn start(folder: &'a Folder, node_toml: &str) -> Self {
        let mut command = host::command(folder.path(), &["run", "--json", node_toml]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = process.stderr.take().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let sink = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                sink.lock().unwrap_or_else(PoisonError::into_inner).take_in(line);
            }
        });
        Self { folder, process, log, reader: Some(reader) }
    }

    pub(crate) fn wait_until_running(&mut self) {
        let log = Arc::clone(&self.log);
        let is_running = || log.lock().unwrap().lines.iter().any(|line| line.message == "running");
        let ended = poll(|| match self.process.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => is_running().then_some(None),
        });
        match ended {
            Some(None) => {}
            Some(Some(status)) => panic!("the node did not start ({status}):\n{}", self.log_text()),
            None => panic!("the node does not begin to run:\n{}", self.log_text()),
        }
    }

    /// Waits until the process has ended by itself, and gives its exit code.
    pub fn wait_until_ended(&mut self) -> Option<i32> {
        let status = poll(|| self.process.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("the node did not end:\n{}", self.log_text()));
        self.join_reader();
        status.code()
    }

    /// `m2m-host status --json`.
    pub fn status(&self) -> NodeReport {
        let answer = self.folder.host(&["status", "--json"]);
        assert_eq!(answer.code, Some(0), "{answer:?}\n{}", self.log_text());
        serde_json::from_value(answer.json()).unwrap()
    }

    /// The status of one AE.
    pub fn ae(&self, name: &str) -> AeReport {
        self.status().ae(name).clone()
    }

    /// Everything that AEs and node logged so far.
    pub fn log(&self) -> Vec<LogLine> {
        self.lock().lines.clone()
    }

    /// What one AE logged so far.
    pub fn log_of(&self, ae: &str) -> Vec<String> {
        self.lock().of_ae(ae)
    }

    /// Standard error as it came.
    pub fn raw_log(&self) -> Vec<String> {
        self.lock().raw.clone()
    }

    /// The end of standard error for people, without the bystander's numbers.
    pub fn log_text(&self) -> String {
        let log = self.lock();
        let lines: Vec<&str> =
            log.raw.iter().map(String::as_str).filter(|line| !line.contains(r#""ae":"echo""#)).collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// Asks until there is an answer.
    pub fn wait_for<T>(&self, what: &str, mut ask: impl FnMut(&Self) -> Option<T>) -> T {
        poll(|| ask(self)).unwrap_or_else(|| panic!("waited in vain for {what}; the log ends:\n{}", self.log_text()))
    }

    /// Waits until the AE logged a line that begins so, and gives the first one.
    pub fn wait_for_line(&self, ae: &str, begins: &str) -> String {
        let find = |node: &Self| node.log_of(ae).into_iter().find(|line| line.starts_with(begins));
        self.wait_for(&format!("`{begins}` from `{ae}`"), find)
    }

    /// Waits until `status` gives the AE this life.
    pub fn wait_for_life(&self, ae: &str, life: &str) -> AeReport {
        self.wait_for(&format!("`{ae}` to be {life}"), |node| {
            let ae = node.ae(ae);
            assert!(ae.life == life || ae.life != "refused", "not let in: {}", ae.refused);
            (ae.life == life).then_some(ae)
        })
    }

    /// SIGTERM, as an init system would; the node stops cleanly. Gives the whole log.
    pub fn stop(mut self) -> Vec<LogLine> {
        self.signal(Signal::TERM);
        let code = self.wait_until_ended();
        assert_eq!(code, Some(0), "the node did not stop cleanly:\n{}", self.log_text());
        let log = self.log();
        assert!(log.iter().any(|line| line.message == "stopped"), "{}", self.log_text());
        log
    }

    /// SIGKILL: what a crash of the process looks like. Gives the log up to there.
    pub fn kill(mut self) -> Vec<LogLine> {
        self.signal(Signal::KILL);
        self.process.wait().unwrap();
        self.join_reader();
        self.log()
    }

    /// Sends a signal and waits for nothing.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
