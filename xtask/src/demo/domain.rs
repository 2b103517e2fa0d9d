//! The demo's trust domain: `m2m-authority init`, and its servers in a process each.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::output;

const ROLES: [&str; 3] = ["mef", "aa", "relay"];
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Where the servers listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) mef: u16,
    pub(crate) aa: u16,
    pub(crate) relay: u16,
}

/// A trust domain whose servers run.
pub(crate) struct Domain {
    program: PathBuf,
    dir: PathBuf,
    servers: Vec<Child>,
}

impl Ports {
    /// Three that nobody listens on now.
    pub(crate) fn free() -> anyhow::Result<Self> {
        let listeners = [0, 1, 2].map(|_| TcpListener::bind("127.0.0.1:0"));
        let ports = listeners.into_iter().map(|listener| Ok(listener?.local_addr()?.port()));
        match ports.collect::<std::io::Result<Vec<_>>>()?.as_slice() {
            &[mef, aa, relay] => Ok(Self { mef, aa, relay }),
            _ => bail!("no free ports"),
        }
    }
}

impl Domain {
    pub(crate) fn start(program: &Path, dir: &Path, ports: Ports) -> anyhow::Result<Self> {
        let mut init = Command::new(program);
        // Short slots, so that what takes hours elsewhere happens while one looks.
        init.args(["init", "--json", "--service", "metering=report,command", "--slot", "20 s", "--per-slot", "4"]);
        for (flag, port) in [("--mef-port", ports.mef), ("--aa-port", ports.aa), ("--relay-port", ports.relay)] {
            init.args([flag, &port.to_string()]);
        }
        output(init.arg(dir))?;
        let mut domain = Self { program: program.to_owned(), dir: dir.to_owned(), servers: Vec::new() };
        for role in ROLES {
            domain.serve(role)?;
        }
        for port in [ports.mef, ports.aa, ports.relay] {
            wait_for(port)?;
        }
        Ok(domain)
    }

    fn serve(&mut self, role: &str) -> anyhow::Result<()> {
        let log = fs::File::create(self.dir.join(format!("{role}.log")))?;
        let mut server = Command::new(&self.program);
        server.args(["serve", "--role", role]).arg(&self.dir);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.servers.push(server.with_context(|| format!("`{}` could not be started", self.program.display()))?);
        Ok(())
    }

    /// What the manufacturer does: signs who the device is, and hands the trust bundle over.
    pub(crate) fn manufacture(&self, device: &Path, initialization: &Path) -> anyhow::Result<()> {
        let mut manufacture = Command::new(&self.program);
        manufacture.arg("manufacture").arg(&self.dir).arg(device).arg("--out").arg(initialization);
        output(&mut manufacture).map(drop)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn wait_for(port: u16) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < START_PATIENCE {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("nobody listens on port {port}: the logs of the authorities say why")
}
