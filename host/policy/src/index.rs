//! Rules filed so that those that speak of a request are found without looking at the others.

use std::collections::HashMap;

use crate::decision::RuleId;
use crate::rule::{AliasPattern, Grant, Rule};
use crate::topic::FilterTree;

/// The longest alias of a key, in bytes.
pub const ALIAS_BYTES_MAX: usize = 64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) publish: FilterTree<RuleId>,
    pub(crate) request: FilterTree<RuleId>,
    pub(crate) subscribe: FilterTree<RuleId>,
    /// The first `[keys.…]` entry.
    pub(crate) any_keys: Option<RuleId>,
    pub(crate) stateless: Option<RuleId>,
    pub(crate) logging: Option<RuleId>,
    pub(crate) clocks: Option<RuleId>,
    pub(crate) authorization: Option<RuleId>,
    aliases: HashMap<Box<str>, RuleId>,
    prefixes: HashMap<Box<str>, RuleId>,
    /// The lengths that prefixes have, longest first: at most one look-up for each byte of an alias.
    prefix_lengths: Vec<usize>,
}

impl Index {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (place, rule) in (0..).zip(rules) {
            index.file(RuleId(place), &rule.grant);
        }
        index
    }

    fn file(&mut self, id: RuleId, grant: &Grant) {
        match grant {
            Grant::Keys(keys) => {
                self.any_keys.get_or_insert(id);
                self.file_alias(id, &keys.pattern);
            }
            Grant::Publish(publish) => self.publish.insert(&publish.scope.filter, id),
            Grant::Request(request) => self.request.insert(&request.scope.filter, id),
            Grant::Subscribe(subscribe) => self.subscribe.insert(&subscribe.scope.filter, id),
            Grant::Stateless(_) => self.stateless = Some(id),
            Grant::Logging(_) => self.logging = Some(id),
            Grant::Clocks => self.clocks = Some(id),
            Grant::Authorization(_) => self.authorization = Some(id),
            Grant::Wasi => {}
        }
    }

    fn file_alias(&mut self, id: RuleId, pattern: &AliasPattern) {
        match pattern {
            AliasPattern::Exact(alias) => {
                self.aliases.insert(alias.clone(), id);
            }
            AliasPattern::Prefix(prefix) => {
                self.prefixes.insert(prefix.clone(), id);
                if let Err(place) = self.prefix_lengths.binary_search_by(|length| prefix.len().cmp(length)) {
                    self.prefix_lengths.insert(place, prefix.len());
                }
            }
        }
    }

    /// The most specific entry for an alias: the alias itself, else the longest prefix. What is no alias has none.
    pub(crate) fn key_entry(&self, alias: &str) -> Option<RuleId> {
        if !is_alias(alias) {
            return None;
        }
        let by_prefix = || {
            let lengths = self.prefix_lengths.iter();
            lengths.filter_map(|length| alias.get(..*length)).find_map(|prefix| self.prefixes.get(prefix))
        };
        self.aliases.get(alias).or_else(by_prefix).copied()
    }
}

/// An alias of a key: 1 to [`ALIAS_BYTES_MAX`] printable ASCII characters, no blanks.
pub(crate) fn is_alias(text: &str) -> bool {
    (1..=ALIAS_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_beats_a_prefix_and_a_longer_prefix_a_shorter_one() {
        let mut index = Index::default();
        let patterns = [
            AliasPattern::Prefix("".into()),
            AliasPattern::Prefix("session-".into()),
            AliasPattern::Exact("session-root".into()),
            AliasPattern::Prefix("session-a".into()),
        ];
        for (place, pattern) in (0..).zip(&patterns) {
            index.file_alias(RuleId(place), pattern);
        }
        assert_eq!(index.prefix_lengths, [9, 8, 0]);
        assert_eq!(index.key_entry("session-root"), Some(RuleId(2)));
        assert_eq!(index.key_entry("session-ab"), Some(RuleId(3)));
        assert_eq!(index.key_entry("session-b"), Some(RuleId(1)));
        assert_eq!(index.key_entry("other"), Some(RuleId(0)));
    }

    #[test]
    fn even_a_star_grants_nothing_to_what_is_no_alias() {
        let mut index = Index::default();
        index.file_alias(RuleId(0), &AliasPattern::Prefix("".into()));
        for text in ["", "a b", "a\n", "é", &"a".repeat(65)] {
            assert_eq!(index.key_entry(text), None, "{text:?}");
        }
        assert_eq!(index.key_entry(&"a".repeat(64)), Some(RuleId(0)));
    }
}
