//! The import table: who may import whom. `xtask/import-table.toml` says it, this checks it.
//!
//! Crates by `cargo tree`, modules of the node by their `use` lines and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::process::cargo;
use crate::root::root;

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// For each crate, what may not be among its dependencies, however far down.
    forbidden: BTreeMap<String, Vec<String>>,
    /// For each module of the node, the modules that it may import.
    modules: BTreeMap<String, Vec<String>>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join("xtask/import-table.toml"))?;
    let table: Table = toml::from_str(&text).context("xtask/import-table.toml")?;
    let mut broken = Vec::new();
    for (name, forbidden) in &table.forbidden {
        broken.extend(forbidden_in(name, &dependencies(name)?, forbidden));
    }
    broken.extend(check_modules(&read_modules(&root().join("host/node/src"))?, &table.modules));
    if broken.is_empty() { Ok(()) } else { bail!("the import table is broken:\n  {}", broken.join("\n  ")) }
}

fn dependencies(package: &str) -> anyhow::Result<BTreeSet<String>> {
    let tree = ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--package", package];
    let output = cargo().args(tree).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("`cargo tree --package {package}` failed");
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn forbidden_in(package: &str, dependencies: &BTreeSet<String>, forbidden: &[String]) -> Vec<String> {
    let found = forbidden.iter().filter(|name| dependencies.contains(*name));
    found.map(|name| format!("`{package}` depends on `{name}`, which it must not")).collect()
}

/// For each top-level module, the modules that its files name as `crate::…`, and where.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

fn read_modules(source: &Path) -> anyhow::Result<Imports> {
    let mut imports = Imports::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(source)?;
                let module = inside.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
                let module = module.unwrap_or_default().trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path)?;
                let named = imports.entry(module).or_default();
                for name in names(&text) {
                    named.entry(name).or_insert_with(|| inside.display().to_string());
                }
            }
        }
    }
    Ok(imports)
}

/// The first segment of every `crate::…` path, outside of test modules and comments. A path without one, as in
/// `use crate::{a, b}`, hides what it imports: it is named `{`, which no table allows.
fn names(text: &str) -> BTreeSet<String> {
    let code = text.split(TEST_MODULE).next().unwrap_or(text);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split("crate::").skip(1).map(first_segment)).collect()
}

/// How the tests of a file begin, at its end.
const TEST_MODULE: &str = "#[cfg(test)]\nmod tests {";

fn first_segment(path: &str) -> String {
    let segment: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if segment.is_empty() { "{".to_owned() } else { segment }
}

fn check_modules(imports: &Imports, allowed: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let is_module = |name: &str| imports.contains_key(name) || name == "{";
    let gone = allowed.keys().filter(|module| !imports.contains_key(*module));
    let mut broken: Vec<_> =
        gone.map(|module| format!("the import table has `{module}`, which is no module")).collect();
    for (module, named) in imports.iter().filter(|(module, _)| !["lib", "main"].contains(&module.as_str())) {
        let Some(may) = allowed.get(module) else {
            broken.push(format!("module `{module}` is not in the import table"));
            continue;
        };
        for (name, place) in named.iter().filter(|(name, _)| is_module(name) && *name != module) {
            if !may.contains(name) {
                broken.push(format!("{place}: `{module}` imports `{name}`, which the import table does not allow"));
            }
        }
        for idle in may.iter().filter(|name| !named.contains_key(*name)) {
            broken.push(format!("the import table lets `{module}` import `{idle}`, and it does not: take it out"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds() {
        run().unwrap();
    }

    #[test]
    fn an_import_outside_the_table_is_found() {
        let imports = Imports::from([
            ("engine".into(), BTreeMap::from([("capability".into(), "engine/mod.rs".into())])),
            ("capability".into(), BTreeMap::new()),
        ]);
        let table = |engine: &[&str]| {
            let engine = engine.iter().map(|name| (*name).to_owned()).collect();
            BTreeMap::from([("engine".into(), engine), ("capability".into(), Vec::new())])
        };
        assert_eq!(check_modules(&imports, &table(&["capability"])), Vec::<String>::new());
        assert_eq!(
            check_modules(&imports, &table(&[])),
            ["engine/mod.rs: `engine` imports `capability`, which the import table does not allow"]
        );
    }

    #[test]
    fn a_forbidden_dependency_is_found() {
        let dependencies = BTreeSet::from(["serde".to_owned(), "tokio".to_owned()]);
        assert_eq!(forbidden_in("m2m-policy", &dependencies, &["wasmtime".into()]), Vec::<String>::new());
        assert_eq!(
            forbidden_in("m2m-policy", &dependencies, &["tokio".into()]),
            ["`m2m-policy` depends on `tokio`, which it must not"]
        );
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        let text =
            "//! crate::a\nuse crate::b::{C};\nfn f() { crate::d::e(); }\n#[cfg(test)]\nmod tests { use crate::f; }";
        assert_eq!(names(text), BTreeSet::from(["b".to_owned(), "d".to_owned()]));
    }
}
