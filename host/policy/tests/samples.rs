//! The capability files of the examples load.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use m2m_policy::Policy;

#[test]
fn the_capability_files_of_the_examples_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            let policy = Policy::parse(&path.display().to_string(), &text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(policy.ae().is_none(), policy.is_ceiling());
        }
    }
}
