//! The command line as its three groups of users meet it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use m2m_tests::{Ae, TestNode, guest, text_component};

#[test]
fn a_new_ae_is_built_and_runs() {
    let folder = TestNode::new().stage();
    assert_eq!(folder.host(&["new", "hello"]).code, Some(0));
    let again = folder.host(&["new", "hello"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    let name = folder.host(&["new", "Hello"]);
    assert!(name.code == Some(1) && name.stderr.contains("cannot be the name of an AE"), "{name:?}");

    // Where the guests of these tests are built, so that the standard library is not built once more.
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/guests");
    let built = folder.host(&["build", "hello", "--target-dir", target, "--json"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.json()["bytes"].as_u64().unwrap() <= 64 * 1024, "a small AE: {built:?}");

    let ran = folder.host(&["policy", "check", "hello/capability.toml", "hello/ceiling.toml"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let node = folder.launch_at("hello/node.toml");
    node.wait_for_line("hello", "hello, for the 1th time");
    node.stop();
}

#[test]
fn check_tells_what_could_run() {
    let folder = TestNode::new().stage();
    folder.write("echo.wasm", guest("echo"));
    let echo = folder.host(&["check", "echo.wasm", "--json"]);
    assert_eq!(echo.code, Some(0), "{echo:?}");
    assert_eq!(echo.json()["runnable"], true);
    for (what, component) in [
        ("nothing of an AE", text_component("(component)")),
        ("a later version", text_component("(component (import \"m2m:node/keys@0.9.0\" (instance)))")),
        ("no component", b"\0asm\x01\0\0\0".to_vec()),
    ] {
        folder.write("other.wasm", component);
        let other = folder.host(&["check", "other.wasm"]);
        assert_eq!(other.code, Some(1), "{what}: {other:?}");
    }
}

#[test]
fn explain_answers_by_its_exit_code() {
    let folder = TestNode::new().stage();
    folder.write("meter.toml", "ae = \"meter\"\n[[publish]]\ntopic = \"metering/+/reading\"\nreason = \"readings\"\n");
    let explain = |arguments: &[&str]| folder.host(&[&["policy", "explain", "meter.toml"], arguments].concat());
    let allowed = explain(&["--call", "messaging.publish", "--topic", "metering/7/reading", "--json"]);
    assert_eq!((allowed.code, &allowed.json()["effect"]), (Some(0), &"allow".into()), "{allowed:?}");
    assert_eq!(allowed.json()["line"], 2);
    let denied = explain(&["--call", "messaging.publish", "--topic", "metering/7/other", "--json"]);
    assert_eq!((denied.code, &denied.json()["effect"]), (Some(1), &"deny".into()), "{denied:?}");
    assert!(denied.json()["smallest-change"].as_str().unwrap().contains("topic = \"metering/7/other\""));
    assert_eq!(explain(&["--call", "messaging.shout"]).code, Some(2));
    assert_eq!(explain(&["--call", "messaging.publish", "--topic", "a/+"]).code, Some(2));
}

#[test]
fn one_file_that_cannot_be_read_hides_no_other() {
    let folder = TestNode::new().stage();
    folder.write("good.toml", "ceiling = true\n[clocks]\nreason = \"time\"\n");
    let checked = folder.host(&["policy", "check", "missing.toml", "good.toml", "--json"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let oks: Vec<_> = checked.stdout.lines().map(|line| line.contains("\"ok\":true")).collect();
    assert_eq!(oks, [false, true], "{checked:?}");
}

#[test]
fn completions_know_the_verbs() {
    let folder = TestNode::new().stage();
    let bash = folder.host(&["completions", "bash"]);
    assert!(bash.code == Some(0) && bash.stdout.contains("policy"), "{bash:?}");
}

#[test]
fn the_audit_of_a_running_node_is_verified_while_it_grows() {
    let folder = TestNode::new().ae(Ae::guest("echo")).stage();
    let before = folder.host(&["audit", "verify"]);
    assert!(before.code == Some(1) && before.stderr.contains("no node has run here"), "{before:?}");
    let node = folder.start();
    for _ in 0..20 {
        let running = folder.audit_verify();
        assert_eq!((running.code, &running.json()["result"]), (Some(0), &"holds".into()), "{running:?}");
    }
    node.stop();
    std::fs::remove_file(folder.state("audit.jsonl")).unwrap();
    let removed = folder.audit_verify();
    assert_eq!(removed.code, Some(1), "{removed:?}");
    assert!(removed.stdout.contains("cut") || removed.stderr.contains("cut"), "{removed:?}");
}
