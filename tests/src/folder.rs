//! The folder of one node, kept through its starts and stops.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::{self, Answer};
use crate::{AuditLine, Running, audit};

/// A node's folder. Removed when dropped.
#[derive(Debug)]
pub struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("m2m-test-").tempdir().unwrap() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The file or folder `name` in the node's state.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path().join("state").join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).unwrap_or_else(|error| panic!("`{name}`: {error}"));
    }

    /// Reads a file in it.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("`{name}`: {error}"))
    }

    /// Runs a command that ends by itself.
    pub fn host(&self, arguments: &[&str]) -> Answer {
        host::command(self.path(), arguments).output().unwrap().into()
    }

    /// Starts the node and waits until it runs.
    pub fn start(&self) -> Running<'_> {
        let mut node = self.launch();
        node.wait_until_running();
        node
    }

    /// Starts the node and waits for nothing.
    pub fn launch(&self) -> Running<'_> {
        self.launch_at("node.toml")
    }

    /// Starts the node of another file of the folder, and waits for nothing.
    pub fn launch_at(&self, node_toml: &str) -> Running<'_> {
        Running::start(self, node_toml)
    }

    /// Runs the node, which is expected not to start.
    pub fn start_refused(&self) -> Answer {
        let mut node = self.launch();
        let code = node.wait_until_ended();
        Answer { code, stdout: String::new(), stderr: node.log_text() }
    }

    /// `m2m-host audit verify --json`.
    pub fn audit_verify(&self) -> Answer {
        self.host(&["audit", "verify", "--json"])
    }

    /// The audit of the node, which stands still, is whole and compared with what the Secure Environment recorded.
    pub fn assert_audit_holds(&self) {
        let answer = self.audit_verify();
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let report = answer.json();
        assert_eq!(report["result"], "holds", "{report}");
        assert_eq!((&report["signatures-checked"], &report["head-checked"]), (&true.into(), &true.into()), "{report}");
    }

    /// The lines of the audit so far.
    pub fn audit(&self) -> Vec<AuditLine> {
        audit::lines(&self.state("audit.jsonl"))
    }
}
