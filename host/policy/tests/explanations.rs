//! Decisions in words, and the change that would allow a denied call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use m2m_policy::{Algorithm, Call, Effect, Explanation, LogLevel, Policy};

const FILE: &str = r#"ae = "meter"
[keys.meter-id]
algorithm = "ed25519"
allow = ["generate", "sign"]
reason = "signs readings"
[[publish]]
topic = "metering/+/reading"
reason = "readings"
[[request]]
topic = "tariff/+"
reason = "tariff"
[[subscribe]]
topic = "metering/+/command"
from = ["ae:controller"]
reason = "commands"
"#;

fn explain(text: &str, call: &Call) -> Explanation {
    let policy = Policy::parse("meter.toml", text).unwrap_or_else(|error| panic!("{error}"));
    call.with_request(|request| policy.explain(request)).unwrap()
}

fn call(operation: &str, set: impl FnOnce(&mut Call)) -> Call {
    let mut call = Call::new(operation);
    set(&mut call);
    call
}

#[test]
fn a_denied_call_comes_with_the_rule_and_the_change() {
    let call = call("messaging.publish", |call| {
        call.topic = Some("metering/7/reading".into());
        call.retain = Some(true);
    });
    assert_eq!(
        explain(FILE, &call).to_string(),
        "`messaging.publish` on `metering/7/reading` is denied: retaining is not granted (meter.toml:6, `readings`)\n\
         to allow it, in the [[publish]] of meter.toml:6: `retain = true`"
    );
}

#[test]
fn a_call_that_no_rule_speaks_of_comes_with_a_whole_grant() {
    let call = call("messaging.publish", |call| call.topic = Some("alarm/\"7\"".into()));
    let explanation = explain(FILE, &call);
    assert_eq!(explanation.effect, Effect::Deny);
    assert_eq!(explanation.line, None);
    let change = explanation.smallest_change.unwrap();
    assert_eq!(change, "to allow it, add to meter.toml:\n[[publish]]\ntopic = \"alarm/\\\"7\\\"\"\nreason = \"…\"");
}

/// What is suggested as a whole grant allows the call once it is added.
#[test]
fn a_suggested_grant_allows_the_call() {
    let calls = [
        call("messaging.publish", |call| call.topic = Some("alarm/\"\u{1}\u{202e}\\'ä".into())),
        call("messaging.request", |call| call.topic = Some("alarm".into())),
        call("messaging.deliver-answer", |call| call.topic = Some("alarm".into())),
        call("messaging.deliver", |call| {
            call.topic = Some("alarm".into());
            call.sender = Some("service:leak/report".into());
        }),
        call("keys.generate", |call| {
            call.alias = Some("a\"b".into());
            call.algorithm = Some(Algorithm::X25519);
        }),
        call("keys.verify", |_| {}),
        call("logging.log", |call| call.level = Some(LogLevel::Debug)),
        call("clocks.now", |_| {}),
        call("authorization.request", |call| call.service = Some("metering/report".into())),
        call("authorization.change-pseudonym", |_| {}),
    ];
    for call in calls {
        let before = explain(FILE, &call);
        assert_eq!(before.effect, Effect::Deny, "{call:?}");
        let change = before.smallest_change.unwrap();
        let (_, grant) = change.split_once('\n').unwrap();
        let after = explain(&format!("{FILE}{grant}\n"), &call);
        assert_eq!(after.effect, Effect::Allow, "{grant}");
        assert_eq!(after.smallest_change, None);
    }
}

#[test]
fn what_no_file_can_allow_has_no_change() {
    let reserved = call("messaging.publish", |call| call.topic = Some("$timer/tick".into()));
    assert_eq!(explain(FILE, &reserved).smallest_change, None);
    let device = call("messaging.deliver", |call| {
        call.topic = Some("metering/7/command".into());
        call.sender = Some("device".into());
    });
    assert_eq!(explain(FILE, &device).smallest_change, None);
    let huge = call("messaging.publish", |call| {
        call.topic = Some("metering/7/reading".into());
        call.size_bytes = Some(70_000);
    });
    let explanation = explain(FILE, &huge);
    assert_eq!(explanation.effect, Effect::TooLarge { max_bytes: 65_536 });
    assert_eq!(explanation.smallest_change, None);
}

#[test]
fn a_key_operation_that_is_missing_is_named() {
    let call = call("keys.destroy", |call| call.alias = Some("meter-id".into()));
    let explanation = explain(FILE, &call);
    assert_eq!(
        explanation.smallest_change.as_deref(),
        Some("to allow it, in the [keys] of meter.toml:2: add \"destroy\" to `allow`")
    );
}

#[test]
fn an_explanation_is_json_for_programs() {
    let call = call("messaging.publish", |call| {
        call.topic = Some("metering/7/reading".into());
        call.size_bytes = Some(70_000);
    });
    let json = serde_json::to_value(explain(FILE, &call)).unwrap();
    assert_eq!(json["effect"], serde_json::json!({ "too-large": { "max-bytes": 65_536 } }));
    assert_eq!((&json["line"], &json["file"]), (&serde_json::json!(6), &serde_json::json!("meter.toml")));
    assert_eq!(json["smallest-change"], serde_json::Value::Null);
}
