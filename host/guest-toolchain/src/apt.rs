//! Debian's packages of a Rust toolchain that builds for WebAssembly.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use crate::{ToolchainError, environment, run};

const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];

/// Installs the packages where apt offers them, and tells whether it did.
pub(crate) fn install(progress: &dyn Fn(&str)) -> Result<bool, ToolchainError> {
    if !has_apt() {
        return Ok(false);
    }
    let root = is_root();
    if root && !offered() {
        progress("asking apt-get for a WebAssembly toolchain");
        apt_get(&[], &["update"])?;
    }
    if !offered() {
        return Ok(false);
    }
    let prefix: &[&str] = match root {
        true => &[],
        false if run::succeeds("sudo", &["-n", "true"]).unwrap_or(false) => &["sudo", "-n"],
        false => {
            let command = format!("apt-get {}", install_arguments().join(" "));
            return Err(ToolchainError::NeedsRoot { command });
        }
    };
    progress("installing Debian's rustc-web, cargo-web and rust-web-src");
    if apt_get(prefix, &install_arguments()).is_err() {
        // The lists may be older than what the mirror holds.
        apt_get(prefix, &["update"])?;
        apt_get(prefix, &install_arguments())?;
    }
    Ok(true)
}

fn has_apt() -> bool {
    run::succeeds("apt-get", &["--version"]).unwrap_or(false)
}

fn offered() -> bool {
    run::succeeds("apt-cache", &["show", "rustc-web"]).unwrap_or(false)
}

fn install_arguments() -> Vec<&'static str> {
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(PACKAGES);
    arguments
}

/// The owner of a process' folder is its effective user.
fn is_root() -> bool {
    fs::metadata(Path::new("/proc/self")).is_ok_and(|metadata| metadata.uid() == 0)
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Result<(), ToolchainError> {
    let mut words = prefix.iter().copied().chain(["apt-get"]);
    let mut command = Command::new(words.next().unwrap_or("apt-get"));
    command.args(words).args(arguments);
    environment::clean(&mut command).env("DEBIAN_FRONTEND", "noninteractive");
    let line = run::line(&command);
    let failed = |stderr: String| ToolchainError::Failed { command: line, stderr };
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}
