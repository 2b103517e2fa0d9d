//! Runs `tests/cases/*.toml`: a node with the one AE `echo` is changed as the case says, and then refused as it says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{panic, thread};

use m2m_tests::{Ae, Folder, TestNode, text_component};
use serde::Deserialize;

/// One case. Paths are below the node's folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// For people.
    what: String,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    write: BTreeMap<String, String>,
    #[serde(default)]
    append: BTreeMap<String, String>,
    replace: Option<Replace>,
    /// Components from their text.
    #[serde(default)]
    wat: BTreeMap<String, String>,
    /// Files of so many zero bytes.
    #[serde(default)]
    zeros: BTreeMap<String, u64>,
    /// Modes of files.
    #[serde(default)]
    mode: BTreeMap<String, u32>,
    /// Folders to make, with their modes.
    #[serde(default)]
    folder: BTreeMap<String, u32>,
    /// Another command than `run`.
    arguments: Option<Vec<String>>,
    /// The command ends with this code…
    exit: Option<i32>,
    /// … or the node runs without this AE.
    refused: Option<String>,
    /// What the error contains.
    says: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    file: String,
    from: String,
    to: String,
}

#[test]
fn every_case_is_refused_as_it_says() {
    let cases = Mutex::new(all());
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some(path) = { cases.lock().unwrap().pop() } {
            let ended = panic::catch_unwind(|| run(&path));
            if let Err(why) = ended.unwrap_or_else(|_| Err("see the panic above".to_owned())) {
                failed.lock().unwrap().push(format!("{}: {why}", path.file_name().unwrap().display()));
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} cases failed:\n\n{}", failed.len(), failed.join("\n\n"));
}

/// Without a change, the node of the cases runs: it is the change that is refused.
#[test]
fn the_node_of_the_cases_runs() {
    let folder = stage();
    let node = folder.start();
    assert_eq!(node.wait_for_life("echo", "running").refused, "");
    node.stop();
    folder.assert_audit_holds();
    assert_eq!(folder.host(&["audit", "show"]).code, Some(0));
    assert_eq!(folder.host(&["--version"]).code, Some(0));
}

fn all() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 40, "the cases are missing");
    cases
}

fn stage() -> Folder {
    let take = "[[subscribe]]\ntopic = \"bystander/+\"\nfrom = [\"ae:*\"]\nreason = \"test\"\n";
    TestNode::new().ae(Ae::guest("echo").grants(take)).stage()
}

fn run(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    let case: Case = toml::from_str(&text).map_err(|error| error.to_string())?;
    let folder = stage();
    case.change(&folder);
    let error = match (&case.refused, case.exit) {
        (Some(ae), None) => case.refusal(&folder, ae)?,
        (None, Some(code)) => case.end(&folder, code)?,
        _ => return Err("either `exit` or `refused` is expected".to_owned()),
    };
    let missing: Vec<_> = case.says.iter().filter(|words| !error.contains(*words)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{}: {missing:?} is not in\n{error}", case.what))
}

impl Case {
    fn change(&self, folder: &Folder) {
        let at = |name: &String| folder.path().join(name);
        self.remove.iter().for_each(|name| fs::remove_file(at(name)).unwrap());
        self.write.iter().for_each(|(name, text)| folder.write(name, text));
        for (name, text) in &self.append {
            folder.write(name, [folder.read(name), text.clone().into_bytes()].concat());
        }
        if let Some(Replace { file, from, to }) = &self.replace {
            let text = String::from_utf8(folder.read(file)).unwrap();
            assert!(text.contains(from), "{}: nothing to replace", self.what);
            folder.write(file, text.replace(from, to));
        }
        self.wat.iter().for_each(|(name, text)| folder.write(name, text_component(text)));
        for (name, bytes) in &self.zeros {
            fs::File::create(at(name)).unwrap().set_len(*bytes).unwrap();
        }
        for (name, mode) in &self.folder {
            fs::DirBuilder::new().mode(0o700).create(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(*mode)).unwrap();
        }
        for (name, mode) in &self.mode {
            fs::set_permissions(at(name), fs::Permissions::from_mode(*mode)).unwrap();
        }
    }

    fn refusal(&self, folder: &Folder, ae: &str) -> Result<String, String> {
        let node = folder.start();
        let report = node.ae(ae);
        node.stop();
        let listed = folder.audit().iter().any(|line| line.ae == ae && line.event == "refused");
        match &*report.life {
            "refused" if listed => Ok(report.refused),
            "refused" => Err("the audit does not say so".to_owned()),
            other => Err(format!("{}: `{ae}` is let in, and {other}", self.what)),
        }
    }

    fn end(&self, folder: &Folder, code: i32) -> Result<String, String> {
        let answer = match &self.arguments {
            Some(arguments) => folder.host(&arguments.iter().map(String::as_str).collect::<Vec<_>>()),
            None => folder.start_refused(),
        };
        match answer.code {
            Some(found) if found == code => Ok(answer.stderr),
            found => {
                Err(format!("{}: exit code {code} is expected, and it is {found:?}:\n{}", self.what, answer.stderr))
            }
        }
    }
}
