//! Components that no guest's sources give.

use sha2::{Digest, Sha256};

const AE: &str = include_str!("../wat/ae.wat");

/// An AE by its core module: `fields` stand in the module, `init` at the beginning of the function `init`. It imports
/// nothing but types, and takes every message.
pub fn text_ae(fields: &str, init: &str) -> Vec<u8> {
    text_component(&AE.replace("FIELDS", fields).replace("INIT", init))
}

/// A component, or a core module, from its text.
pub fn text_component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The same component with a section that means nothing: another build, and another digest.
pub fn with_custom_section(component: &[u8], content: u8) -> Vec<u8> {
    // Section 0, 6 bytes: a name of 4 bytes, and one byte of content.
    [component, &[0, 6, 4], b"test", &[content]].concat()
}

/// As `node.toml` and capability files name it.
pub fn digest(component: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(component)))
}
