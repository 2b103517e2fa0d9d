//! The processes themselves, killed in the middle of their work.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use m2m_authority::http::{CBOR, Client};
use m2m_authority::server::store_path;
use m2m_authority::store::{MefStore, RedbMefStore};
use support::{BIG, Domain, client};

const CLIENTS: usize = 3;
const REQUESTS: usize = 12;
const KILLS: usize = 12;

/// A server in a process of its own.
struct Server {
    folder: PathBuf,
    url: String,
    child: Child,
}

impl Server {
    async fn start(folder: &Path, url: String) -> Self {
        let folder = folder.to_owned();
        let server = Self { child: spawn(&folder), folder, url };
        server.ready().await;
        server
    }

    async fn kill_and_restart(&mut self) {
        self.child.kill().unwrap(); // SIGKILL
        self.child.wait().unwrap();
        self.child = spawn(&self.folder);
        self.ready().await;
    }

    async fn ready(&self) {
        let patient = Client::new(Duration::from_secs(1), None).unwrap();
        for _ in 0..500 {
            if patient.get(&format!("{}/health", self.url), BIG).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} does not start again", self.folder.display());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2m-authority"));
    command.arg("serve").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The same bytes until there is a reply.
async fn insist(url: &str, request: Vec<u8>) -> Vec<u8> {
    let client = Client::new(Duration::from_secs(5), None).unwrap();
    for _ in 0..1000 {
        match client.post(url, CBOR, request.clone(), BIG).await {
            Ok(answer) if answer.status == 200 => return answer.body.to_vec(),
            Ok(answer) if answer.status == 503 || answer.status == 429 => {}
            Ok(answer) => panic!("{} {:?}", answer.status, answer.body),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    panic!("no reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_nothing_is_lost_and_nothing_counts_twice() {
    let domain = Domain::make(|options| options.quota = Some(10_000)).await;
    let mut mef = Server::start(&domain.path("mef"), domain.mef_url("")).await;
    let mut aa = Server::start(&domain.path("aa"), domain.aa_url("")).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut node = domain.node(&format!("node {number}"));
        node.enrol(&domain).await.unwrap();
        let url = domain.aa_url("/authorization");
        clients.push(tokio::spawn(async move {
            let mut replies = Vec::new();
            for _ in 0..REQUESTS {
                let (request, awaiting, recipients) = node.request(2);
                let reply = insist(&url, request.clone()).await;
                assert_eq!(awaiting.finish(&reply, &node.bundle, &recipients).unwrap().len(), 2);
                replies.push((request, reply));
            }
            (node, replies)
        }));
    }
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(20 + 37 * (kill as u64 % 5))).await;
        if kill % 2 == 0 { aa.kill_and_restart().await } else { mef.kill_and_restart().await }
    }
    for done in clients {
        let (node, replies) = done.await.unwrap();
        for (request, reply) in replies {
            assert_eq!(insist(&domain.aa_url("/authorization"), request).await, reply);
        }
        let store = RedbMefStore::open_read_only(&store_path(&domain.path("mef"))).unwrap();
        let subscription = node.enrolled.as_ref().unwrap().claims.id;
        let epoch = node.bundle.schedule.epoch(node.slot());
        assert_eq!(store.used(&subscription, epoch).unwrap() as usize, 2 * REQUESTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_ends_with_0_and_a_second_one_does_not_start() {
    let domain = Domain::make(|_| {}).await;
    let mut mef = Server::start(&domain.path("mef"), domain.mef_url("")).await;
    let second =
        Command::new(env!("CARGO_BIN_EXE_m2m-authority")).arg("serve").arg(domain.path("mef")).output().unwrap();
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(second.status.code() == Some(1) && text.contains("in use by another process"), "{text}");
    assert_eq!(client().get(&domain.mef_url("/health"), BIG).await.unwrap().status, 200);
    let id = mef.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(mef.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_served_says_why() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("domain");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_m2m-authority")).args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let serve = |folder: &str| run(&["serve".as_ref(), dir.join(folder).as_os_str()]);
    let init = ["init", "--suite", "x25519"].map(std::ffi::OsStr::new);
    assert_eq!(run(&[&init[..], &[dir.as_os_str()]].concat()).0, 0);
    let says = |(code, text): (i32, String), expected: &str| assert!(code == 1 && text.contains(expected), "{text}");
    says(serve("ma"), "ma is kept offline and is no server");
    says(serve("nowhere"), "authority.toml");

    // Keys of another authority than the one that the bundle lists.
    let settings = dir.join("mef/authority.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("id = \"mef\"", "id = \"other\"")).unwrap();
    says(serve("mef"), "the trust bundle lists no mef `other`");
    std::fs::write(&settings, text).unwrap();
    std::fs::remove_dir_all(dir.join("mef/keys")).unwrap();
    let copied = Command::new("cp").arg("-r").arg(dir.join("aa/keys")).arg(dir.join("mef/keys")).status().unwrap();
    assert!(copied.success());
    says(serve("mef"), "key store in");
    std::fs::copy(dir.join("aa/root.key"), dir.join("mef/root.key")).unwrap();
    says(serve("mef"), "lists `mef` with another key");
    std::fs::write(dir.join("aa/authority.toml"), "role = \"aa\"\nid = \"aa\"\nlisten = \"here\"\n").unwrap();
    says(serve("aa"), "listen = \"here\"");
    std::fs::write(dir.join("bundle.cose"), b"garbage").unwrap();
    says(serve("mef"), "bundle.cose");
}
