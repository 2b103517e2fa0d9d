//! Topics, sizes, subscriptions, storms and poison.

use m2m_tests::{Ae, beside_bystander};

const PUBLISH_FORGED: &str = "[[publish]]\ntopic = \"forged/#\"\nexcept = [\"forged/secret/#\"]\nreason = \"test\"\n";
const SUBSCRIBE_FORGED: &str = "[[subscribe]]\ntopic = \"forged/+\"\nfrom = [\"ae:*\"]\nreason = \"test\"\n";

#[test]
fn topic_forger() {
    let ae = Ae::guest("topic-forger").grants(PUBLISH_FORGED).grants(SUBSCRIBE_FORGED);
    let rule = ae.rule("[[publish]]", "topic = \"forged/#\"");
    beside_bystander([ae], |node| {
        node.wait_for_line("topic-forger", "request:");
        let publish = |topic: &str| format!("denied messaging.publish `{topic}` by no rule");
        let by_rule = |topic: &str| format!("denied messaging.publish `{topic}` by {rule}");
        let subscribe = |filter: &str| format!("denied messaging.subscribe `{filter}` by no rule");
        let expected = [
            ("publish forged/ok", "ok".to_owned()),
            ("publish $timer/beat", publish("$timer/beat")),
            ("publish $dead-letter/echo", publish("$dead-letter/echo")),
            ("publish $anything", publish("$anything")),
            ("publish forged/secret/a", by_rule("forged/secret/a")),
            ("publish wildcard", invalid("a topic without `+` and `#`, which belong to topic filters")),
            ("publish rest", invalid("a topic without `+` and `#`, which belong to topic filters")),
            ("publish empty", invalid("at least one byte")),
            ("publish nul", invalid("no NUL character")),
            ("publish long", invalid("a topic of at most 1024 bytes, got 70007")),
            ("publish deep", invalid("at most 128 levels between `/`")),
            ("publish at the limit", "ok".to_owned()),
            ("publish past the limit", invalid("a topic of at most 1024 bytes, got 1025")),
            ("retained", by_rule("forged/ok")),
            ("signed", by_rule("forged/ok")),
            ("subscribe forged/+", "ok".to_owned()),
            ("subscribe forged/+/a", subscribe("forged/+/a")),
            ("subscribe #", subscribe("#")),
            ("subscribe $timer/#", subscribe("$timer/#")),
            ("subscribe $dead-letter/echo", subscribe("$dead-letter/echo")),
            ("subscribe +/count", subscribe("+/count")),
            ("subscribe forged/#/a", invalid("`#` to be the whole last level, as in `a/#`")),
            ("subscribe a+", invalid("`+` to fill its level, as in `a/+/b`")),
            ("subscribe empty", invalid("at least one byte")),
            ("subscribe shared", invalid("no shared subscription (`$share/…`), which this node does not offer")),
            ("request", "denied messaging.request `bystander/echo` by no rule".to_owned()),
        ];
        let expected: Vec<String> = expected.iter().map(|(what, answer)| format!("{what}: {answer}")).collect();
        assert_eq!(node.log_of("topic-forger"), expected);
        let report = node.ae("topic-forger");
        assert_eq!(report.count("messaging.publish", "deny"), 6, "{report:?}");
        assert_eq!(report.count("messaging.publish", "allow"), 2, "{report:?}");
    });
}

fn invalid(expected: &str) -> String {
    format!("invalid expected {expected}")
}

/// What the ceiling forbids stays forbidden, whatever the capability file says.
#[test]
fn a_grant_past_the_ceiling() {
    let grants = "[[publish]]\ntopic = \"#\"\nreason = \"test\"\n";
    let forger = Ae::guest("topic-forger").grants(grants).grants(SUBSCRIBE_FORGED);
    let ceiling = m2m_tests::CEILING.replacen("topic = \"#\"", "topic = \"forged/#\"\nexcept = [\"forged/ok\"]", 1);
    let folder = m2m_tests::TestNode::new().ceiling(&ceiling).ae(forger).stage();
    let node = folder.start();
    let line = node.wait_for_line("topic-forger", "publish forged/ok");
    assert!(line.contains("denied messaging.publish `forged/ok` by ceiling.toml:"), "{line}");
    let line = node.wait_for_line("topic-forger", "publish forged/secret/a");
    assert_eq!(line, "publish forged/secret/a: ok");
    node.stop();
    folder.assert_audit_holds();
}

#[test]
fn oversize() {
    let small = "[[publish]]\ntopic = \"oversize/small\"\nmax-size = \"1 KiB\"\nreason = \"test\"\n";
    let any = "[[publish]]\ntopic = \"oversize/any\"\nreason = \"test\"\n";
    beside_bystander([Ae::guest("oversize").grants(small).grants(any).go("20 ms")], |node| {
        let report = node.wait_for_life("oversize", "failed");
        let kinds: Vec<&str> = report.faults.iter().map(|fault| &*fault.kind).collect();
        assert_eq!(kinds, ["host-call-bytes"; 3], "{report:?}");
        assert!(report.faults[0].text.contains("262144 bytes"), "{report:?}");
        let expected = [
            "64 KiB: ok",
            "64 KiB and 1: too-large 65536",
            "1 KiB of the grant: ok",
            "1 KiB and 1 of the grant: too-large 1024",
        ];
        assert_eq!(node.log_of("oversize"), expected.repeat(3));
        assert_eq!(report.count("messaging.publish", "too-large"), 6, "{report:?}");
    });
}

#[test]
fn subscription_storm() {
    let grants = "[[subscribe]]\ntopic = \"many/+\"\nfrom = [\"ae:*\"]\nreason = \"test\"\n";
    beside_bystander([Ae::guest("subscription-storm").grants(grants)], |node| {
        node.wait_for_line("subscription-storm", "outside");
        // `$timer/go` is the first of 256.
        let expected = [
            "taken: 255",
            "one more: exhausted",
            "one that it has: ok",
            "end one: ok",
            "one more, after the end: ok",
            "end it twice: not-found",
            "outside: denied messaging.subscribe `other/0` by no rule",
        ];
        assert_eq!(node.log_of("subscription-storm"), expected);
    });
}

#[test]
fn storm() {
    let send = "[[publish]]\ntopic = \"storm/number\"\nreason = \"test\"\n";
    let take = "[[subscribe]]\ntopic = \"storm/number\"\nfrom = [\"ae:storm\"]\nreason = \"test\"\n";
    let slow = Ae::guest("slow").grants(take).limits("mailbox = 8\ncpu-share = \"100 %\"");
    beside_bystander([slow, Ae::guest("storm").grants(send).go("5 ms")], |node| {
        let sent = node.wait_for_line("storm", "sent 300, exhausted ");
        let exhausted: u64 = sent.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(exhausted > 0, "{sent}");
        node.wait_for_line("slow", "got 300");
        let expected: Vec<String> = (1..=300).map(|number| format!("got {number}")).collect();
        assert_eq!(node.log_of("slow"), expected);
    });
}

#[test]
fn panics_on_message() {
    let own = "[[publish]]\ntopic = \"poison/+\"\nreason = \"test\"\n\n\
               [[subscribe]]\ntopic = \"poison/+\"\nfrom = [\"ae:panics-on-message\"]\nreason = \"test\"\n";
    let limits = "max-attempts = 2\nrestarts = { max = 1000, within = \"10 min\" }\ncpu-share = \"100 %\"";
    let read = "[[subscribe]]\ntopic = \"$dead-letter/panics-on-message\"\nfrom = [\"system\"]\nreason = \"test\"\n";
    let aes =
        [Ae::guest("undertaker").grants(read), Ae::guest("panics-on-message").grants(own).limits(limits).go("300 ms")];
    beside_bystander(aes, |node| {
        node.wait_for_line("undertaker", "$dead-letter/panics-on-message Sender::System {");
        let letters = node.wait_for("two dead letters", |node| {
            let lines = node.log_of("undertaker");
            let letters =
                lines.iter().filter_map(|line| line.strip_prefix("$dead-letter/panics-on-message Sender::System "));
            let letters: Vec<_> =
                letters.map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap()).collect();
            (letters.len() >= 2).then_some(letters)
        });
        assert_eq!(node.log_of("undertaker")[0], "its own: ok");
        assert_eq!(node.log_of("undertaker")[1], "of all: denied messaging.subscribe `$dead-letter/#` by no rule");
        check_letter(&letters[0], "poison/pill", "trapped: ");
        check_letter(&letters[1], "poison/error", "does not agree with it");
        let kept = node.status().dead_letters;
        assert_eq!(kept[..2], letters[..2]);
        assert!(node.log_of("panics-on-message").iter().filter(|line| *line == "took poison/none").count() >= 2);
        let report = node.wait_for_life("panics-on-message", "running");
        assert!(report.faults.iter().all(|fault| fault.kind == "trap"), "{report:?}");
    });
}

fn check_letter(letter: &serde_json::Value, topic: &str, why: &str) {
    assert_eq!(letter["ae"], "panics-on-message", "{letter}");
    assert_eq!(letter["topic"], topic, "{letter}");
    assert_eq!(letter["sender"], "ae:panics-on-message", "{letter}");
    assert_eq!(letter["attempts"], 2, "{letter}");
    assert_eq!(letter["payload"], hex::encode(topic), "{letter}");
    assert!(letter["why"].as_str().unwrap().starts_with(why), "{letter}");
}
