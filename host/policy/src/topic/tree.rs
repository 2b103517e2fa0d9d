//! Values by topic filter: which of many filters match a topic?

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::str::Split;

use super::{Topic, TopicFilter};

/// Values filed under topic filters, found by topic.
///
/// Finding allocates nothing and visits at most two branches a level, whatever the number of filters: the cost follows
/// the filters that match a prefix of the topic, not those that are there. More specific filters come first: at each
/// level a name comes before `+`, and `+` before `#`.
///
/// ```
/// use m2m_policy::topic::{FilterTree, Topic, TopicError};
///
/// let mut tree = FilterTree::default();
/// tree.insert(&"metering/+/reading".parse()?, "controller");
/// tree.insert(&"metering/#".parse()?, "logger");
/// let mut found = Vec::new();
/// tree.for_each_match(Topic::new("metering/7/reading")?, |name| found.push(*name));
/// assert_eq!(found, ["controller", "logger"]);
/// # Ok::<(), TopicError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FilterTree<T> {
    root: Node<T>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Node<T> {
    names: HashMap<Box<str>, Node<T>>,
    plus: Option<Box<Node<T>>>,
    /// Values of the filter that ends with `#` here.
    hash: Vec<T>,
    /// Values of the filter that ends here.
    end: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { names: HashMap::new(), plus: None, hash: Vec::new(), end: Vec::new() }
    }
}

impl<T> Default for FilterTree<T> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<T> FilterTree<T> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Files a value under a filter, after those that are there.
    pub fn insert(&mut self, filter: &TopicFilter, value: T) {
        let mut node = &mut self.root;
        let mut is_hash = false;
        for level in filter.levels() {
            match level {
                "#" => is_hash = true,
                "+" => node = node.plus.get_or_insert_default(),
                name => node = node.names.entry(name.into()).or_default(),
            }
        }
        if is_hash {
            node.hash.push(value)
        } else {
            node.end.push(value)
        }
        self.len += 1;
    }

    /// Takes out the values under exactly this filter for which `is_it` says true; gives their number.
    pub fn remove(&mut self, filter: &TopicFilter, mut is_it: impl FnMut(&T) -> bool) -> usize {
        let removed = self.root.remove(filter.as_str().split('/'), &mut is_it);
        self.len -= removed;
        removed
    }

    /// The values under exactly this filter.
    pub fn get(&self, filter: &TopicFilter) -> &[T] {
        let mut node = &self.root;
        for level in filter.levels() {
            let next = match level {
                "#" => return &node.hash,
                "+" => node.plus.as_deref(),
                name => node.names.get(name),
            };
            let Some(next) = next else { return &[] };
            node = next;
        }
        &node.end
    }

    /// Calls `found` for every value whose filter matches, more specific filters first. Gives the number of tree nodes
    /// visited, which is the cost.
    pub fn for_each_match(&self, topic: &Topic, mut found: impl FnMut(&T)) -> usize {
        let mut walk = Walk {
            found: |value: &T| -> ControlFlow<()> {
                found(value);
                ControlFlow::Continue(())
            },
            visited: 0,
        };
        let _ = walk.topic(&self.root, topic.as_str().split('/'), !topic.is_reserved());
        walk.visited
    }

    /// Like [`Self::for_each_match`], until `found` breaks off.
    pub fn find_match<B>(&self, topic: &Topic, found: impl FnMut(&T) -> ControlFlow<B>) -> Option<B> {
        let mut walk = Walk { found, visited: 0 };
        walk.topic(&self.root, topic.as_str().split('/'), !topic.is_reserved()).break_value()
    }

    /// Calls `found` for every value whose filter covers `filter` ([`TopicFilter::covers`]), until it breaks off.
    pub fn find_covering<B>(&self, filter: &TopicFilter, mut found: impl FnMut(&T) -> ControlFlow<B>) -> Option<B> {
        if filter.as_str() == "#" {
            // `+/#` covers `#`: see `TopicFilter::covers`.
            let plus = self.root.plus.iter().flat_map(|node| &node.hash);
            return plus.chain(&self.root.hash).find_map(|value| found(value).break_value());
        }
        let mut walk = Walk { found, visited: 0 };
        walk.filter(&self.root, filter.levels(), !filter.is_reserved()).break_value()
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.plus.is_none() && self.hash.is_empty() && self.end.is_empty()
    }

    fn remove(&mut self, mut levels: Split<'_, char>, is_it: &mut impl FnMut(&T) -> bool) -> usize {
        let values = match levels.next() {
            None => &mut self.end,
            Some("#") => &mut self.hash,
            Some("+") => {
                let Some(next) = &mut self.plus else { return 0 };
                let removed = next.remove(levels, is_it);
                self.plus = self.plus.take().filter(|node| !node.is_empty());
                return removed;
            }
            Some(name) => {
                let Some(next) = self.names.get_mut(name) else {
                    return 0;
                };
                let removed = next.remove(levels, is_it);
                if next.is_empty() {
                    self.names.remove(name);
                }
                return removed;
            }
        };
        let before = values.len();
        values.retain(|value| !is_it(value));
        before - values.len()
    }
}

/// One search: what to do with a value, and how many nodes it has seen.
struct Walk<F> {
    found: F,
    visited: usize,
}

impl<F> Walk<F> {
    fn each<T, B>(&mut self, values: &[T]) -> ControlFlow<B>
    where
        F: FnMut(&T) -> ControlFlow<B>,
    {
        values.iter().try_for_each(&mut self.found)
    }

    /// `wildcards`: whether `+` and `#` count at this level, which they do not against a first level with `$`.
    fn topic<'a, T, B>(
        &mut self,
        node: &Node<T>,
        mut levels: impl Iterator<Item = &'a str> + Clone,
        wildcards: bool,
    ) -> ControlFlow<B>
    where
        F: FnMut(&T) -> ControlFlow<B>,
    {
        self.visited += 1;
        match levels.next() {
            None => self.each(&node.end)?,
            Some(name) => {
                if let Some(next) = node.names.get(name) {
                    self.topic(next, levels.clone(), true)?;
                }
                if wildcards && let Some(next) = &node.plus {
                    self.topic(next, levels, true)?;
                }
            }
        }
        if wildcards { self.each(&node.hash) } else { ControlFlow::Continue(()) }
    }

    fn filter<'a, T, B>(
        &mut self,
        node: &Node<T>,
        mut levels: impl Iterator<Item = &'a str> + Clone,
        wildcards: bool,
    ) -> ControlFlow<B>
    where
        F: FnMut(&T) -> ControlFlow<B>,
    {
        self.visited += 1;
        match levels.next() {
            None => self.each(&node.end)?,
            Some("#") => {}
            Some(level) => {
                if let Some(next) = node.names.get(level) {
                    self.filter(next, levels.clone(), true)?;
                }
                if wildcards && let Some(next) = &node.plus {
                    self.filter(next, levels, true)?;
                }
            }
        }
        if wildcards { self.each(&node.hash) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(filters: &[&str]) -> FilterTree<String> {
        let mut tree = FilterTree::default();
        for text in filters {
            tree.insert(&TopicFilter::new(text).unwrap(), (*text).to_owned());
        }
        tree
    }

    fn found(tree: &FilterTree<String>, topic: &str) -> Vec<String> {
        let mut found = Vec::new();
        tree.for_each_match(Topic::new(topic).unwrap(), |value| found.push(value.clone()));
        found
    }

    #[test]
    fn the_more_specific_filter_comes_first() {
        let tree = tree(&["#", "+/b", "a/#", "a/+", "a/b", "+/+"]);
        assert_eq!(found(&tree, "a/b"), ["a/b", "a/+", "a/#", "+/b", "+/+", "#"]);
        assert_eq!(found(&tree, "a"), ["a/#", "#"]);
    }

    #[test]
    fn wildcards_leave_the_topics_of_the_node_alone() {
        let tree = tree(&["#", "+/tick", "$timer/+", "$timer/#"]);
        assert_eq!(found(&tree, "$timer/tick"), ["$timer/+", "$timer/#"]);
        assert_eq!(found(&tree, "timer/tick"), ["+/tick", "#"]);
    }

    #[test]
    fn removing_the_last_value_leaves_an_empty_tree() {
        let mut tree = tree(&["a/+/c", "a/b/#", "a"]);
        assert_eq!(tree.remove(&TopicFilter::new("a/+/x").unwrap(), |_| true), 0);
        assert_eq!(tree.remove(&TopicFilter::new("a/+/c").unwrap(), |_| false), 0);
        assert_eq!(tree.len(), 3);
        for text in ["a/+/c", "a/b/#", "a"] {
            assert_eq!(tree.remove(&TopicFilter::new(text).unwrap(), |_| true), 1);
        }
        assert!(tree.is_empty() && tree.root.is_empty());
    }

    #[test]
    fn a_covering_filter_is_found_and_a_narrower_one_is_not() {
        let tree = tree(&["a/#", "+/b", "$timer/+"]);
        let covering =
            |text: &str| tree.find_covering(&TopicFilter::new(text).unwrap(), |v| ControlFlow::Break(v.clone()));
        assert_eq!(covering("a/+/c").as_deref(), Some("a/#"));
        assert_eq!(covering("+/b").as_deref(), Some("+/b"));
        assert_eq!(covering("$timer/tick").as_deref(), Some("$timer/+"));
        assert_eq!(covering("+/+"), None);
        assert_eq!(covering("#"), None);
        assert_eq!(covering("$other/b"), None);
    }
}
