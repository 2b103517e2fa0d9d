//! The node's log: one call, one line, within its rate.

use m2m_tests::{Ae, beside_bystander};

#[test]
fn log_injection() {
    beside_bystander([Ae::guest("log-injection").go("20 ms")], |node| {
        node.wait_for_line("log-injection", "done");
        let lines = node.log_of("log-injection");
        assert_eq!(lines[0], "plain: grün, 水");
        assert_eq!(lines[1], r#"feed\n{"level":"INFO","target":"ae","ae":"echo","message":"got 0"}\r\n"#);
        assert_eq!(lines[2], r"colour \u{1b}[31mred\u{1b}[0m \u{9b}31m");
        assert_eq!(lines[3], r"direction \u{202e}desrever\u{2066}x\u{2069} \u{2028}line");
        assert_eq!(lines[4], r"nul \u{0} bell \u{7} del \u{7f}");
        assert_eq!(lines[5], "in the context");
        assert_eq!(lines[6], format!("long {}…", "x".repeat(1019)));
        assert!(!node.log_of("echo").iter().any(|line| line == "got 0"));
        let context = node.log().into_iter().find(|line| line.message == "in the context").unwrap().context;
        assert_eq!(context, r"context\n\u{1b}[0m");
        // Whatever was logged, every line is one JSON object, and none holds a control character as it is.
        for line in node.raw_log() {
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    });
}

#[test]
fn log_flood() {
    let logging = "[logging]\nlevel = \"info\"\nrate = \"10/s\"\nreason = \"test\"\n";
    let ae = Ae::guest("log-flood").logging(logging).go("20 ms");
    let rule = ae.rule("[logging]", "rate = \"10/s\"");
    beside_bystander([ae], |node| {
        let report = node.wait_for("the flood", |node| {
            let told = |effect| node.ae("log-flood").count("logging.log", effect);
            (told("allow") + told("exhausted") == 1000).then(|| node.ae("log-flood"))
        });
        let lines = node.log_of("log-flood");
        // Ten at once, and some more while the rest comes.
        assert!((10..200).contains(&lines.len()), "{lines:?}");
        assert_eq!(lines[..10], (0..10).map(|line| format!("flood {line}")).collect::<Vec<_>>());
        assert_eq!(report.count("logging.log", "deny"), 1, "{report:?}");
        let (allow, exhausted) = (report.count("logging.log", "allow"), report.count("logging.log", "exhausted"));
        assert_eq!((allow + exhausted, allow), (1000, lines.len() as u64), "{report:?}");
        assert!(report.calls.iter().any(|call| call.effect == "exhausted" && call.rule == rule), "{report:?}");
    });
}
