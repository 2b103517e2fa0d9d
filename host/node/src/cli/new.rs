//! `m2m-host new`: a folder with an AE and a node around it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use m2m_guest_toolchain::template;

use super::terminal;

/// Arguments of `m2m-host new`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; its name becomes the AE's
    dir: PathBuf,
    /// Where `guest-sdk` is; by default beside the sources that this host was built from
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

const CAPABILITY: &str = include_str!("../../templates/capability.toml");
const CEILING: &str = include_str!("../../templates/ceiling.toml");
const NODE: &str = include_str!("../../templates/node.toml");
const IGNORED: &str = "/target\n/state\n/root.key\n*.wasm\n";

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = name_of(&args.dir)?;
    let sdk = sdk(args.sdk.as_deref())?;
    fs::create_dir(&args.dir).with_context(|| format!("`{}` could not be made", args.dir.display()))?;
    let fill = |template: &str| template.replace("{{name}}", &name);
    let files = [
        ("Cargo.toml", template::manifest(&name, &sdk)),
        ("src/lib.rs", template::library(&name)),
        ("capability.toml", fill(CAPABILITY)),
        ("ceiling.toml", CEILING.to_owned()),
        ("node.toml", fill(NODE)),
        (".gitignore", IGNORED.to_owned()),
    ];
    fs::create_dir(args.dir.join("src"))?;
    for (file, text) in &files {
        fs::write(args.dir.join(file), text).with_context(|| format!("`{file}`"))?;
    }
    write_root_key(&args.dir.join("root.key"))?;
    if args.json {
        terminal::json(&serde_json::json!({ "ae": name, "dir": args.dir }))?;
    } else {
        terminal::say(format_args!(
            "made `{name}`. Next:\n  cd {} && m2m-host build && m2m-host run",
            args.dir.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn name_of(dir: &Path) -> anyhow::Result<String> {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if template::is_name(&name) {
        return Ok(name);
    }
    bail!("`{name}` cannot be the name of an AE: a-z, 0-9 and inner hyphens, beginning with a letter")
}

/// The SDK is not published yet, so a new AE refers to its folder.
fn sdk(given: Option<&Path>) -> anyhow::Result<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk");
    let dir = given.unwrap_or(&beside);
    let found = dir.join("Cargo.toml").exists();
    match dir.canonicalize() {
        Ok(dir) if found => Ok(dir.display().to_string()),
        _ => bail!("no `guest-sdk` in `{}`: say where it is with `--sdk DIR`", dir.display()),
    }
}

fn write_root_key(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&key)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use m2m_policy::Policy;

    use super::*;
    use crate::manifest::Manifest;

    #[test]
    fn what_is_made_can_be_run() {
        let fill = |template: &str| template.replace("{{name}}", "hello");
        let manifest = Manifest::parse("node.toml", &fill(NODE)).unwrap();
        let capability = Policy::parse("capability.toml", &fill(CAPABILITY)).unwrap();
        assert_eq!(capability.ae(), Some(&*manifest.aes[0].ae_name()));
        assert!(Policy::parse("ceiling.toml", CEILING).unwrap().is_ceiling());
    }

    #[test]
    fn a_folder_whose_name_is_none_for_an_ae_is_not_made() {
        for dir in ["Hello", "a_b", ".."] {
            assert!(name_of(Path::new(dir)).is_err(), "{dir}");
        }
        assert_eq!(name_of(Path::new("some/where/hello")).unwrap(), "hello");
    }
}
