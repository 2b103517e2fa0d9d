//! Requests: answered, declined, left to linger, answered twice.

use m2m_tests::{Ae, beside_bystander};

#[test]
fn lingering_request() {
    let ask = "[[request]]\ntopic = \"ask/+\"\nmax-timeout = \"10 s\"\nreason = \"test\"\n\n\
               [[publish]]\ntopic = \"ask/over\"\nreason = \"test\"\n";
    let answer = "[[subscribe]]\ntopic = \"ask/+\"\nexcept = [\"ask/no-right\"]\nfrom = [\"ae:asker\"]\nreply = true\nreason = \"test\"\n\n\
                  [[subscribe]]\ntopic = \"ask/no-right\"\nfrom = [\"ae:asker\"]\nreason = \"test\"\n";
    let asker = Ae::guest("asker").grants(ask).go("20 ms");
    let rule = asker.rule("[[request]]", "topic = \"ask/+\"");
    beside_bystander([Ae::guest("answers").grants(answer), asker], |node| {
        node.wait_for_line("answers", "too late");
        let asked = node.log_of("asker");
        let expected = [
            "reply: ok",
            "drop: ok",
            "linger: ok",
            "nobody: not-found",
            "no right to answer: not-found",
            "not granted: denied messaging.request `other/ask` by no rule",
            &format!("for an hour: denied messaging.request `ask/reply` by {rule}"),
        ];
        assert_eq!(asked[..7], expected);
        let mut ended = asked[7..].to_vec();
        ended.sort();
        let expected = [
            "ask/drop: Outcome::Declined \"\"",
            "ask/linger: Outcome::TimedOut \"\"",
            "ask/reply: Outcome::Replied \"hello\"",
        ];
        assert_eq!(ended, expected);
        assert_eq!(node.log_of("answers"), ["in time: ok", "too late: not-found"]);
    });
}

#[test]
fn reply_twice() {
    let grants = "[[request]]\ntopic = \"twice/ask\"\nreason = \"test\"\n\n\
                  [[subscribe]]\ntopic = \"twice/ask\"\nfrom = [\"ae:reply-twice\"]\nreply = true\nmax-reply-size = \"16 B\"\nreason = \"test\"\n";
    beside_bystander([Ae::guest("reply-twice").grants(grants)], |node| {
        node.wait_for_line("reply-twice", "answer");
        let expected = ["a reply over the grant: too-large 16", "first: ok", "second: not-found", "answer: one"];
        assert_eq!(node.log_of("reply-twice"), expected);
    });
}

/// Who fails with a request in hand has not answered it: it is tried again, and declined when it is given up.
#[test]
fn a_request_survives_the_one_that_was_asked() {
    let ask =
        "[[request]]\ntopic = \"ask/+\"\nreason = \"test\"\n\n[[publish]]\ntopic = \"ask/over\"\nreason = \"test\"\n";
    let limits = "max-attempts = 1\nrestarts = { max = 0, within = \"1 s\" }";
    let nobody = Ae::guest("fails-init").limits(limits);
    beside_bystander([nobody, Ae::guest("asker").grants(ask).go("20 ms")], |node| {
        node.wait_for_life("fails-init", "failed");
        // Nobody serves it, so nothing but `not-found` is ever answered, with every beat again.
        node.wait_for("requests that were not found", |node| {
            (node.ae("asker").count("messaging.request", "allow") > 3).then_some(())
        });
        assert_eq!(node.log_of("asker"), [""; 0]);
    });
}
