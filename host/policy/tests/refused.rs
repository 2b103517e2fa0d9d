//! Files that must not load. Each says in its first line which error comes first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

use m2m_policy::{Policy, PolicyError};

fn refuse(text: &str) -> PolicyError {
    Policy::parse("test.toml", text).map(|_| ()).expect_err(text)
}

fn errors(text: &str) -> Vec<(usize, String)> {
    refuse(text).diagnostics().iter().map(|error| (error.line, error.message.clone())).collect()
}

#[test]
fn every_sample_is_refused_for_the_reason_it_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/refused");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# refused: ").unwrap().to_owned();
        let error = refuse(&text);
        let first = &error.diagnostics()[0];
        let found = format!("line {}: {}", first.line, first.message);
        if found != expected {
            wrong.push(format!("{}\n  expected {expected}\n  found    {found}", path.display()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 40, "only {count} samples found");
}

/// The whole text of an error, as people see it.
#[test]
fn an_error_shows_its_line_and_what_to_do() {
    let text = "ae = \"meter\"\n\n[[publish]]\ntopic = \"metering/+/reading\"\nretian = true\nreason = \"readings\"\n";
    let error = refuse(text);
    assert_eq!(
        error.to_string(),
        "error: unknown key `retian` in [[publish]]
 --> test.toml:5:1
  |
5 | retian = true
  | ^^^^^^
  |
  = help: did you mean `retain`?"
    );
    assert_eq!(error.render(false), error.to_string());
    assert!(error.render(true).contains("\u{1b}["));
    assert_eq!(error.diagnostics()[0].column, 1);
}

#[test]
fn a_failing_test_names_the_rule_that_decided() {
    let text = "ae = \"meter\"\n[[publish]]\ntopic = \"a/#\"\nreason = \"readings\"\n\n[[test]]\ncall = \"messaging.publish\"\n\
                topic = \"a/b\"\nexpect = \"deny\"\n";
    let error = refuse(text);
    let diagnostic = &error.diagnostics()[0];
    assert_eq!((diagnostic.line, diagnostic.column), (6, 1));
    assert_eq!(diagnostic.help.as_deref(), Some("decided by [[publish]] in line 2, `readings`"));
    assert!(Policy::parse("test.toml", &text.replace("deny", "allow")).is_ok());
}

#[test]
fn several_errors_come_in_one_run_in_the_order_of_the_file() {
    let text = "ae = \"Meter\"\n[limits]\nmemory = 8\n[clocks]\n[[publish]]\ntopic = \"a+\"\nrate = \"x\"\n";
    let lines: Vec<usize> = errors(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 3, 4, 5, 6, 7]);
}

#[test]
fn syntax_errors_come_together_and_alone() {
    let found = errors("ae = \nmailbox = 2 3\n[limits\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found.iter().all(|(_, message)| !message.contains("missing `ae`")), "{found:?}");
}

#[test]
fn a_flood_of_errors_is_cut_and_counted() {
    let text = format!("ae = \"a\"\n{}", (0..100).map(|n| format!("x{n} = 1\n")).collect::<String>());
    let error = refuse(&text);
    assert_eq!(error.diagnostics().len(), 30);
    assert!(error.to_string().ends_with("70 more errors are not shown"));
}

/// Columns count characters, and a carriage return is no part of its line.
#[test]
fn places_are_right_after_umlauts_and_with_windows_line_ends() {
    let text = "ae = \"meter\"\r\ncomponent = { \"ä\" = 1, digest = 5 }\r\n";
    let error = refuse(text);
    let places: Vec<_> = error.diagnostics().iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(2, 15), (2, 33)]);
    assert!(!error.to_string().contains('\r'));
}

#[test]
fn a_list_is_as_long_as_it_may_be_and_no_longer() {
    let from = |count: usize| {
        let senders: Vec<String> = (0..count).map(|n| format!("\"ae:a{n}\"")).collect();
        format!("ae = \"a\"\n[[subscribe]]\ntopic = \"t\"\nfrom = [{}]\nreason = \"r\"\n", senders.join(", "))
    };
    assert!(Policy::parse("test.toml", &from(m2m_policy::LIST_ENTRIES_MAX)).is_ok());
    assert_eq!(
        errors(&from(m2m_policy::LIST_ENTRIES_MAX + 1)),
        [(4, "expected at most 32 entries in `from`".to_owned())]
    );
    let twice = "ae = \"a\"\n[[subscribe]]\ntopic = \"t\"\nfrom = [\"system\", \"system\"]\nreason = \"r\"\n";
    assert_eq!(errors(twice), [(4, "`system` is listed twice in `from`".to_owned())]);
}

#[test]
fn warnings_name_what_is_worth_another_look() {
    let warnings = |text: &str| {
        let policy = Policy::parse("test.toml", text).unwrap_or_else(|error| panic!("{error}"));
        policy.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let component = format!("component = {{ digest = \"sha256:{}\" }}\n", "0".repeat(64));
    let test = "[[test]]\ncall = \"clocks.now\"\nexpect = \"deny\"\n";
    let grant = |topic: &str, more: &str| format!("[[publish]]\ntopic = \"{topic}\"\n{more}reason = \"r\"\n");

    assert_eq!(warnings(&format!("ae = \"a\"\n{component}{test}")), [""; 0]);
    assert_eq!(
        warnings(&format!("ae = \"a\"\n{test}")),
        ["line 1: no `component` digest: any component could run under these rights"]
    );
    assert_eq!(
        warnings(&format!("ae = \"a\"\n{component}")),
        ["line 1: no `[[test]]`: nothing checks that the file grants what it is meant to"]
    );
    let all = format!("ae = \"a\"\n{component}{}{test}", grant("#", ""));
    assert_eq!(warnings(&all), ["line 3: [[publish]] over `#` grants every topic"]);
    assert_eq!(warnings(&format!("ceiling = true\n{}{test}", grant("#", ""))), [""; 0]);

    let two = |wide: &str, narrow: &str| {
        warnings(&format!("ae = \"a\"\n{component}{}{}{test}", grant("a/#", wide), grant("a/b", narrow)))
    };
    assert_eq!(two("", ""), ["line 6: [[publish]] over `a/b` adds nothing to line 3"]);
    assert_eq!(two("", "retain = true\n"), [""; 0]);
    assert_eq!(two("", "rate = \"1/s\"\n"), [""; 0]);
    assert_eq!(two("except = [\"a/b\"]\n", ""), [""; 0]);
    assert_eq!(two("max-size = \"1 KiB\"\n", ""), [""; 0]);
}
