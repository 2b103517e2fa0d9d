//! What a policy allows, each allow beside its deny.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use m2m_policy::topic::{Topic, TopicFilter};
use m2m_policy::{
    Algorithm, Effect, Interface, KeyOperation, KeyUsage, LogLevel, Policy, Protection, Request, Sender,
    StatelessOperation, Usage,
};

const METER: &str = r#"
ae = "meter"
[keys.meter-id]
algorithm = "ed25519"
allow = ["generate", "sign", "public-key"]
reason = "signs readings"
[keys."session-*"]
algorithm = ["x25519", "hmac-sha256"]
allow = ["generate", "agree", "derive", "destroy"]
persistent = false
max-keys = 4
child = { algorithm = "chacha20-poly1305", allow = ["encrypt", "decrypt"] }
reason = "talks to the controller"
[keys.session-root]
algorithm = "hmac-sha256"
allow = ["mac"]
reason = "narrower than session-*"
[stateless]
allow = ["verify"]
reason = "checks commands"
[[publish]]
topic = "metering/+/reading"
except = ["metering/test/#"]
max-size = "4 KiB"
reason = "readings"
[[publish]]
topic = "metering/7/#"
max-size = "1 KiB"
retain = true
reason = "all about its own place"
[[request]]
topic = "tariff/+"
max-size = "1 KiB"
max-timeout = "5 s"
reason = "asks for the tariff"
[[subscribe]]
topic = "metering/+/command"
except = ["metering/9/command"]
from = ["ae:controller", "service:metering/command"]
reply = true
max-reply-size = "2 KiB"
reason = "commands"
[[subscribe]]
topic = "$timer/tick"
from = "system"
reason = "reads every hour"
[logging]
level = "warn"
reason = "problems"
[clocks]
reason = "time stamps"
[authorization]
services = ["metering/report", "leak/report"]
reason = "reports"
"#;

const EMPTY: &str = "ae = \"none\"\n";

fn check(text: &str, request: Request<'_>, expected: Effect) {
    let policy = Policy::parse("test.toml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(policy.decide(&request).effect, expected, "{request:?}");
    assert_eq!(policy.explain(&request).effect, expected, "explained: {request:?}");
}

use Effect::{Allow, Deny, TooLarge};

fn topic(text: &str) -> &Topic {
    Topic::new(text).unwrap()
}

fn publish(text: &str, size_bytes: usize) -> Request<'_> {
    Request::Publish { topic: topic(text), size_bytes, protection: Protection::Local, service: None, retain: false }
}

fn key(alias: &str, operation: KeyOperation) -> Request<'_> {
    Request::Key { alias, child: false, operation }
}

#[test]
fn publish_within_the_filter_and_the_size() {
    check(METER, publish("metering/8/reading", 4096), Allow);
    check(METER, publish("metering/8/reading", 4097), TooLarge { max_bytes: 4096 });
    check(METER, publish("metering/8/reading", usize::MAX), TooLarge { max_bytes: 4096 });
    check(METER, publish("metering/8/alarm", 0), Deny);
    check(METER, publish("metering/test/reading", 0), Deny);
    check(METER, publish("other", 0), Deny);
    check(METER, publish("$timer/tick", 0), Deny);
    check(EMPTY, publish("metering/8/reading", 0), Deny);
}

#[test]
fn one_of_several_grants_is_enough() {
    check(METER, publish("metering/7/alarm", 1024), Allow);
    check(METER, publish("metering/7/alarm", 1025), TooLarge { max_bytes: 1024 });
    // `metering/7/#` is the more specific one and too small; `metering/+/reading` takes it.
    check(METER, publish("metering/7/reading", 4096), Allow);
    check(METER, publish("metering/7/reading", 4097), TooLarge { max_bytes: 4096 });
}

#[test]
fn the_more_specific_grant_is_named() {
    let policy = Policy::parse("test.toml", METER).unwrap();
    let reason = |request: Request<'_>| policy.decide(&request).rule.map(|id| policy.rule(id).reason());
    assert_eq!(reason(publish("metering/7/reading", 0)), Some("all about its own place"));
    assert_eq!(reason(publish("metering/8/reading", 0)), Some("readings"));
    assert_eq!(reason(publish("metering/test/reading", 0)), Some("readings"));
    assert_eq!(reason(publish("other", 0)), None);
}

#[test]
fn retaining_is_a_grant_of_its_own() {
    let retain = |text, retain| Request::Publish {
        topic: topic(text),
        size_bytes: 1,
        protection: Protection::Local,
        service: None,
        retain,
    };
    check(METER, retain("metering/7/alarm", true), Allow);
    check(METER, retain("metering/8/reading", false), Allow);
    check(METER, retain("metering/8/reading", true), Deny);
}

#[test]
fn only_the_granted_protection() {
    for protection in Protection::ALL {
        let request = Request::Publish {
            topic: topic("metering/8/reading"),
            size_bytes: 1,
            protection: *protection,
            service: None,
            retain: false,
        };
        check(METER, request, if *protection == Protection::Local { Allow } else { Deny });
    }
}

#[test]
fn a_request_and_its_answer() {
    let ask = |text, size_bytes, timeout_ms| Request::Ask { topic: topic(text), size_bytes, timeout_ms };
    check(METER, ask("tariff/now", 1024, 5000), Allow);
    check(METER, ask("tariff/now", 1024, 5001), Deny);
    check(METER, ask("tariff/now", 1025, 5000), TooLarge { max_bytes: 1024 });
    check(METER, ask("metering/8/reading", 1, 1), Deny);
    check(METER, Request::DeliverAnswer { topic: topic("tariff/now") }, Allow);
    check(METER, Request::DeliverAnswer { topic: topic("metering/8/command") }, Deny);
}

#[test]
fn a_reply_where_replying_is_granted() {
    let reply = |text, size_bytes| Request::Reply { topic: topic(text), size_bytes };
    check(METER, reply("metering/7/command", 2048), Allow);
    check(METER, reply("metering/7/command", 2049), TooLarge { max_bytes: 2048 });
    check(METER, reply("metering/9/command", 1), Deny);
    check(METER, reply("$timer/tick", 1), Deny);
    check(METER, reply("tariff/now", 1), Deny);
}

#[test]
fn a_subscription_within_a_granted_filter() {
    let subscribes = |filter: &str, expected| {
        let filter = TopicFilter::new(filter).unwrap();
        check(METER, Request::Subscribe { filter: &filter }, expected);
        check(METER, Request::Unsubscribe { filter: &filter }, expected);
    };
    subscribes("metering/+/command", Allow);
    subscribes("metering/7/command", Allow);
    subscribes("metering/9/command", Deny);
    subscribes("metering/#", Deny);
    subscribes("metering/+/+", Deny);
    subscribes("$timer/tick", Allow);
    subscribes("$timer/#", Deny);
    subscribes("$dead-letter/#", Deny);
    subscribes("#", Deny);
}

#[test]
fn delivery_from_the_accepted_senders() {
    let deliver = |text, sender| {
        let protection = if matches!(sender, Sender::Node(_)) { Protection::Signed } else { Protection::Local };
        Request::Deliver { topic: topic(text), sender, protection }
    };
    let (command, other) = (["metering/command".to_owned()], ["metering/report".to_owned()]);
    check(METER, deliver("metering/7/command", Sender::Ae("controller")), Allow);
    check(METER, deliver("metering/7/command", Sender::Ae("controller2")), Deny);
    check(METER, deliver("metering/9/command", Sender::Ae("controller")), Deny);
    check(METER, deliver("metering/7/command", Sender::Node(&command)), Allow);
    check(METER, deliver("metering/7/command", Sender::Node(&other)), Deny);
    check(METER, deliver("metering/7/command", Sender::Node(&[])), Deny);
    check(METER, deliver("metering/7/command", Sender::System), Deny);
    check(METER, deliver("$timer/tick", Sender::System), Allow);
    check(METER, deliver("$timer/tick", Sender::Ae("system")), Deny);
    check(METER, deliver("metering/7/command", Sender::Device), Deny);

    let any = "ae = \"a\"\n[[subscribe]]\ntopic = \"t\"\nfrom = [\"ae:*\"]\nreason = \"r\"\n";
    check(any, deliver("t", Sender::Ae("whoever")), Allow);
    check(any, deliver("t", Sender::System), Deny);
    check(any, deliver("t", Sender::Device), Deny);
    check(any, deliver("t", Sender::Node(&command)), Deny);
}

#[test]
fn keys_by_alias_and_operation() {
    check(METER, key("meter-id", KeyOperation::Sign), Allow);
    check(METER, key("meter-id", KeyOperation::Open), Allow);
    check(METER, key("meter-id", KeyOperation::Attributes), Allow);
    check(METER, key("meter-id", KeyOperation::Destroy), Deny);
    check(METER, key("other", KeyOperation::Open), Deny);
    check(METER, key("meter-id2", KeyOperation::Sign), Deny);
    check(METER, key("session-1", KeyOperation::Derive), Allow);
    check(METER, key("session", KeyOperation::Derive), Deny);
    check(METER, Request::Aliases, Allow);
    check(EMPTY, Request::Aliases, Deny);
}

#[test]
fn the_most_specific_key_entry_alone_counts() {
    check(METER, key("session-root", KeyOperation::Mac), Allow);
    check(METER, key("session-root", KeyOperation::Derive), Deny);
    check(METER, key("session-1", KeyOperation::Mac), Deny);
}

#[test]
fn a_key_is_made_as_granted() {
    let generate = |alias, algorithm, persistent| Request::Generate { alias, algorithm, persistent };
    check(METER, generate("meter-id", Algorithm::Ed25519, true), Allow);
    check(METER, generate("meter-id", Algorithm::X25519, true), Deny);
    check(METER, generate("session-2", Algorithm::X25519, false), Allow);
    check(METER, generate("session-2", Algorithm::X25519, true), Deny);
    check(METER, generate("session-root", Algorithm::HmacSha256, false), Deny);
    check(METER, generate("session-\n", Algorithm::X25519, false), Deny);
}

#[test]
fn a_child_is_made_and_used_as_granted() {
    let child =
        |alias, operation, algorithm, usage| Request::Child { alias, child: false, operation, algorithm, usage };
    let usage = |usages: &[KeyUsage]| usages.iter().copied().collect::<Usage>();
    let chacha = Algorithm::ChaCha20Poly1305;
    let both = usage(&[KeyUsage::Encrypt, KeyUsage::Decrypt]);
    check(METER, child("session-1", KeyOperation::Agree, chacha, both), Allow);
    check(METER, child("session-1", KeyOperation::Derive, chacha, Usage::EMPTY), Allow);
    check(METER, child("session-1", KeyOperation::Derive, chacha, usage(&[KeyUsage::Destroy])), Deny);
    check(METER, child("session-1", KeyOperation::Derive, Algorithm::HmacSha256, both), Deny);
    check(METER, child("session-1", KeyOperation::Destroy, chacha, both), Deny);
    check(METER, child("meter-id", KeyOperation::Derive, chacha, both), Deny);
    let grandchild = Request::Child {
        alias: "session-1",
        child: true,
        operation: KeyOperation::Derive,
        algorithm: chacha,
        usage: both,
    };
    check(METER, grandchild, Deny);

    let of_child = |alias, operation| Request::Key { alias, child: true, operation };
    check(METER, of_child("session-1", KeyOperation::Encrypt), Allow);
    check(METER, of_child("session-1", KeyOperation::Attributes), Allow);
    check(METER, of_child("session-1", KeyOperation::Destroy), Deny);
    check(METER, of_child("session-1", KeyOperation::Open), Deny);
    check(METER, of_child("meter-id", KeyOperation::Sign), Deny);
}

/// The rights in a handle and the decision on a request are the same thing.
#[test]
fn key_rights_decide_as_the_policy_does() {
    let policy = Policy::parse("test.toml", METER).unwrap();
    for alias in ["meter-id", "session-1", "session-root", "other"] {
        for child in [false, true] {
            for operation in KeyOperation::ALL.iter().copied() {
                let decision = policy.decide(&Request::Key { alias, child, operation });
                match policy.key_rights(alias, child) {
                    Some(rights) => assert_eq!(rights.decide(operation), decision),
                    None => assert_eq!(decision.effect, Deny),
                }
            }
        }
    }
    assert_eq!(policy.key_rights("meter-id", true), None);
    assert_eq!(policy.key_rights("other", false), None);
}

#[test]
fn what_needs_no_key_of_the_ae() {
    check(METER, Request::Stateless(StatelessOperation::Verify), Allow);
    check(METER, Request::Stateless(StatelessOperation::Random), Deny);
    check(EMPTY, Request::Stateless(StatelessOperation::Verify), Deny);
}

#[test]
fn log_lines_from_the_granted_level_on() {
    check(METER, Request::Log { level: LogLevel::Warn }, Allow);
    check(METER, Request::Log { level: LogLevel::Critical }, Allow);
    check(METER, Request::Log { level: LogLevel::Info }, Deny);
    check(EMPTY, Request::Log { level: LogLevel::Critical }, Deny);
}

#[test]
fn clocks_and_services() {
    check(METER, Request::Clock, Allow);
    check(EMPTY, Request::Clock, Deny);
    check(METER, Request::Services, Allow);
    check(EMPTY, Request::Services, Deny);
    check(METER, Request::Service { name: "metering/report" }, Allow);
    check(METER, Request::Service { name: "leak/report" }, Allow);
    check(METER, Request::Service { name: "metering/command" }, Deny);
    check(METER, Request::ChangePseudonym, Deny);
    let change = "ae = \"a\"\n[authorization]\nchange-pseudonym = true\nreason = \"r\"\n";
    check(change, Request::ChangePseudonym, Allow);
    check(change, Request::Service { name: "metering/report" }, Deny);
}

#[test]
fn interfaces_exist_only_where_something_of_them_is_granted() {
    let granted = |text: &str| {
        let policy = Policy::parse("test.toml", text).unwrap();
        Interface::ALL.iter().copied().filter(|interface| policy.grants(*interface)).collect::<Vec<_>>()
    };
    use Interface::{Authorization, Clocks, Keys, Logging, Messaging, Wasi};
    assert_eq!(granted(METER), [Keys, Messaging, Authorization, Logging, Clocks]);
    assert_eq!(granted(EMPTY), []);
    let only = |section: &str| granted(&format!("{EMPTY}{section}\nreason = \"r\"\n"));
    assert_eq!(only("[wasi]\nstub = true"), [Wasi]);
    assert_eq!(only("[stateless]\nallow = [\"random\"]"), [Keys]);
    assert_eq!(only("[[request]]\ntopic = \"t\""), [Messaging]);
}

#[test]
fn a_ceiling_is_a_policy_without_an_ae() {
    let ceiling = "ceiling = true\n[[publish]]\ntopic = \"metering/#\"\nreason = \"r\"\n";
    let policy = Policy::parse("ceiling.toml", ceiling).unwrap();
    assert!(policy.is_ceiling());
    assert_eq!(policy.ae(), None);
    check(ceiling, publish("metering/7/reading", 1), Allow);
    check(ceiling, publish("alarm/7", 1), Deny);
}

#[test]
fn limits_are_read_and_defaults_hold_elsewhere() {
    let digest = "ab".repeat(32);
    let text = format!(
        "ae = \"a\"\ncomponent = {{ digest = \"sha256:{digest}\" }}\n[limits]\nmemory = \"1 MiB\"\ncpu-share = \"0.5 %\"\n\
         restarts = {{ max = 2, within = \"1 min\" }}\n"
    );
    let policy = Policy::parse("test.toml", &text).unwrap();
    assert_eq!(policy.component_digest(), Some([0xab; 32]));
    let limits = policy.limits();
    assert_eq!((limits.memory_bytes, limits.cpu_share_permille, limits.restarts_max), (1 << 20, 5, 2));
    assert_eq!(limits.restarts_within.as_secs(), 60);
    assert_eq!(limits.mailbox, m2m_policy::limits::MAILBOX_DEFAULT);
}

#[test]
fn numbers_may_be_written_with_underscores() {
    let policy = Policy::parse("test.toml", "ae = \"a\"\n[limits]\ntable-elements = 20_000\nmailbox = 0x10\n").unwrap();
    assert_eq!((policy.limits().table_elements, policy.limits().mailbox), (20_000, 16));
}

/// Each limit at its bound, and one past it.
#[test]
fn limits_at_and_past_their_bounds() {
    let cases = [
        ("memory", "\"4096 MiB\"", "\"4097 MiB\""),
        ("memory", "\"64 KiB\"", "\"63 KiB\""),
        ("table-elements", "1000000", "1000001"),
        ("cpu-per-message", "\"60 s\"", "\"61 s\""),
        ("cpu-share", "\"100 %\"", "\"100.1 %\""),
        ("mailbox", "65536", "65537"),
        ("mailbox", "1", "0"),
        ("handles", "65536", "65537"),
        ("max-attempts", "100", "101"),
        ("max-attempts", "1", "-1"),
        ("restarts", "{ max = 1000, within = \"24 h\" }", "{ max = 1001, within = \"24 h\" }"),
        ("restarts", "{ max = 0, within = \"1 s\" }", "{ max = 0, within = \"25 h\" }"),
    ];
    for (limit, good, bad) in cases {
        let file = |value| format!("ae = \"a\"\n[limits]\n{limit} = {value}\n");
        assert!(Policy::parse("test.toml", &file(good)).is_ok(), "{limit} = {good}");
        let error = Policy::parse("test.toml", &file(bad)).unwrap_err();
        assert_eq!(error.diagnostics().len(), 1, "{limit} = {bad}");
        assert!(error.diagnostics().iter().all(|error| error.line == 3));
    }
}
