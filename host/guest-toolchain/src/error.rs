//! What can go wrong, with what to do about it.

use std::{io, path::PathBuf};

/// No toolchain for guests.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// No `rustc` in `PATH`.
    #[error("cannot run `rustc`: {0}; install Rust with rustup and try again")]
    NoRustc(#[source] io::Error),
    /// `rustc` runs and does not tell what was asked.
    #[error("`{command}` failed: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// What it wrote.
        stderr: String,
    },
    /// The linker that makes a component is not part of the active toolchain.
    #[error("no `wasm-component-ld` in `{searched}`; it comes with a toolchain of rustup: put one first in PATH")]
    NoLinker {
        /// Where it was looked for.
        searched: PathBuf,
    },
    /// Debian's packages would do, and this user cannot install them.
    #[error("guests need Debian's WebAssembly toolchain; run: sudo {command}")]
    NeedsRoot {
        /// The command to run as root.
        command: String,
    },
    /// None of the ways is open.
    #[error(
        "no toolchain for `{target}`: it is not installed in `{sysroot}`, apt-get offers no `rustc-web`, and {rustup}; \
         run: rustup target add {target}",
        target = crate::TARGET
    )]
    NoWay {
        /// The active toolchain.
        sysroot: PathBuf,
        /// Why rustup was not asked.
        rustup: &'static str,
    },
}

/// A toolchain, and no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be started.
    #[error("cannot run `{command}`: {source}")]
    NoCargo {
        /// The command line.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// There is no guest there.
    #[error("no `Cargo.toml` in `{0}`; expected the folder of an AE or of a workspace of AEs")]
    NoManifest(PathBuf),
    /// Cargo refused the manifest, or the guest does not compile.
    #[error("building `{manifest_dir}` failed{}", details(.stderr))]
    Failed {
        /// What was built.
        manifest_dir: PathBuf,
        /// What cargo wrote; empty where it was shown already.
        stderr: String,
    },
    /// Cargo's answer is not what its documentation says.
    #[error("cargo's output cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It compiled, and gave no component.
    #[error("`{0}` has no component; an AE's Cargo.toml says `crate-type = [\"cdylib\"]` under `[lib]`")]
    NoComponent(PathBuf),
    /// A component that was built cannot be read back.
    #[error("cannot read `{path}`: {source}")]
    Component {
        /// The component.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn details(stderr: &str) -> String {
    match stderr.is_empty() {
        true => String::new(),
        false => format!(":\n{stderr}"),
    }
}
