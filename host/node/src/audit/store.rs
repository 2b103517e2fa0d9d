//! The file `audit.jsonl` in the node's state folder.

use std::fs::File;
use std::io::{self, Write};

#[cfg(unix)]
use cap_std::fs::OpenOptionsExt as _;
use cap_std::fs::{Dir, OpenOptions};

/// Name of the current file in the state folder.
pub const FILE: &str = "audit.jsonl";

/// Where lines go. A trait so that a test can make every step fail.
pub(super) trait Sink: Send {
    /// Writes at the end; on an error any part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts back to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Opens a file for reading and appending, readable by its owner only, and locks it. `create` makes it if it is absent.
///
/// # Errors
/// Those of the file system; `WouldBlock` when another process holds the lock.
pub(super) fn open_locked(dir: &Dir, name: &str, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(create);
    #[cfg(unix)]
    options.mode(0o600);
    let file = dir.open_with(name, &options)?.into_std();
    file.try_lock()?;
    Ok(file)
}

/// Makes created and renamed names durable.
///
/// # Errors
/// Those of the file system.
pub(super) fn sync_names(dir: &Dir) -> io::Result<()> {
    // A `Dir` may be a path-only descriptor, which cannot be synced.
    dir.open(".")?.into_std().sync_all()
}
