//! Running a command to its end.

use std::{ffi::OsStr, io, path::Path, process::Command};

use crate::{ToolchainError, environment};

/// The standard output of `program` with `arguments`, trimmed.
pub(crate) fn output(program: &Path, arguments: &[&str]) -> Result<String, ToolchainError> {
    let mut command = Command::new(program);
    environment::clean(command.args(arguments));
    let output = command.output().map_err(ToolchainError::NoRustc)?;
    if !output.status.success() {
        return Err(ToolchainError::Failed {
            command: line(&command),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `program` with `arguments` ends well. What it writes is not shown.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> io::Result<bool> {
    let mut command = Command::new(program);
    environment::clean(command.args(arguments));
    Ok(command.output()?.status.success())
}

/// The command line, for messages.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
