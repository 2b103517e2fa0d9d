//! Which toolchain builds the guests.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{TARGET, ToolchainError, apt, run};

/// A compiler for guests, and a linker that makes components.
#[derive(Debug, Clone)]
pub struct Toolchain {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    pub(crate) linker: PathBuf,
    /// Folders with the programs that the linker calls.
    pub(crate) linker_path: Vec<PathBuf>,
    /// Where the standard library's sources may lie.
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) way: Way,
    version: String,
}

/// How the target's standard library is come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is installed in the active toolchain.
    InstalledTarget,
    /// It is built from the sources that Debian's `rust-web-src` brings.
    DebianSources,
}

/// The active toolchain, as `rustc` in `PATH` describes it.
struct Active {
    sysroot: PathBuf,
    host: String,
}

impl Toolchain {
    /// The first way that is open, as the crate's documentation lists them. Installs packages or a target where that is
    /// the way. `progress` gets a line before each step that takes time.
    pub fn find(progress: &dyn Fn(&str)) -> Result<Self, ToolchainError> {
        let active = Active::ask()?;
        if active.has_target() {
            return active.with_target();
        }
        if let Some(toolchain) = active.with_debian()? {
            return Ok(toolchain);
        }
        if apt::install(progress)?
            && let Some(toolchain) = active.with_debian()?
        {
            return Ok(toolchain);
        }
        active.add_target(progress)?;
        active.with_target()
    }

    /// Which one it is, for people: `rustc 1.96.0 of Debian, std built from source`.
    pub fn describe(&self) -> String {
        match self.way {
            Way::InstalledTarget => {
                format!("rustc {} with {TARGET} installed", self.version)
            }
            Way::DebianSources => {
                format!("rustc {} of Debian, std built from source", self.version)
            }
        }
    }

    /// How the target's standard library is come by.
    pub fn way(&self) -> Way {
        self.way
    }
}

impl Active {
    fn ask() -> Result<Self, ToolchainError> {
        let rustc = Path::new("rustc");
        let sysroot = run::output(rustc, &["--print", "sysroot"])?.into();
        let host = field(&run::output(rustc, &["-vV"])?, "host").to_owned();
        Ok(Active { sysroot, host })
    }

    fn has_target(&self) -> bool {
        let library = self.sysroot.join("lib/rustlib").join(TARGET).join("lib");
        let entries = fs::read_dir(library).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(is_std)
    }

    fn with_target(&self) -> Result<Toolchain, ToolchainError> {
        let binaries = self.sysroot.join("bin");
        self.toolchain(binaries.join("cargo"), binaries.join("rustc"), &self.sysroot, Way::InstalledTarget)
    }

    /// Debian's toolchain, if it is there with its sources and new enough.
    fn with_debian(&self) -> Result<Option<Toolchain>, ToolchainError> {
        let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        if !cargo.exists() || !rustc.exists() {
            return Ok(None);
        }
        let sysroot = PathBuf::from(run::output(&rustc, &["--print", "sysroot"])?);
        let sources = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
        let version = run::output(&rustc, &["-vV"])?;
        if !sources.exists() || !is_new_enough(field(&version, "release")) {
            return Ok(None);
        }
        self.toolchain(cargo, rustc, &sysroot, Way::DebianSources).map(Some)
    }

    fn toolchain(&self, cargo: PathBuf, rustc: PathBuf, sysroot: &Path, way: Way) -> Result<Toolchain, ToolchainError> {
        let tools = self.sysroot.join("lib/rustlib").join(&self.host).join("bin");
        let linker = tools.join("wasm-component-ld");
        if !linker.exists() {
            return Err(ToolchainError::NoLinker { searched: tools });
        }
        let version = field(&run::output(&rustc, &["-vV"])?, "release").to_owned();
        let sources = sysroot.join("lib/rustlib/src/rust");
        let resolved = fs::canonicalize(sources.join("library")).ok();
        let resolved = resolved.and_then(|library| library.parent().map(Path::to_path_buf));
        Ok(Toolchain {
            cargo,
            rustc,
            linker,
            linker_path: vec![tools.join("gcc-ld"), tools],
            sources: [Some(sources), resolved].into_iter().flatten().collect(),
            way,
            version,
        })
    }

    fn add_target(&self, progress: &dyn Fn(&str)) -> Result<(), ToolchainError> {
        let no_way = |rustup| Err(ToolchainError::NoWay { sysroot: self.sysroot.clone(), rustup });
        if std::env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0") {
            return no_way("RUSTUP_AUTO_INSTALL=0 forbids rustup to install it");
        }
        progress(&format!("installing {TARGET} with rustup"));
        match run::succeeds("rustup", &["target", "add", TARGET]) {
            Err(_) => no_way("rustup is not installed"),
            Ok(false) => no_way("rustup could not install it"),
            Ok(true) if self.has_target() => Ok(()),
            Ok(true) => no_way("rustup installed it for another toolchain"),
        }
    }
}

/// The value of `name` in what `rustc -vV` writes; empty where it is missing.
fn field<'a>(version: &'a str, name: &str) -> &'a str {
    let mut lines = version.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

fn is_std(file: OsString) -> bool {
    file.to_str().is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
}

/// Guests are written for the Rust of the workspace.
fn is_new_enough(release: &str) -> bool {
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    (major, minor) >= (Some(1), Some(95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_by_its_fields() {
        let version = "rustc 1.96.0 (x)\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0\n";
        assert_eq!(field(version, "host"), "x86_64-unknown-linux-gnu");
        assert_eq!(field(version, "release"), "1.96.0");
        assert_eq!(field(version, "missing"), "");
    }

    #[test]
    fn an_old_compiler_does_not_do() {
        assert!(is_new_enough("1.95.0"));
        assert!(is_new_enough("1.96.0"));
        assert!(is_new_enough("2.0.0"));
        assert!(!is_new_enough("1.94.1"));
        assert!(!is_new_enough("1.63.0"));
        assert!(!is_new_enough(""));
    }
}
