//! What the three commands print, and how they exit.

use std::time::UNIX_EPOCH;

use cap_std::ambient_authority;
use clap::Parser;

use super::*;
use crate::audit::{Audit, Call, Effect};

struct Keys(std::sync::Mutex<Option<Head>>);

impl AuditKeys for Keys {
    fn sign(&self, _: &[u8]) -> Result<[u8; 64], String> {
        Ok([0; 64])
    }

    fn checkpoint_key(&self) -> Result<CheckpointKey, String> {
        Ok(CheckpointKey { public_key: [0; 32], signing_input: <[u8]>::to_vec })
    }

    fn record_head(&self, head: Head) -> Result<(), String> {
        *self.0.lock().unwrap() = Some(head);
        Ok(())
    }

    fn head(&self) -> Result<Option<Head>, String> {
        Ok(*self.0.lock().unwrap())
    }
}

/// A file with an allowed and a denied call of `meter`, and one denied call of `pump`.
fn sample() -> (Vec<u8>, Head) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let keys = Arc::new(Keys(std::sync::Mutex::new(None)));
    let clock: Clock = Arc::new(|| UNIX_EPOCH + Duration::from_secs(1_772_366_400));
    let audit = Audit::open(&dir, keys.clone(), clock).unwrap();
    let call =
        |subject, effect| Call { operation: "keys.generate", subject, effect, rule: Some("meter.toml:4"), text: None };
    let meter = audit.recorder("meter");
    meter.list(call("meter-id", Effect::Allow)).unwrap();
    meter.deny(call("root\u{1b}[2J\u{202e}\nx", Effect::Deny));
    audit.recorder("pump").deny(call("pump-id", Effect::Deny));
    audit.close().unwrap();
    let bytes = dir.read(audit::FILE).unwrap();
    let head = keys.head().unwrap().unwrap();
    (bytes, head)
}

fn shown(filter: &Filter, json: bool) -> (u8, String) {
    let mut out = Vec::new();
    let code = show(sample().0.as_slice(), filter, json, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

fn verified(bytes: &[u8], trust: Trust, json: bool) -> (u8, String) {
    let mut out = Vec::new();
    let code = verify(bytes, trust, json, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn a_good_file_exits_with_0_and_says_what_was_not_checked() {
    let (bytes, head) = sample();
    let (code, text) = verified(&bytes, Trust::default(), false);
    assert_eq!(code, EXIT_OK);
    assert!(text.starts_with("the audit holds: 4 lines, 1 checkpoints, last seq 4\n"), "{text}");
    assert_eq!(text.matches("not checked").count(), 2, "{text}");
    let trust = Trust { head: Some(head), key: None };
    let (_, text) = verified(&bytes, trust, false);
    assert_eq!(text.matches("not checked").count(), 1, "{text}");
    let (code, text) = verified(&bytes, trust, true);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["result"], &value["last-seq"]), (EXIT_OK, &json!("holds"), &json!(4)));
}

#[test]
fn a_broken_file_exits_with_1_and_names_the_line() {
    let (bytes, _) = sample();
    let bytes = String::from_utf8(bytes).unwrap().replace("pump-id", "PUMP-ID");
    let (code, text) = verified(bytes.as_bytes(), Trust::default(), false);
    assert_eq!(code, EXIT_FAILED);
    assert!(text.contains("line 3 (seq 3): changed after it was written"), "{text}");
    let (code, text) = verified(bytes.as_bytes(), Trust::default(), true);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, EXIT_FAILED);
    assert_eq!(value["result"], "broken");
    assert_eq!((&value["line"], &value["what"]), (&json!(3), &json!("changed")));
}

#[test]
fn filters_admit_what_they_name_and_nothing_else() {
    let all = shown(&Filter::default(), false).1;
    assert_eq!(all.lines().count(), 5, "the header and four lines: {all}");
    let pump = shown(&Filter { ae: Some("pump".into()), ..Filter::default() }, false).1;
    assert!(pump.contains("pump-id") && !pump.contains("meter-id"), "{pump}");
    let denied = shown(&Filter { denied: true, ..Filter::default() }, false).1;
    assert!(denied.contains("pump-id") && denied.contains("root") && !denied.contains("meter-id"));
    let at = |seconds| Filter { since: Some(UNIX_EPOCH + Duration::from_secs(seconds)), ..Filter::default() };
    assert_eq!(shown(&at(1_772_366_400), true).1.lines().count(), 4);
    assert_eq!(shown(&at(1_772_366_401), true).1, "");
}

#[test]
fn json_lines_are_the_lines_of_the_file() {
    let (code, text) = shown(&Filter::default(), true);
    assert_eq!((code, text.as_bytes()), (EXIT_OK, sample().0.as_slice()));
}

#[test]
fn a_text_cannot_reach_the_terminal() {
    let (_, text) = shown(&Filter::default(), false);
    assert!(text.contains(r"root\u{1b}[2J\u{202e}\nx"), "{text}");
    assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'));
}

#[test]
fn a_line_that_cannot_be_read_is_said_and_the_rest_is_shown() {
    let mut bytes = b"nonsense\n".to_vec();
    bytes.extend(sample().0);
    let mut out = Vec::new();
    let code = show(bytes.as_slice(), &Filter::default(), false, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(code, EXIT_FAILED);
    assert!(text.contains("line 1 is not an audit line") && text.contains("pump-id"), "{text}");
}

#[test]
fn a_sound_audit_is_not_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let keys: Arc<dyn AuditKeys> = Arc::new(Keys(std::sync::Mutex::new(None)));
    let clock = audit::system_clock();
    let run = || {
        let args = RestartArgs { reason: "disk replaced".into(), node: "node.toml".into(), json: false };
        let mut out = Vec::new();
        let code = restart(&dir, &keys, &clock, &args, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let (code, text) = run();
    assert!(code == EXIT_FAILED && text.contains("the audit holds (0 lines)"), "{text}");
    dir.write(audit::FILE, b"nonsense\n").unwrap();
    let (code, text) = run();
    assert!(code == EXIT_OK && text.contains("audit-broken-1.jsonl"), "{text}");
    assert!(text.contains("line 1: not an audit line"), "{text}");
}

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: AuditCommand,
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    let key = "00".repeat(32);
    let parses = |args: &[&str]| Line::try_parse_from([&["audit"], args].concat()).is_ok();
    assert!(parses(&["verify"]));
    assert!(parses(&["verify", "--node", "a/node.toml"]));
    assert!(parses(&["verify", "copy.jsonl", "--public-key", &key]));
    assert!(!parses(&["verify", "copy.jsonl"]), "a copy needs a key");
    assert!(!parses(&["verify", "copy.jsonl", "--public-key", "00"]));
    assert!(!parses(&["verify", "--public-key", &key]));
    assert!(!parses(&["verify", "--node", "n.toml", "copy.jsonl", "--public-key", &key]));
    assert!(parses(&["show", "--since", "10min", "--denied", "--ae", "meter"]));
    assert!(!parses(&["show", "--since", "lately"]));
    assert!(parses(&["restart", "--reason", "x"]) && !parses(&["restart"]));
}
