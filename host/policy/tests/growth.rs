//! A policy of 100,000 grants loads, and decides by looking at as few of them as one of ten.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write;

use m2m_policy::topic::{FilterTree, Topic, TopicFilter};
use m2m_policy::{Effect, Policy, Protection, Request};

fn file(grants: usize) -> String {
    let mut text = String::from("ae = \"meter\"\n");
    for number in 0..grants {
        write!(text, "[[publish]]\ntopic = \"metering/{number}/+\"\nreason = \"r\"\n").unwrap();
    }
    text
}

#[test]
fn a_hundred_thousand_grants_decide_as_ten_do() {
    for grants in [10, 100_000] {
        let policy = Policy::parse("large.toml", &file(grants)).unwrap();
        assert_eq!(policy.rules().len(), grants);
        let publish = |text| {
            let request = Request::Publish {
                topic: Topic::new(text).unwrap(),
                size_bytes: 1,
                protection: Protection::Local,
                service: None,
                retain: false,
            };
            policy.decide(&request)
        };
        assert_eq!(publish("metering/9/reading").effect, Effect::Allow);
        assert_eq!(publish("metering/9/reading").rule.map(|id| policy.rule(id).line()), Some(29));
        assert_eq!(publish("metering/100000/reading").effect, Effect::Deny);
    }
}

/// Even where every level has both a name and `+`, as few nodes are visited as match a prefix of the topic.
#[test]
fn the_nodes_visited_follow_the_topic_and_not_the_filters() {
    let mut tree = FilterTree::default();
    let visits = |tree: &FilterTree<usize>| tree.for_each_match(Topic::new("a/7/c").unwrap(), |_| {});
    for text in ["a/7/c", "a/+/c", "+/7/+", "#", "a/#"] {
        tree.insert(&TopicFilter::new(text).unwrap(), 0);
    }
    let few = visits(&tree);
    for number in 100..100_000 {
        tree.insert(&TopicFilter::new(&format!("a/{number}/c")).unwrap(), number);
        tree.insert(&TopicFilter::new(&format!("{number}/+/c")).unwrap(), number);
    }
    assert_eq!(visits(&tree), few);
}
