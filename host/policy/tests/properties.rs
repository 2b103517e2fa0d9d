//! Properties that hold for every input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write;

use m2m_policy::topic::{FilterTree, Topic, TopicFilter};
use m2m_policy::{
    Algorithm, Effect, KeyOperation, LogLevel, Policy, Protection, Request, Sender, StatelessOperation, Usage, template,
};
use proptest::prelude::*;

/// Few names, so that filters and topics meet; empty levels and the node's own among them.
const NAME: &str = "a|b|c|\\$n|";

fn topic_text() -> impl Strategy<Value = String> {
    prop::collection::vec(NAME, 1..5).prop_map(|levels| levels.join("/")).prop_filter("not empty", |t| !t.is_empty())
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    let levels = prop::collection::vec(prop_oneof![3 => NAME, 1 => Just("+".to_owned())], 1..5);
    (levels, any::<bool>()).prop_filter_map("not empty", |(mut levels, hash)| {
        if hash {
            levels.push("#".to_owned());
        }
        TopicFilter::new(&levels.join("/")).ok()
    })
}

fn any_filter() -> impl Strategy<Value = TopicFilter> {
    prop_oneof![9 => filter(), 1 => Just(TopicFilter::new("#").unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_finds_what_matching_one_by_one_finds(
        filters in prop::collection::vec(any_filter(), 0..20),
        gone in prop::collection::vec(any::<bool>(), 20),
        topic in topic_text(),
    ) {
        let topic = Topic::new(&topic).unwrap();
        let mut tree = FilterTree::default();
        for (number, filter) in filters.iter().enumerate() {
            tree.insert(filter, number);
        }
        let mut kept = Vec::new();
        for (number, filter) in filters.iter().enumerate() {
            if gone[number] {
                prop_assert_eq!(tree.remove(filter, |value| *value == number), 1);
            } else {
                kept.push((number, filter));
            }
        }
        let mut found = Vec::new();
        tree.for_each_match(topic, |number| found.push(*number));
        found.sort_unstable();
        let expected: Vec<usize> = kept.iter().filter(|(_, f)| f.matches(topic)).map(|(n, _)| *n).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(tree.len(), kept.len());
    }

    #[test]
    fn the_tree_finds_the_covering_filters(
        filters in prop::collection::vec(any_filter(), 0..20),
        wanted in any_filter(),
    ) {
        let mut tree = FilterTree::default();
        for (number, filter) in filters.iter().enumerate() {
            tree.insert(filter, number);
        }
        let mut found = Vec::new();
        let none: Option<()> = tree.find_covering(&wanted, |number| {
            found.push(*number);
            std::ops::ControlFlow::Continue(())
        });
        prop_assert_eq!(none, None);
        found.sort_unstable();
        let expected: Vec<usize> = (0..filters.len()).filter(|n| filters[*n].covers(&wanted)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_is_covered_is_matched(wide in any_filter(), narrow in any_filter(), topic in topic_text()) {
        let topic = Topic::new(&topic).unwrap();
        if wide.covers(&narrow) && narrow.matches(topic) {
            prop_assert!(wide.matches(topic));
        }
        if wide.matches(topic) && narrow.matches(topic) {
            prop_assert!(wide.overlaps(&narrow) && narrow.overlaps(&wide));
        }
        prop_assert!(wide.covers(&wide));
    }

    #[test]
    fn publishing_is_decided_as_by_asking_every_rule(
        grants in prop::collection::btree_map(any_filter(), (filter(), 0_u32..4, any::<bool>()), 0..8),
        text in topic_text(),
        size_bytes in 0_u32..5,
        retain in any::<bool>(),
    ) {
        let topic = Topic::new(&text).unwrap();
        let mut file = String::from("ae = \"a\"\n");
        let mut expected = Effect::Deny;
        for (filter, (except, max_bytes, may_retain)) in grants.iter().filter(|(filter, _)| !filter.is_reserved()) {
            write!(file, "[[publish]]\ntopic = \"{filter}\"\nmax-size = \"{max_bytes} B\"\nretain = {may_retain}\nreason = \"r\"\n").unwrap();
            let excepts = except.overlaps(filter) && !except.covers(filter);
            if excepts {
                writeln!(file, "except = [\"{except}\"]").unwrap();
            }
            if !filter.matches(topic) || (excepts && except.matches(topic)) || (retain && !may_retain) {
                continue;
            }
            expected = match expected {
                Effect::Allow => Effect::Allow,
                _ if size_bytes <= *max_bytes => Effect::Allow,
                Effect::TooLarge { max_bytes: known } if known > *max_bytes => expected,
                _ => Effect::TooLarge { max_bytes: *max_bytes },
            };
        }
        let policy = Policy::parse("any.toml", &file).unwrap();
        let request = Request::Publish { topic, size_bytes: size_bytes as usize, protection: Protection::Local, service: None, retain };
        prop_assert_eq!(policy.decide(&request).effect, expected, "{}", file);
        prop_assert_eq!(policy.explain(&request).effect, expected);
    }

    #[test]
    fn an_empty_policy_denies_everything(text in topic_text(), alias in "[a-z]{1,8}", size_bytes in any::<usize>()) {
        let policy = Policy::parse("empty.toml", "ae = \"a\"").unwrap();
        let topic = Topic::new(&text).unwrap();
        let filter = TopicFilter::new(&text).unwrap();
        for request in all_requests(topic, &filter, &alias, size_bytes) {
            let decision = policy.decide(&request);
            prop_assert_eq!(decision.effect, Effect::Deny);
            prop_assert_eq!(decision.rule, None);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        if let Err(error) = Policy::parse("any.toml", &text) {
            prop_assert!(!error.diagnostics().is_empty());
            let _ = (error.render(true), error.to_string());
        }
    }

    #[test]
    fn no_change_to_a_file_makes_the_parser_panic(
        place in any::<prop::sample::Index>(),
        length in 0_usize..12,
        put in prop_oneof!["\\PC{0,6}", Just("[[".to_owned()), Just("\n\"é".to_owned()), Just("# ".to_owned())],
    ) {
        let whole = template("meter");
        let start = (0..=place.index(whole.len())).rev().find(|p| whole.is_char_boundary(*p)).unwrap();
        let end = (start + length..=whole.len()).find(|p| whole.is_char_boundary(*p)).unwrap_or(whole.len());
        let text = format!("{}{put}{}", &whole[..start], &whole[end..]);
        if let Err(error) = Policy::parse("changed.toml", &text) {
            let _ = (error.render(true), error.to_string());
            for diagnostic in error.diagnostics() {
                prop_assert!(diagnostic.line >= 1 && diagnostic.line <= text.split('\n').count());
            }
        }
    }
}

fn all_requests<'a>(topic: &'a Topic, filter: &'a TopicFilter, alias: &'a str, size_bytes: usize) -> Vec<Request<'a>> {
    let mut requests = vec![
        Request::Publish { topic, size_bytes, protection: Protection::Local, service: None, retain: false },
        Request::Ask { topic, size_bytes, timeout_ms: 0 },
        Request::Reply { topic, size_bytes },
        Request::Subscribe { filter },
        Request::Unsubscribe { filter },
        Request::SendToPeer { topic, size_bytes, service: None },
        Request::DeliverAnswer { topic },
        Request::Aliases,
        Request::Clock,
        Request::Services,
        Request::Service { name: alias },
        Request::ChangePseudonym,
    ];
    for protection in Protection::ALL.iter().copied() {
        let senders = [Sender::System, Sender::Ae(alias), Sender::Device, Sender::Node(&[])];
        requests.extend(senders.map(|sender| Request::Deliver { topic, sender, protection }));
    }
    for algorithm in Algorithm::ALL.iter().copied() {
        requests.push(Request::Generate { alias, algorithm, persistent: false });
        for (child, operation) in [(false, KeyOperation::Agree), (true, KeyOperation::Derive)] {
            requests.push(Request::Child { alias, child, operation, algorithm, usage: Usage::EMPTY });
        }
    }
    for operation in KeyOperation::ALL.iter().copied() {
        requests.extend([false, true].map(|child| Request::Key { alias, child, operation }));
    }
    requests.extend(StatelessOperation::ALL.iter().copied().map(Request::Stateless));
    requests.extend(LogLevel::ALL.iter().copied().map(|level| Request::Log { level }));
    requests
}
