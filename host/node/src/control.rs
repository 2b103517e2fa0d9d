//! The node's control socket: a line of JSON in, a line of JSON out, for `m2m-host status` and `m2m-host report`.
//!
//! It lies in the state folder, which is for its owner alone, and the peer's user is checked besides.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::status::NodeReport;

/// The socket's name in the state folder.
pub(crate) const SOCKET: &str = "control.sock";
const REQUEST_BYTES_MAX: u64 = 4 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Question {
    Status,
    Report { topic: String },
}

/// What is answered to [`Question::Report`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReportAnswer {
    /// In hexadecimal.
    Report(String),
    Error(String),
}

/// Who knows the answers.
pub(crate) trait Answers: Send + Sync {
    /// A fresh one for each question.
    fn status(&self) -> NodeReport;

    /// The last verified messages of a topic, encoded for whoever decides on misbehaviour.
    ///
    /// # Errors
    /// Why there is none.
    fn misbehaviour(&self, topic: &str) -> Result<Vec<u8>, String>;
}

/// Answers until the node stops.
pub(crate) async fn serve(listener: UnixListener, answers: Arc<dyn Answers>, mut stop: watch::Receiver<bool>) {
    loop {
        let peer = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match peer {
            Ok((peer, _)) if is_ours(&peer) => {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, answer(peer, &*answers)).await {
                        tracing::debug!("a question on the control socket went unanswered: {error}");
                    }
                });
            }
            Ok(_) => tracing::warn!("refused a user who is neither this node's nor root on the control socket"),
            Err(error) => {
                tracing::warn!("control socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_ours(peer: &UnixStream) -> bool {
    let own = rustix::process::getuid().as_raw();
    peer.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn answer(peer: UnixStream, answers: &dyn Answers) -> io::Result<()> {
    let (read, mut write) = peer.into_split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_BYTES_MAX)).read_line(&mut line).await?;
    let mut text = match serde_json::from_str(&line) {
        Ok(Question::Status) => serde_json::to_string(&answers.status())?,
        Ok(Question::Report { topic }) => {
            let report = answers.misbehaviour(&topic).map(hex::encode);
            serde_json::to_string(&report.map_or_else(ReportAnswer::Error, ReportAnswer::Report))?
        }
        Err(error) => {
            let expected = "expected `\"status\"` or `{\"report\": {\"topic\": …}}`";
            serde_json::json!({ "error": format!("{expected}: {error}") }).to_string()
        }
    };
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks a running node.
///
/// # Errors
/// Nobody listens there, or what answers is no node.
pub(crate) async fn ask_status(state: &Path) -> io::Result<NodeReport> {
    ask(state, &Question::Status).await
}

/// Asks a running node for the last messages of a topic.
///
/// # Errors
/// As [`ask_status`]; or the node has none, and says so.
pub(crate) async fn ask_report(state: &Path, topic: &str) -> io::Result<Vec<u8>> {
    match ask(state, &Question::Report { topic: topic.to_owned() }).await? {
        ReportAnswer::Report(report) => hex::decode(report).map_err(io::Error::other),
        ReportAnswer::Error(why) => Err(io::Error::new(io::ErrorKind::NotFound, why)),
    }
}

async fn ask<A: DeserializeOwned>(state: &Path, question: &Question) -> io::Result<A> {
    let exchange = async {
        let mut stream = UnixStream::connect(state.join(SOCKET)).await?;
        let mut question = serde_json::to_string(question)?;
        question.push('\n');
        stream.write_all(question.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}
