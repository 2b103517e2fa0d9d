//! The folders that the demo's nodes run in: components, capability files, `node.toml`, a root key each.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use m2m_guest_toolchain::BuiltComponent;

use super::domain::Ports;
use crate::root::root;

/// Says that a folder is ours to remove.
const MARK: &str = ".m2m-demo";

/// Where everything is.
pub(crate) struct Stage {
    dir: PathBuf,
}

impl Stage {
    pub(crate) fn set(
        dir: &Path,
        components: &[BuiltComponent],
        ports: Ports,
        with_rogue: bool,
    ) -> anyhow::Result<Self> {
        make_afresh(dir)?;
        let stage = Self { dir: dir.to_owned() };
        for (node, folder) in [("meter", stage.meter()), ("control", stage.control())] {
            fs::create_dir(&folder)?;
            copy_folder(&root().join("policies"), &folder.join("policies"))?;
            fs::create_dir(folder.join("components"))?;
            for component in components {
                fs::copy(&component.path, folder.join(format!("components/{}.wasm", component.name)))?;
            }
            write_root_key(&folder.join("root.key"))?;
            let file = format!("examples/{node}-node.toml");
            let text = fs::read_to_string(root().join(&file)).context(file)?;
            let mut manifest: toml::Table = toml::from_str(&text)?;
            tell_ports(&mut manifest, ports);
            set_entry(&mut manifest, "link", "connect", format!("../{INTERCEPTED}"));
            if !with_rogue {
                leave_hostile_out(&mut manifest);
            }
            fs::write(folder.join("node.toml"), toml::to_string(&manifest)?)?;
        }
        Ok(stage)
    }

    pub(crate) fn domain(&self) -> PathBuf {
        self.dir.join("domain")
    }

    pub(crate) fn meter(&self) -> PathBuf {
        self.dir.join("meter")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.dir.join("control")
    }

    /// Where the meter's node dials, and whoever sits on the link listens.
    pub(crate) fn intercepted(&self) -> PathBuf {
        self.dir.join(INTERCEPTED)
    }

    /// Where the other node listens.
    pub(crate) fn link(&self) -> PathBuf {
        self.control().join("link.sock")
    }
}

const INTERCEPTED: &str = "intercepted.sock";

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

/// The ports of the example may be in use; those of this demo are not.
fn tell_ports(manifest: &mut toml::Table, ports: Ports) {
    let Some(toml::Value::Table(trust)) = manifest.get_mut("trust") else { return };
    set_entry(trust, "mef", "url", format!("http://127.0.0.1:{}", ports.mef));
    set_entry(trust, "aa", "url", format!("http://127.0.0.1:{}", ports.relay));
}

/// Changes an entry that is there.
fn set_entry(table: &mut toml::Table, section: &str, key: &str, text: String) {
    let entry = table.get_mut(section).and_then(|section| section.get_mut(key));
    if let Some(entry) = entry {
        *entry = toml::Value::String(text);
    }
}

/// The same node without the AEs that are there to be refused.
fn leave_hostile_out(manifest: &mut toml::Table) {
    if let Some(toml::Value::Array(aes)) = manifest.get_mut("ae") {
        let is_hostile = |ae: &toml::Value| {
            let name = ae.get("name").and_then(toml::Value::as_str);
            matches!(name, Some("rogue" | "trespasser"))
        };
        aes.retain(|ae| !is_hostile(ae));
    }
}

fn write_root_key(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&key)?;
    Ok(())
}
