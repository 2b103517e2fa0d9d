//! Building the components of a workspace.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    BuildError, BuiltComponent, TARGET, Toolchain, Way,
    cargo::{Line, Metadata},
    environment, run,
};

/// Room for a guest's stack, an eighth of what rustc gives, since many guests share a node.
const STACK_BYTES: u32 = 128 * 1024;

/// The package that guests take from a folder of this machine.
const SDK: &str = "m2m-guest-sdk";

/// Which guests to build, and where to.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The folder with the `Cargo.toml` of an AE or of a workspace of AEs.
    pub manifest_dir: PathBuf,
    /// Guests that share it build std once. Their packages need names of their own: cargo does not tell apart two of one
    /// name that come from different workspaces.
    pub target_dir: PathBuf,
    /// Packages of the workspace; all of them where none is named.
    pub packages: Vec<String>,
    /// Fail rather than change `Cargo.lock`.
    pub locked: bool,
    /// Where cargo's progress and the compiler's messages go.
    pub output: Output,
}

/// Where cargo's progress and the compiler's messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To this process' standard error, as they come.
    Inherit,
    /// Into [`BuildError::Failed`], should it fail.
    Capture,
}

impl BuildRequest {
    /// All guests of the workspace in `manifest_dir`, with their `Cargo.lock` where there is one, messages captured.
    pub fn new(manifest_dir: impl Into<PathBuf>, target_dir: impl Into<PathBuf>) -> Self {
        let manifest_dir = manifest_dir.into();
        BuildRequest {
            locked: manifest_dir.join("Cargo.lock").exists(),
            manifest_dir,
            target_dir: target_dir.into(),
            packages: Vec::new(),
            output: Output::Capture,
        }
    }

    /// Only the package `name`, too.
    pub fn package(mut self, name: impl Into<String>) -> Self {
        self.packages.push(name.into());
        self
    }

    /// Messages to `output`.
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }
}

impl Toolchain {
    /// Builds in the `release` profile that the guests' workspace defines. Sorted by name.
    pub fn build(&self, request: &BuildRequest) -> Result<Vec<BuiltComponent>, BuildError> {
        if !request.manifest_dir.join("Cargo.toml").exists() {
            return Err(BuildError::NoManifest(request.manifest_dir.clone()));
        }
        let metadata = self.metadata(request)?;
        let flags = self.rustc_flags(&metadata, &request.target_dir);
        let lines = run_cargo(self.build_command(request, &flags), request)?;
        let mut components = components(&metadata, &lines)?;
        if components.is_empty() {
            return Err(BuildError::NoComponent(request.manifest_dir.clone()));
        }
        components.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(components)
    }

    fn metadata(&self, request: &BuildRequest) -> Result<Metadata, BuildError> {
        let mut command = self.cargo(request, "metadata");
        command.args(["--format-version", "1"]);
        Ok(serde_json::from_slice(&run_cargo(command, request)?)?)
    }

    fn build_command(&self, request: &BuildRequest, flags: &OsStr) -> Command {
        let mut command = self.cargo(request, "build");
        command.args(["--release", "--target", TARGET]);
        command.arg("--message-format=json-render-diagnostics");
        command.arg("--target-dir").arg(absolute(&request.target_dir));
        for package in &request.packages {
            command.args(["--package", package]);
        }
        if self.way == Way::DebianSources {
            command.arg("-Zbuild-std=std,panic_abort");
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", flags);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        command
    }

    fn cargo(&self, request: &BuildRequest, verb: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        environment::clean(&mut command)
            .arg(verb)
            .current_dir(&request.manifest_dir)
            .env("RUSTC", &self.rustc)
            .env("PATH", self.path());
        if request.locked {
            command.arg("--locked");
        }
        command
    }

    /// `PATH` with the programs that the linker calls in front.
    fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.linker_path.iter().cloned();
        let folders = folders.chain(std::env::split_paths(&path));
        std::env::join_paths(folders).unwrap_or(path)
    }

    /// The flags of every crate, separated as `CARGO_ENCODED_RUSTFLAGS` wants them.
    fn rustc_flags(&self, metadata: &Metadata, target_dir: &Path) -> OsString {
        let mut flags: Vec<OsString> = vec![
            // The adapter's WASI does not merge with a guest's own copy that leaves functions out.
            "-Clink-arg=--wasi-adapter=none".into(),
            format!("-Clink-arg=-zstack-size={STACK_BYTES}").into(),
        ];
        for (from, to) in self.prefixes(metadata, target_dir) {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flags.push(flag);
        }
        flags.join(OsStr::new("\u{1f}"))
    }

    /// Folders of this machine and what to call them in the component. A workspace's own files have relative names already.
    /// Nothing here depends on the workspace: other flags would build std anew.
    fn prefixes(&self, metadata: &Metadata, target_dir: &Path) -> Vec<(PathBuf, &'static str)> {
        let mut prefixes = vec![(absolute(target_dir), "target")];
        prefixes.extend(cargo_home().map(|home| (home, "cargo")));
        prefixes.extend(self.sources.iter().map(|sources| (sources.clone(), "rust")));
        let sdk = metadata.packages.iter().find(|package| package.name == SDK && package.source.is_none());
        let sdk = sdk.and_then(|package| package.manifest_path.parent());
        prefixes.extend(sdk.map(|folder| (folder.to_owned(), SDK)));
        prefixes
    }
}

/// Runs it to its end and gives its standard output.
fn run_cargo(mut command: Command, request: &BuildRequest) -> Result<Vec<u8>, BuildError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(match request.output {
        Output::Inherit => Stdio::inherit(),
        Output::Capture => Stdio::piped(),
    });
    let output = command
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|source| BuildError::NoCargo { command: run::line(&command), source })?;
    if !output.status.success() {
        return Err(BuildError::Failed {
            manifest_dir: request.manifest_dir.clone(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(output.stdout)
}

fn components(metadata: &Metadata, lines: &[u8]) -> Result<Vec<BuiltComponent>, BuildError> {
    let names: HashMap<&str, &str> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let mut components = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Line::CompilerArtifact(artifact) = serde_json::from_slice(line)?
            && let Some(path) = artifact.component()
            && let Some(name) = names.get(artifact.package_id.as_str())
        {
            components.push(BuiltComponent::read((*name).to_owned(), path.clone())?);
        }
    }
    Ok(components)
}

fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    fs::canonicalize(&absolute).unwrap_or(absolute)
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}
