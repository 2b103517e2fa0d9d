//! The README's first command, as its reader runs it, with and without the AE that tries everything it must not do.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const READINGS: u64 = 1_268;
/// The stretches of `examples/meter/data/README.md`: day and hour of their first reading, and how late an alarm may be.
const STRETCHES: [(&str, u32); 4] = [("2022-03-24", 8), ("2022-03-29", 8), ("2022-04-03", 6), ("2022-04-27", 15)];
const HOURS_LATE_MAX: u32 = 4;
const LATENCY_US_LATER_MAX: u64 = 5_000;

#[test]
fn rogue_gets_nothing_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let with_rogue = demo(&folder.path().join("with"), &[]);
    let without = demo(&folder.path().join("without"), &["--without-rogue"]);

    for run in [&with_rogue, &without] {
        assert_eq!(run["delivered"], READINGS);
        assert_eq!(run["audit_ok"], true);
        a_node_cannot_be_deceived_over_the_link(run);
        let found = STRETCHES.iter().filter(|stretch| is_found(stretch, &run["alarms"])).count();
        assert!(found >= 3, "{found} of the four stretches in {}", run["alarms"]);
    }
    assert_eq!(with_rogue["alarms"], without["alarms"], "the alarms are those of a run without it");
    let median = |run: &Value| run["median_latency_us"].as_u64().unwrap();
    let (with, without_it) = (median(&with_rogue), median(&without));
    assert!(with <= without_it + LATENCY_US_LATER_MAX, "median {with} µs with rogue, {without_it} µs without");

    assert_eq!(without["faults"].as_array().unwrap().len(), 0);
    assert_eq!(with_rogue["survived"], Value::Array(Vec::new()), "attempts that got through");
    every_attempt_has_its_own_answer(&with_rogue);
}

/// Two nodes enrolled, changed their names, and refused whatever was replayed or changed between them.
fn a_node_cannot_be_deceived_over_the_link(run: &Value) {
    assert_eq!(run["enrolments"], 2);
    assert!(run["certificates"].as_u64().unwrap() >= 2, "{run}");
    assert!(run["pseudonym_changes"].as_u64().unwrap() >= 2, "{run}");
    let link = |key: &str| run["link"][key].as_u64().unwrap();
    let refused = |cause: &str| run["refused"][cause].as_u64().unwrap_or(0);
    assert!(link("replayed") > 10 && link("changed") > 10, "{run}");
    // What was said on a connection that a change of pseudonym ended is gone, whoever said it.
    let refused_in_all: u64 = run["refused"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert!(refused("replay") > 0 && refused("signature") > 0, "{}", run["refused"]);
    let added = link("replayed") + link("changed");
    assert!((added / 2..=added).contains(&refused_in_all), "{refused_in_all} of {added}: {}", run["refused"]);
}

/// One of each kind, by name: had an attempt not been made, the others would not tell.
fn every_attempt_has_its_own_answer(run: &Value) {
    for (attempt, answer) in [
        ("publish-reading", "denied"),
        ("subscribe-all", "denied"),
        ("open-key-of-meter", "denied"),
        ("generate-too-many", "exhausted"),
        ("size-of-message", "too-large"),
        ("topic-nul", "invalid"),
        ("reply-twice", "not-found"),
        ("context-moved", "refused"),
        ("message-storm", "exhausted"),
        ("log-flood", "exhausted"),
    ] {
        let denied = run["denied"].as_array().unwrap().iter().find(|denied| denied["attempt"] == attempt);
        assert_eq!(denied.map(|denied| &denied["answer"]), Some(&Value::from(answer)), "{attempt}");
    }
    for (attempt, kind) in [
        ("endless-loop", "cpu-per-message"),
        ("memory-bomb", "memory"),
        ("forged-key", "forged-handle"),
        ("use-after-drop", "forged-handle"),
        ("panic", "trap"),
    ] {
        let fault = run["faults"].as_array().unwrap().iter().find(|fault| fault["attempt"] == attempt);
        assert_eq!(fault.map(|fault| &fault["kind"]), Some(&Value::from(kind)), "{attempt}");
    }
    let trespasser = run["denied"].as_array().unwrap().iter().find(|denied| denied["ae"] == "trespasser").unwrap();
    assert!(trespasser["answer"].as_str().unwrap().contains("m2m:node/authorization"), "{trespasser}");
}

fn is_found((day, hour): &(&str, u32), alarms: &Value) -> bool {
    alarms.as_array().unwrap().iter().any(|alarm| {
        let time = alarm["time"].as_str().unwrap();
        let at: u32 = time[11..13].parse().unwrap();
        time.starts_with(day) && (*hour..=hour + HOURS_LATE_MAX).contains(&at)
    })
}

fn demo(dir: &Path, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "xtask", "--", "demo", "--json", "--dir"])
        .arg(dir)
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}
