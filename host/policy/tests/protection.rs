//! What leaves a node and what comes from another: protections, services and ceilings, each allow beside its deny.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use m2m_policy::topic::Topic;
use m2m_policy::{Call, Effect, Policy, Protection, Request, Sender};

use Effect::{Allow, Deny, TooLarge};
use Protection::{Confidential, Local, Signed, Unauthenticated};

const METER: &str = r#"ae = "meter"
[[publish]]
topic = "metering/+/flow"
protection = "signed"
service = "metering/report"
reason = "the readings, for whoever may read them"
[[publish]]
topic = "metering/+/status"
protection = "confidential"
service = "metering/report"
max-size = "1 KiB"
reason = "for the one who asked"
[[publish]]
topic = "metering/+/status"
retain = true
reason = "and for this node"
[[subscribe]]
topic = "metering/+/command"
from = ["ae:controller", "service:metering/command"]
reason = "commands"
[[subscribe]]
topic = "metering/+/valve"
from = ["service:metering/command"]
protection = "confidential"
reason = "nobody else should know"
"#;

/// A ceiling with one publish grant over `metering/#`.
fn ceiling(lines: &str) -> String {
    format!("ceiling = true\n[[publish]]\ntopic = \"metering/#\"\n{lines}\nreason = \"all meters\"\n")
}

fn topic(text: &str) -> &Topic {
    Topic::new(text).unwrap()
}

fn publish(text: &str, protection: Protection) -> Request<'_> {
    Request::Publish { topic: topic(text), size_bytes: 1, protection, service: None, retain: false }
}

fn under<'a>(request: Request<'a>, name: &'a str) -> Request<'a> {
    match request {
        Request::Publish { topic, size_bytes, protection, retain, .. } => {
            Request::Publish { topic, size_bytes, protection, service: Some(name), retain }
        }
        Request::SendToPeer { topic, size_bytes, .. } => Request::SendToPeer { topic, size_bytes, service: Some(name) },
        other => other,
    }
}

fn check(text: &str, request: Request<'_>, expected: Effect) {
    let policy = Policy::parse("test.toml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(policy.decide(&request).effect, expected, "{request:?}");
    assert_eq!(policy.explain(&request).effect, expected, "explained: {request:?}");
}

#[test]
fn a_message_leaves_with_the_granted_protection_alone() {
    check(METER, publish("metering/7/flow", Signed), Allow);
    for protection in [Local, Confidential, Unauthenticated] {
        check(METER, publish("metering/7/flow", protection), Deny);
    }
    check(METER, publish("metering/7/status", Confidential), Allow);
    check(METER, publish("metering/7/status", Local), Allow);
    check(METER, publish("metering/7/status", Signed), Deny);
}

#[test]
fn what_leaves_is_never_retained() {
    let retain = |text, protection| Request::Publish {
        topic: topic(text),
        size_bytes: 1,
        protection,
        service: None,
        retain: true,
    };
    check(METER, retain("metering/7/status", Local), Allow);
    check(METER, retain("metering/7/status", Confidential), Deny);
    let both = ceiling("protection = [\"local\", \"signed\"]\nretain = true");
    check(&both, retain("metering/7/flow", Local), Allow);
    check(&both, retain("metering/7/flow", Signed), Deny);
}

#[test]
fn one_peer_is_sent_to_where_confidential_is_granted() {
    let send = |text, size_bytes| Request::SendToPeer { topic: topic(text), size_bytes, service: None };
    check(METER, send("metering/7/status", 1024), Allow);
    check(METER, send("metering/7/status", 1025), TooLarge { max_bytes: 1024 });
    check(METER, send("metering/7/flow", 1), Deny);
    check(METER, send("metering/7/command", 1), Deny);
}

#[test]
fn the_service_follows_from_the_rule() {
    let policy = Policy::parse("meter.toml", METER).unwrap();
    let service = |request: Request<'_>| {
        let rule = policy.rule(policy.decide(&request).rule.unwrap());
        rule.publish().unwrap().service.clone()
    };
    assert_eq!(service(publish("metering/7/flow", Signed)).as_deref(), Some("metering/report"));
    assert_eq!(service(publish("metering/7/status", Local)), None);
    let send = Request::SendToPeer { topic: topic("metering/7/status"), size_bytes: 1, service: None };
    assert_eq!(service(send).as_deref(), Some("metering/report"));
}

/// Between AEs of one node all is local; what comes from another never is, whatever a list says.
#[test]
fn a_sender_and_its_protection_are_accepted_together() {
    let rights = ["metering/command".to_owned()];
    let deliver = |text, sender, protection| Request::Deliver { topic: topic(text), sender, protection };
    let node = Sender::Node(&rights);
    for (protection, command, valve) in
        [(Local, Deny, Deny), (Signed, Allow, Deny), (Confidential, Allow, Allow), (Unauthenticated, Deny, Deny)]
    {
        check(METER, deliver("metering/7/command", node, protection), command);
        check(METER, deliver("metering/7/valve", node, protection), valve);
        let from_ae = if protection == Local { Allow } else { Deny };
        check(METER, deliver("metering/7/command", Sender::Ae("controller"), protection), from_ae);
        check(METER, deliver("metering/7/valve", Sender::Ae("controller"), protection), Deny);
        check(METER, deliver("metering/7/command", Sender::System, protection), Deny);
        check(METER, deliver("metering/7/command", Sender::Device, protection), Deny);
    }
    let other = ["metering/report".to_owned()];
    check(METER, deliver("metering/7/valve", Sender::Node(&other), Confidential), Deny);
}

#[test]
fn a_ceiling_lets_local_messages_through_and_nothing_else_unless_it_says_so() {
    let silent = ceiling("");
    check(&silent, publish("metering/7/flow", Local), Allow);
    check(&silent, under(publish("metering/7/flow", Signed), "metering/report"), Deny);
    let open = ceiling("protection = [\"signed\", \"confidential\"]");
    check(&open, publish("metering/7/flow", Local), Deny);
    for protection in [Signed, Confidential] {
        check(&open, under(publish("metering/7/flow", protection), "metering/report"), Allow);
        check(&open, under(publish("metering/7/flow", protection), "leak/report"), Allow);
    }
    check(&open, Request::SendToPeer { topic: topic("metering/7/status"), size_bytes: 1, service: Some("a/b") }, Allow);
    check(&ceiling("protection = \"signed\""), under(publish("metering/7/flow", Confidential), "a/b"), Deny);
}

#[test]
fn a_ceiling_with_a_service_lets_only_that_one_through() {
    let text = ceiling("protection = [\"local\", \"signed\", \"confidential\"]\nservice = \"metering/report\"");
    check(&text, under(publish("metering/7/flow", Signed), "metering/report"), Allow);
    check(&text, under(publish("metering/7/flow", Signed), "metering/command"), Deny);
    // A service that is not told is none.
    check(&text, publish("metering/7/flow", Signed), Deny);
    check(&text, publish("metering/7/flow", Local), Allow);
    check(&text, under(publish("metering/7/flow", Local), "metering/report"), Deny);
    let send = Request::SendToPeer { topic: topic("metering/7/status"), size_bytes: 1, service: None };
    check(&text, send, Deny);
    check(&text, under(send, "metering/report"), Allow);
}

#[test]
fn the_question_to_a_ceiling_carries_the_service_of_the_grant() {
    let meter = Policy::parse("meter.toml", METER).unwrap();
    let limited = |service: &str| {
        let text = ceiling(&format!("protection = [\"local\", \"signed\"]\nservice = \"{service}\""));
        Policy::parse("ceiling.toml", &text).unwrap()
    };
    let decide = |ceiling: &Policy, request: Request<'_>| {
        let granted = meter.decide(&request).rule.unwrap();
        ceiling.decide(&request.under(meter.rule(granted))).effect
    };
    let flow = publish("metering/7/flow", Signed);
    assert_eq!(decide(&limited("metering/report"), flow), Allow);
    assert_eq!(decide(&limited("metering/command"), flow), Deny);
    assert_eq!(decide(&limited("metering/command"), publish("metering/7/status", Local)), Allow);
}

/// A ceiling may name the same topic once for each service; an AE's file may not, as nothing would tell which is meant.
#[test]
fn one_topic_under_two_services() {
    let grant = |service: &str| {
        format!("[[publish]]\ntopic = \"a/b\"\nprotection = \"signed\"\nservice = \"{service}\"\nreason = \"r\"\n")
    };
    let ceiling = format!("ceiling = true\n{}{}", grant("a/report"), grant("a/command"));
    check(&ceiling, under(publish("a/b", Signed), "a/report"), Allow);
    check(&ceiling, under(publish("a/b", Signed), "a/command"), Allow);
    check(&ceiling, under(publish("a/b", Signed), "a/other"), Deny);
    let ae = format!("ae = \"a\"\n{}{}", grant("a/report"), grant("a/command"));
    let error = Policy::parse("test.toml", &ae).unwrap_err();
    assert_eq!(error.diagnostics().len(), 1);
    assert!(error.to_string().contains("`a/b` is granted twice: the first [[publish]] is in line 2"), "{error}");
}

fn explain(text: &str, call: &Call) -> String {
    let policy = Policy::parse("a.toml", text).unwrap_or_else(|error| panic!("{error}"));
    call.with_request(|request| policy.explain(request)).unwrap().to_string()
}

#[test]
fn a_denial_says_which_protection_or_service_is_missing() {
    let publish = |protection, service: Option<&str>| Call {
        topic: Some("metering/7/flow".into()),
        protection: Some(protection),
        service: service.map(str::to_owned),
        ..Call::new("messaging.publish")
    };
    assert_eq!(
        explain(METER, &publish(Confidential, Some("metering/report"))),
        "`messaging.publish` on `metering/7/flow` is denied: another protection is granted (a.toml:2, `the readings, for \
         whoever may read them`)\nto allow it as well, add to a.toml:\n[[publish]]\ntopic = \"metering/7/flow\"\n\
         protection = \"confidential\"\nservice = \"metering/report\"\nreason = \"…\""
    );
    assert_eq!(
        explain(&ceiling(""), &publish(Signed, Some("metering/report"))),
        "`messaging.publish` on `metering/7/flow` is denied: another protection is granted (a.toml:2, `all meters`)\n\
         to allow it, in the [[publish]] of a.toml:2: add \"signed\" to `protection`"
    );
    let limited = ceiling("protection = \"signed\"\nservice = \"metering/command\"");
    assert_eq!(
        explain(&limited, &publish(Signed, Some("metering/report"))),
        "`messaging.publish` on `metering/7/flow` is denied: it is not under the service `metering/command` (a.toml:2, \
         `all meters`)\nto allow it, in the [[publish]] of a.toml:2: `service = \"metering/report\"`"
    );
    let retained = Call { retain: Some(true), ..publish(Signed, None) };
    assert_eq!(
        explain(METER, &retained),
        "`messaging.publish` on `metering/7/flow` is denied: what leaves the node is not kept (a.toml:2, `the readings, \
         for whoever may read them`)"
    );
}

#[test]
fn a_denied_delivery_says_what_to_accept() {
    let deliver = |protection| Call {
        topic: Some("metering/7/valve".into()),
        sender: Some("service:metering/command".into()),
        protection: Some(protection),
        ..Call::new("messaging.deliver")
    };
    assert_eq!(
        explain(METER, &deliver(Signed)),
        "`messaging.deliver` on `metering/7/valve` is denied: `service:metering/command` is accepted with another \
         protection (a.toml:21, `nobody else should know`)\nto allow it, in the [[subscribe]] of a.toml:21: add \"signed\" \
         to `protection`"
    );
    // Nothing from another node is local, so no file can accept it.
    assert!(!explain(METER, &deliver(Local)).contains("to allow it"));
}

/// What is suggested as a whole grant allows the call once it is added.
#[test]
fn a_suggested_grant_allows_the_call() {
    let service = Some("a/b".to_owned());
    let topic = Some("other".to_owned());
    let calls = [
        Call {
            topic: topic.clone(),
            protection: Some(Signed),
            service: service.clone(),
            ..Call::new("messaging.publish")
        },
        Call { topic: topic.clone(), service, ..Call::new("messaging.send") },
        Call { topic, sender: Some("service:a/b".into()), ..Call::new("messaging.deliver") },
    ];
    for call in calls {
        let explanation = explain(METER, &call);
        let (_, grant) = explanation.split_once("a.toml:\n").unwrap();
        let after = explain(&format!("{METER}{grant}\n"), &call);
        assert!(after.contains("is allowed"), "{after}");
    }
}

#[test]
fn a_test_of_the_file_names_protections_senders_and_services() {
    let case = |lines: &str, expect: &str| format!("{METER}[[test]]\n{lines}\nexpect = \"{expect}\"\n");
    let flow = "call = \"messaging.publish\"\ntopic = \"metering/7/flow\"";
    let command = "call = \"messaging.deliver\"\ntopic = \"metering/7/command\"";
    let valve = "call = \"messaging.deliver\"\ntopic = \"metering/7/valve\"\nsender = \"service:metering/command\"";
    for (lines, expect) in [
        (format!("{flow}\nprotection = \"signed\""), "allow"),
        (format!("{flow}\nprotection = \"signed\"\nservice = \"metering/report\""), "allow"),
        (format!("{flow}\nprotection = \"signed\"\nservice = \"metering/command\""), "deny"),
        (flow.to_owned(), "deny"),
        ("call = \"messaging.send\"\ntopic = \"metering/7/status\"\nsize = \"1 KiB\"".to_owned(), "allow"),
        ("call = \"messaging.send\"\ntopic = \"metering/7/flow\"".to_owned(), "deny"),
        (format!("{command}\nsender = \"service:metering/command\""), "allow"),
        (format!("{command}\nsender = \"service:metering/report\""), "deny"),
        (format!("{command}\nsender = \"ae:controller\""), "allow"),
        (valve.to_owned(), "deny"),
        (format!("{valve}\nprotection = \"confidential\""), "allow"),
    ] {
        let other = if expect == "allow" { "deny" } else { "allow" };
        assert!(Policy::parse("test.toml", &case(&lines, expect)).is_ok(), "{lines}");
        assert!(Policy::parse("test.toml", &case(&lines, other)).is_err(), "{lines}");
    }
}

#[test]
fn a_wide_grant_makes_a_narrow_one_idle_only_with_its_protection_and_service() {
    let warns = |head: &str, wide: &str, narrow: &str| {
        let grant = |topic: &str, lines: &str| format!("[[publish]]\ntopic = \"{topic}\"\n{lines}\nreason = \"r\"\n");
        let text = format!("{head}\n{}{}", grant("a/#", wide), grant("a/b", narrow));
        let policy = Policy::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}"));
        policy.warnings().iter().any(|warning| warning.message.contains("adds nothing"))
    };
    let (report, command) = ("service = \"a/report\"", "service = \"a/command\"");
    let signed = |service| format!("protection = \"signed\"\n{service}");
    assert!(warns("ae = \"a\"", &signed(report), &signed(report)));
    assert!(!warns("ae = \"a\"", &signed(report), &signed(command)));
    assert!(!warns("ae = \"a\"", &signed(report), ""));
    let both = |service| format!("protection = [\"local\", \"signed\"]\n{service}");
    assert!(warns("ceiling = true", &both(""), &signed(report)));
    assert!(!warns("ceiling = true", &both(report), &signed("")));
    assert!(!warns("ceiling = true", &signed(""), &both("")));
}
