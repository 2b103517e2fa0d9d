//! What the store needs of a folder: one trait, so that a test can fail or cut every step.

use std::io;

/// A flat folder of small files. The store tolerates a cut after any step, provided that each step keeps its promise.
pub trait Storage: Send {
    /// The names of all files, in any order, without what the implementation keeps there for itself.
    ///
    /// # Errors
    /// Whatever the operating system says; so in every other method.
    fn names(&self) -> io::Result<Vec<String>>;

    /// The content of a file; [`io::ErrorKind::FileTooLarge`] when it is longer than `max_bytes`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    fn read(&self, name: &str, max_bytes: u64) -> io::Result<Vec<u8>>;

    /// Makes a file with this content, readable by its owner only, or replaces its content. Nothing is durable yet.
    ///
    /// # Errors
    /// See above.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content of a file durable; not yet its name.
    ///
    /// # Errors
    /// See above.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Renames a file over another in one step; durable only after [`sync_folder`](Self::sync_folder).
    ///
    /// # Errors
    /// See above.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// See above.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable.
    ///
    /// # Errors
    /// See above.
    fn sync_folder(&self) -> io::Result<()>;
}
