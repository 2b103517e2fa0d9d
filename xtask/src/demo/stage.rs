//! The folder that the demo's node runs in: components, capability files, `node.toml`, a root key of its own.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use m2m_guest_toolchain::BuiltComponent;

use crate::root::root;

/// Says that a folder is ours to remove.
const MARK: &str = ".m2m-demo";

pub(crate) fn set(dir: &Path, components: &[BuiltComponent], with_rogue: bool) -> anyhow::Result<()> {
    make_afresh(dir)?;
    copy_folder(&root().join("policies"), &dir.join("policies"))?;
    fs::create_dir(dir.join("components"))?;
    for component in components {
        fs::copy(&component.path, dir.join(format!("components/{}.wasm", component.name)))?;
    }
    let text = fs::read_to_string(root().join("examples/node.toml")).context("examples/node.toml")?;
    fs::write(dir.join("node.toml"), if with_rogue { text } else { without_rogue(&text)? })?;
    write_root_key(&dir.join("root.key"))
}

fn make_afresh(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        if !dir.join(MARK).exists() && fs::read_dir(dir)?.next().is_some() {
            anyhow::bail!("`{}` is not empty and no demo made it: choose another folder", dir.display());
        }
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    fs::write(dir.join(MARK), "")?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// The same node without the AEs that are there to be refused.
fn without_rogue(text: &str) -> anyhow::Result<String> {
    let mut manifest: toml::Table = toml::from_str(text)?;
    if let Some(toml::Value::Array(aes)) = manifest.get_mut("ae") {
        let is_hostile = |ae: &toml::Value| {
            let name = ae.get("name").and_then(toml::Value::as_str);
            matches!(name, Some("rogue" | "trespasser"))
        };
        aes.retain(|ae| !is_hostile(ae));
    }
    Ok(toml::to_string(&manifest)?)
}

fn write_root_key(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&key)?;
    Ok(())
}
