//! What a guest build sees of the environment it is started from.
//!
//! A build that runs under `cargo xtask` would otherwise take over that cargo's toolchain, flags and target directory.

use std::process::Command;

/// Variables that say where things are on this machine, and nothing about what is built.
const KEPT: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "TERM",
    "NO_COLOR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_AUTO_INSTALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "DEBIAN_FRONTEND",
];

/// How cargo reaches a registry, and how it shows its progress.
const KEPT_PREFIXES: &[&str] = &["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];

/// Takes everything else out of what `command` will see.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_kept)))
}

fn is_kept(name: &str) -> bool {
    KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outer_cargo_leaves_nothing_behind() {
        for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_HTTP_CAINFO"] {
            assert!(is_kept(name), "{name}");
        }
        for name in [
            "CARGO",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "CARGO_TARGET_DIR",
            "CARGO_MANIFEST_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL",
            "RUSTC_BOOTSTRAP",
            "LD_LIBRARY_PATH",
        ] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
