//! The log of an authority's decisions: a JSON object a line, in files of bounded size.
//!
//! INVARIANT (no more than the role may know): what goes in here are the types of `mef::decision`, `aa::decision` and
//! `relay::counts` and nothing else. None of them has a field for a network address. Neither MEF nor AA logs the hash that
//! both know of a request, except where revocation brings it up: the link between their logs ends when their stores forget it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use m2m_trust::identity::Seconds;
use serde::Serialize;

/// The newest file; older ones are `decisions.1.jsonl` and so on.
pub const FILE_NAME: &str = "decisions.jsonl";

/// An open log.
pub struct Journal {
    folder: PathBuf,
    file_bytes: u64,
    files: u32,
    open: Mutex<Option<(File, u64)>>,
}

/// The log cannot be written, so nothing more is decided.
#[derive(Debug, thiserror::Error)]
#[error("the decision log in `{}` cannot be written: {cause}", folder.display())]
pub struct JournalError {
    folder: PathBuf,
    cause: io::Error,
}

#[derive(Serialize)]
struct Line<'a, D> {
    /// Seconds since 1970.
    time: u64,
    #[serde(flatten)]
    decision: &'a D,
}

impl Journal {
    /// A log in `folder`, in up to `files` files of about `file_bytes` bytes; what is older than that is deleted.
    #[must_use]
    pub fn new(folder: &Path, file_bytes: u64, files: u32) -> Self {
        Self { folder: folder.to_owned(), file_bytes, files: files.max(1), open: Mutex::new(None) }
    }

    /// Appends a line. It is in the hands of the operating system when this returns.
    ///
    /// # Errors
    /// [`JournalError`]; the next call tries again from the beginning.
    pub fn record(&self, now: Seconds, decision: &impl Serialize) -> Result<(), JournalError> {
        let failed = |cause| JournalError { folder: self.folder.clone(), cause };
        let line = serde_json::to_string(&Line { time: now.0, decision }).map_err(|error| failed(error.into()))?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.append(&mut open, line + "\n").map_err(|cause| {
            *open = None;
            failed(cause)
        })
    }

    fn append(&self, open: &mut Option<(File, u64)>, line: String) -> io::Result<()> {
        if open.as_ref().is_some_and(|(_, written)| *written >= self.file_bytes) {
            *open = None;
            self.rotate()?;
        }
        if open.is_none() {
            let newest = self.folder.join(FILE_NAME);
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(newest)?;
            let written = file.metadata()?.len();
            *open = Some((file, written));
        }
        let Some((file, written)) = open else { return Err(io::Error::other("not open")) };
        file.write_all(line.as_bytes())?;
        *written += line.len() as u64;
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (0..self.files).rev() {
            let from = self.folder.join(file_name(number));
            let renamed = if number + 1 == self.files {
                fs::remove_file(from)
            } else {
                fs::rename(from, self.folder.join(file_name(number + 1)))
            };
            renamed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        }
        Ok(())
    }
}

fn file_name(number: u32) -> String {
    if number == 0 { FILE_NAME.to_owned() } else { format!("decisions.{number}.jsonl") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Decision {
        event: &'static str,
    }

    #[test]
    fn files_are_rotated_by_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), 80, 3);
        for second in 0..9 {
            journal.record(Seconds(second), &Decision { event: "something" }).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name));
        let line = |second: u64| format!("{{\"time\":{second},\"event\":\"something\"}}\n");
        assert_eq!(read(FILE_NAME).unwrap(), [line(6), line(7)].concat() + &line(8));
        assert_eq!(read("decisions.1.jsonl").unwrap(), [line(3), line(4)].concat() + &line(5));
        assert_eq!(read("decisions.2.jsonl").unwrap(), [line(0), line(1)].concat() + &line(2));
        journal.record(Seconds(9), &Decision { event: "something" }).unwrap();
        assert_eq!(read("decisions.2.jsonl").unwrap(), [line(3), line(4)].concat() + &line(5));
        assert!(read("decisions.3.jsonl").is_err());
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_not_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(&folder.path().join("gone"), 60, 3);
        let error = journal.record(Seconds(0), &Decision { event: "something" }).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::NotFound);
    }
}
