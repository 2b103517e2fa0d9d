//! Checks of ours by Python programs, each in an environment of its own under `target/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::process::{cargo, must_succeed};
use crate::root::{root, target};

/// What the distribution's packages for it are called.
const PACKAGES: &[&str] = &["python3", "python3-venv"];

/// A folder with `check.py`, which exits with 0 when all is well, and `requirements.txt`, which pins every package that it
/// needs, those of its packages included.
#[derive(Debug)]
pub(crate) struct PythonCheck {
    /// The folder, from the top of the repository.
    pub(crate) folder: &'static str,
    /// The example of ours whose program `check.py` is given first.
    pub(crate) example: &'static str,
    /// What else it is given.
    pub(crate) arguments: &'static [&'static str],
}

/// One of every message of the trust protocol, and a handshake, in the hands of four other programs.
pub(crate) const MESSAGES: PythonCheck =
    PythonCheck { folder: "host/trust/peers", example: "samples", arguments: &["host/trust/cddl"] };

/// How well a classifier follows a node from one pseudonym to the next.
pub(crate) const PRIVACY: PythonCheck =
    PythonCheck { folder: "host/trust/privacy", example: "observer", arguments: &[] };

impl PythonCheck {
    /// Builds the example and runs the check, which must succeed.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let program = self.build()?;
        let python = self.environment()?;
        let mut check = Command::new(python);
        check.current_dir(root()).arg(root().join(self.folder).join("check.py")).arg(program).args(self.arguments);
        must_succeed(check.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH"))
    }

    fn build(&self) -> anyhow::Result<PathBuf> {
        // The whole workspace is named so that it is the build of `cargo test --workspace`.
        must_succeed(cargo().args(["build", "--quiet", "--workspace", "--example", self.example]))?;
        Ok(target().join("debug/examples").join(self.example))
    }

    /// The Python of an environment with exactly the packages of `requirements.txt`, made when there is none for them yet.
    fn environment(&self) -> anyhow::Result<PathBuf> {
        let path = root().join(self.folder).join("requirements.txt");
        let wanted = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let folder = target().join("python").join(self.example);
        // Written last, so an environment that has it is whole.
        let mark = folder.join("requirements.txt");
        let python = folder.join("bin/python");
        let installed = fs::read_to_string(&mark).ok();
        if installed.as_deref() == Some(wanted.as_str()) && succeeds(&python, &["-c", ""]) {
            return Ok(python);
        }
        make_environment(&folder)?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
        let only_wheels = ["--only-binary", ":all:", "--requirement"];
        must_succeed(Command::new(&python).args(install).args(only_wheels).arg(&path))?;
        check_complete(&python).with_context(|| format!("`{}` must pin what is needed", path.display()))?;
        fs::write(&mark, wanted)?;
        Ok(python)
    }
}

/// Whether each package has those that it needs.
fn check_complete(python: &Path) -> anyhow::Result<()> {
    let output = Command::new(python).args(["-m", "pip", "check"]).stderr(Stdio::inherit()).output()?;
    if output.status.success() { Ok(()) } else { bail!("{}", String::from_utf8_lossy(&output.stdout).trim()) }
}

/// A new, empty environment in place of what is there.
fn make_environment(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    if !can_make_environments() {
        install_packages()?;
        if !can_make_environments() {
            bail!("`python3` has no module `ensurepip`: put a Python with it first in `PATH`");
        }
    }
    must_succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))
}

/// Debian has `ensurepip`, which `venv` needs, in a package of its own.
fn can_make_environments() -> bool {
    succeeds(Path::new("python3"), &["-c", "import ensurepip, venv"])
}

fn install_packages() -> anyhow::Result<()> {
    let command = format!("apt-get install {}", PACKAGES.join(" "));
    if !succeeds(Path::new("apt-get"), &["--version"]) {
        bail!("`python3` with its modules `venv` and `ensurepip` is needed: install it and try again");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("`python3` with its modules `venv` and `ensurepip` is needed: run `{command}` as root and try again");
    }
    eprintln!("{command}");
    if apt_get_install().is_err() {
        // The lists may be older than what the mirror holds.
        must_succeed(Command::new("apt-get").args(["update", "-qq"]))?;
        apt_get_install()?;
    }
    Ok(())
}

fn apt_get_install() -> anyhow::Result<()> {
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(PACKAGES);
    must_succeed(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether it ends well. What it writes is not shown.
fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
