//! A node that is not running yet.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::{Ae, Folder};

/// Allows everything, so that the capability files decide.
pub const CEILING: &str = include_str!("../ceiling.toml");

const ROOT_KEY: [u8; 32] = *b"a root key for the tests' nodes.";

/// What a node is to be made of.
#[derive(Debug, Clone)]
pub struct TestNode {
    ceiling: String,
    sections: String,
    aes: Vec<Ae>,
}

impl Default for TestNode {
    fn default() -> Self {
        Self::new()
    }
}

impl TestNode {
    /// Without AEs.
    pub fn new() -> Self {
        Self { ceiling: CEILING.to_owned(), sections: String::new(), aes: Vec::new() }
    }

    /// One more AE.
    pub fn ae(mut self, ae: Ae) -> Self {
        self.aes.push(ae);
        self
    }

    /// Another ceiling than [`CEILING`].
    pub fn ceiling(mut self, text: &str) -> Self {
        text.clone_into(&mut self.ceiling);
        self
    }

    /// More sections of `node.toml`.
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(text);
        self
    }

    /// Writes it into a folder of its own.
    pub fn stage(&self) -> Folder {
        let folder = Folder::new();
        for name in ["components", "policies"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        folder.write("ceiling.toml", &self.ceiling);
        folder.write("root.key", ROOT_KEY);
        fs::set_permissions(folder.path().join("root.key"), fs::Permissions::from_mode(0o600)).unwrap();
        self.write_aes(&folder);
        folder
    }

    /// Puts other AEs, or the same ones in another form, into a folder that exists.
    pub fn write_aes(&self, folder: &Folder) {
        let mut text = "[node]\nname = \"test\"\nceiling = \"ceiling.toml\"\n\n[secure-environment]\n\
                        root-key = { credential = \"root.key\" }\n"
            .to_owned();
        text.push_str(&self.sections);
        for ae in &self.aes {
            folder.write(&ae.component_file(), &ae.component);
            folder.write(&ae.policy_file(), ae.policy_text());
            text.push_str(&ae.entry_text());
        }
        folder.write("node.toml", text);
    }
}
