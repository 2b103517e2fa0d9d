//! A trust domain: the real authorities, in a process each, and the folders of nodes in it.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::host::{self, Answer};
use crate::{Folder, TestNode, poll};

/// The ceiling of nodes in a domain.
const CEILING: &str = include_str!("../trust-ceiling.toml");

/// What `m2m-authority init` makes, in a folder of its own. Its servers end with this value.
#[derive(Debug)]
pub struct Domain {
    folder: tempfile::TempDir,
    ports: [u16; 3],
    servers: Vec<(Role, Child)>,
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Enrolment function.
    Mef,
    /// Authorization authority.
    Aa,
    /// Between nodes and the authorization authority.
    Relay,
}

/// Which end of the link a node is.
#[derive(Debug, Clone, Copy)]
pub enum LinkEnd<'a> {
    /// Makes the socket.
    Listen,
    /// Connects to the one of this folder.
    To(&'a Folder),
}

impl Domain {
    /// A domain whose servers run. `options` are further arguments of `m2m-authority init`.
    pub fn start(options: &[&str]) -> Self {
        let mut domain = Self::new(options);
        domain.serve(&[Role::Mef, Role::Aa, Role::Relay]);
        domain
    }

    /// A domain whose servers do not run yet.
    pub fn new(options: &[&str]) -> Self {
        let ports = free_ports();
        let folder = tempfile::Builder::new().prefix("m2m-domain-").tempdir().unwrap();
        let domain = Self { folder, ports, servers: Vec::new() };
        let numbers = ports.map(|port| port.to_string());
        let [mef, aa, relay] = numbers.each_ref();
        let arguments = ["init", "--json", "--service", "metering=report,command", "domain"];
        let addresses = ["--mef-port", mef, "--aa-port", aa, "--relay-port", relay];
        domain.authority(&[&arguments, &addresses[..], options].concat());
        domain
    }

    /// Starts servers, and waits until they answer.
    pub fn serve(&mut self, roles: &[Role]) {
        for role in roles {
            let mut server = host::authority(self.folder.path(), &["serve", "--role", role.name(), "domain"]);
            let log = std::fs::File::create(self.folder.path().join(format!("{}.log", role.name()))).unwrap();
            self.servers.push((*role, server.stdout(Stdio::null()).stderr(log).spawn().unwrap()));
        }
        for role in roles {
            let address = ("127.0.0.1", self.port(*role));
            poll(|| TcpStream::connect(address).ok()).unwrap_or_else(|| panic!("{role:?} does not listen"));
        }
    }

    /// Ends a server.
    pub fn stop(&mut self, role: Role) {
        for (_, server) in self.servers.extract_if(.., |(other, _)| *other == role) {
            end(server);
        }
    }

    /// Has a node that is staged speak to the AA itself.
    pub fn leave_relay_out(&self, folder: &Folder) {
        let path = folder.path().join("node.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let url = |role| format!("url = \"http://127.0.0.1:{}\"", self.port(role));
        let (relay, aa) = (format!("{}, relay = true", url(Role::Relay)), url(Role::Aa));
        assert!(text.contains(&relay), "{text}");
        std::fs::write(&path, text.replace(&relay, &aa)).unwrap();
    }

    /// Runs a command of `m2m-authority` in the domain's folder, which succeeds. The domain is `domain` there.
    pub fn authority(&self, arguments: &[&str]) -> Answer {
        let answer: Answer = host::authority(self.folder.path(), arguments).output().unwrap().into();
        assert_eq!(answer.code, Some(0), "{answer:?}");
        answer
    }

    /// Where a file of the domain is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The sections `[trust]` and `[link]` of a node that wants the rights `obtain`.
    pub fn sections(&self, obtain: &[&str], link: LinkEnd<'_>) -> String {
        let (mef, relay) = (self.port(Role::Mef), self.port(Role::Relay));
        let link = match link {
            LinkEnd::Listen => "listen = \"link.sock\"".to_owned(),
            LinkEnd::To(folder) => format!("connect = \"{}\"", socket(folder).display()),
        };
        format!(
            "[trust]\nmef = {{ id = \"mef\", url = \"http://127.0.0.1:{mef}\" }}\n\
             aa = {{ id = \"aa\", url = \"http://127.0.0.1:{relay}\", relay = true }}\n\
             obtain = {obtain:?}\ndwell = \"1 s\"\nsilence = {{ min = \"50 ms\", max = \"200 ms\" }}\n\
             [trust.topics]\n\"metering/report\" = [\"trust/+/report\", \"trust/+/status\"]\n\
             \"metering/command\" = [\"trust/+/command\"]\n[link]\n{link}\n"
        )
    }

    /// Stages a node that is initialized: it can enrol.
    pub fn stage(&self, node: TestNode, obtain: &[&str], link: LinkEnd<'_>) -> Folder {
        let folder = node.ceiling(CEILING).section(&self.sections(obtain, link)).stage();
        self.initialize(&folder);
        folder
    }

    /// Makes the device key, has the manufacturer sign it, and installs what comes back.
    pub fn initialize(&self, folder: &Folder) {
        let made = folder.host(&["init", "--device", "device.json", "--json"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let (device, out) = (folder.path().join("device.json"), folder.path().join("initialization.cbor"));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        self.authority(&["manufacture", "domain", &text(&device), "--out", &text(&out)]);
        let installed = folder.host(&["init", "--initialization", "initialization.cbor", "--json"]);
        assert_eq!(installed.code, Some(0), "{installed:?}");
    }

    fn port(&self, role: Role) -> u16 {
        let [mef, aa, relay] = self.ports;
        match role {
            Role::Mef => mef,
            Role::Aa => aa,
            Role::Relay => relay,
        }
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Mef => "mef",
            Self::Aa => "aa",
            Self::Relay => "relay",
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        self.servers.drain(..).for_each(|(_, server)| end(server));
    }
}

fn end(mut server: Child) {
    let _ = server.kill();
    let _ = server.wait();
}

fn socket(folder: &Folder) -> PathBuf {
    folder.path().join("link.sock")
}

/// Three that nobody listens on now.
fn free_ports() -> [u16; 3] {
    let listeners = [0, 1, 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
