//! What cargo says about a workspace and about its artifacts.

use std::path::PathBuf;

use serde::Deserialize;

/// `cargo metadata`, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    /// None for a package that lies in a folder of this machine.
    pub(crate) source: Option<String>,
}

/// One line of `--message-format=json`.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub(crate) enum Line {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) package_id: String,
    pub(crate) target: Target,
    pub(crate) filenames: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
}

impl Artifact {
    /// The component among its files, if it is one of a guest.
    pub(crate) fn component(&self) -> Option<&PathBuf> {
        let is_library = self.target.kind.iter().any(|kind| kind == "cdylib");
        let mut files = self.filenames.iter().filter(|_| is_library);
        files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cdylib_is_a_component() {
        let line = |kind: &str| {
            let text = format!(
                r#"{{"reason":"compiler-artifact","package_id":"p","target":{{"kind":["{kind}"]}},"filenames":["/t/a.rlib","/t/a.wasm"],"more":1}}"#
            );
            match serde_json::from_str(&text).unwrap() {
                Line::CompilerArtifact(artifact) => artifact,
                Line::Other => panic!("no artifact"),
            }
        };
        assert_eq!(line("cdylib").component(), Some(&PathBuf::from("/t/a.wasm")));
        assert_eq!(line("bin").component(), None);
    }

    #[test]
    fn other_lines_are_passed_over() {
        let line = serde_json::from_str(r#"{"reason":"build-finished","success":true}"#).unwrap();
        assert!(matches!(line, Line::Other));
    }
}
