//! The examples as components: what they import, how large they are, what they give away.
//!
//! The first run builds std for the guests, which takes a while; it goes where `cargo xtask` puts it, too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use m2m_guest_toolchain::{BuildError, BuildRequest, BuiltComponent, Toolchain, template};
use wasmparser::{Parser, Payload};

static TOOLCHAIN: LazyLock<Toolchain> = LazyLock::new(|| Toolchain::find(&|_| ()).unwrap());

static EXAMPLES: LazyLock<BTreeMap<String, BuiltComponent>> = LazyLock::new(|| {
    let request = BuildRequest::new(root().join("examples"), target_dir());
    let built = TOOLCHAIN.build(&request).unwrap();
    built.into_iter().map(|component| (component.name.clone(), component)).collect()
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn target_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("guests")
}

/// The interfaces that a component imports, without package and version.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                names.extend(section.into_iter().map(|import| interface(import.unwrap().name.name)));
            }
            _ => {}
        }
    }
    names.sort();
    names
}

fn interface(name: &str) -> String {
    let (_, interface) = name.split_once('/').unwrap();
    interface.split('@').next().unwrap().to_owned()
}

fn check(name: &str, expected: &[&str]) {
    let component = &EXAMPLES[name];
    assert_eq!(imports(&std::fs::read(&component.path).unwrap()), expected, "{name}");
}

#[test]
fn a_component_imports_what_its_entity_calls_and_nothing_else() {
    check("meter", &["errors", "keys", "logging", "messages", "messaging"]);
    check("leak-detector", &["errors", "logging", "messages", "messaging"]);
    check("controller", &["errors", "keys", "logging", "messages", "messaging"]);
    check("rogue", &["errors", "keys", "logging", "messages", "messaging"]);
    check("trespasser", &["authorization", "errors", "messages"]);
}

#[test]
fn an_entity_is_small() {
    for (name, size_bytes_max) in [("trespasser", 24), ("controller", 72), ("rogue", 104)] {
        assert!(EXAMPLES[name].size_bytes <= size_bytes_max * 1024, "{name}: {}", EXAMPLES[name].size_bytes);
    }
}

#[test]
fn no_folder_of_this_machine_is_named() {
    let home = std::env::home_dir().unwrap();
    for component in EXAMPLES.values() {
        let bytes = std::fs::read(&component.path).unwrap();
        for folder in [root(), home.clone(), PathBuf::from("/usr/lib"), PathBuf::from("/usr/src")] {
            let folder = folder.to_str().unwrap().as_bytes();
            let found = bytes.windows(folder.len()).any(|window| window == folder);
            assert!(!found, "{} names {}", component.name, String::from_utf8_lossy(folder));
        }
    }
}

/// The folder of a new AE that takes the SDK from here.
fn new_entity(name: &str, library: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sdk = root().join("guest-sdk");
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), template::manifest(name, sdk.to_str().unwrap())).unwrap();
    std::fs::write(folder.path().join("src/lib.rs"), library).unwrap();
    folder
}

#[test]
fn a_new_entity_builds_where_it_is_put() {
    let folder = new_entity("new-entity", &template::library("new-entity"));
    let built = TOOLCHAIN.build(&BuildRequest::new(folder.path(), target_dir())).unwrap();
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].name, "new-entity");
    assert_eq!(imports(&std::fs::read(&built[0].path).unwrap()), ["errors", "logging", "messages", "messaging"]);
}

#[test]
fn what_does_not_compile_is_told_with_the_compilers_words() {
    let folder = new_entity("broken-entity", "fn nothing() -> u8 {}");
    match TOOLCHAIN.build(&BuildRequest::new(folder.path(), target_dir())) {
        Err(BuildError::Failed { stderr, .. }) => assert!(stderr.contains("mismatched types"), "{stderr}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_without_a_manifest_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let built = TOOLCHAIN.build(&BuildRequest::new(folder.path(), target_dir()));
    assert!(matches!(built, Err(BuildError::NoManifest(_))), "{built:?}");
}
