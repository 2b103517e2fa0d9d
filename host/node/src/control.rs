//! The node's control socket: a line of JSON in, a line of JSON out, for `m2m-host status`.
//!
//! It lies in the state folder, which is for its owner alone, and the peer's user is checked besides.

use std::io;
use std::path::Path;
use std::time::Duration;

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
}

/// Answers until the node stops. `report` makes a fresh one for each question.
pub(crate) async fn serve<R>(listener: UnixListener, report: R, mut stop: watch::Receiver<bool>)
where
    R: Fn() -> NodeReport + Clone + Send + 'static,
{
    loop {
        let peer = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match peer {
            Ok((peer, _)) if is_ours(&peer) => {
                let report = report.clone();
                tokio::spawn(async move {
                    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, answer(peer, report)).await {
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

async fn answer(peer: UnixStream, report: impl Fn() -> NodeReport) -> io::Result<()> {
    let (read, mut write) = peer.into_split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_BYTES_MAX)).read_line(&mut line).await?;
    let mut text = match serde_json::from_str(&line) {
        Ok(Question::Status) => serde_json::to_string(&report())?,
        Err(error) => serde_json::json!({ "error": format!("expected `\"status\"`: {error}") }).to_string(),
    };
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks a running node.
///
/// # Errors
/// Nobody listens there, or what answers is no node.
pub(crate) async fn ask_status(state: &Path) -> io::Result<NodeReport> {
    let exchange = async {
        let mut stream = UnixStream::connect(state.join(SOCKET)).await?;
        let mut question = serde_json::to_string(&Question::Status)?;
        question.push('\n');
        stream.write_all(question.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}
