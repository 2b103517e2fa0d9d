//! Standard output and error of components from other languages: lines of the log, by the same grant and at the same rate.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use m2m_policy::LogLevel;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::capability::Mediator;
use crate::capability::operation;
use crate::services::logging::Log;

const LINE_BYTES_MAX: usize = 4 * 1024;

/// One of the two streams.
#[derive(Clone)]
pub(super) struct LogStream {
    mediator: Arc<Mediator>,
    log: Log,
    context: &'static str,
    line: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    pub(super) fn new(mediator: Arc<Mediator>, log: Log, context: &'static str) -> Self {
        Self { mediator, log, context, line: Arc::default() }
    }

    fn take_in(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            if *byte == b'\n' || line.len() >= LINE_BYTES_MAX {
                self.write_line(&std::mem::take(&mut *line));
            }
            if *byte != b'\n' {
                line.push(*byte);
            }
        }
    }

    fn write_line(&self, line: &[u8]) {
        if let Ok(permit) = self.mediator.mediate(operation::Log { level: LogLevel::Info }) {
            self.log.line(&permit, self.context, &String::from_utf8_lossy(line));
        }
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take_in(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
