//! Topic filters: topics with wildcards.

use std::fmt;
use std::str::FromStr;

use super::{TOPIC_LEVELS_MAX, Topic, TopicError, check_length};

/// A topic filter. `+` stands for one level, a last `#` for any number of them, the parent included; neither matches a
/// first level that begins with `$`.
///
/// ```
/// use m2m_policy::topic::{Topic, TopicFilter, TopicError};
///
/// let filter: TopicFilter = "metering/+/reading".parse()?;
/// assert!(filter.matches(Topic::new("metering/7/reading")?));
/// assert!(!filter.matches(Topic::new("metering/7/alarm")?));
/// # Ok::<(), TopicError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter(Box<str>);

impl TopicFilter {
    /// Checks a text and keeps a copy.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        check_length(text)?;
        if text.contains('\0') {
            return Err(TopicError::Nul);
        }
        let mut levels = text.split('/').peekable();
        if levels.peek() == Some(&"$share") {
            return Err(TopicError::Shared);
        }
        let mut count = 0;
        while let Some(level) = levels.next() {
            count += 1;
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(TopicError::HashNotLast);
            }
            if level.contains('+') && level != "+" {
                return Err(TopicError::PlusNotAlone);
            }
        }
        if count > TOPIC_LEVELS_MAX {
            return Err(TopicError::TooManyLevels);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels between the slashes.
    pub fn levels(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split('/')
    }

    /// Whether it has a `+` or `#`.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains(['+', '#'])
    }

    /// Whether it names topics of the node: its first level begins with `$`.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }

    /// Whether `topic` is one of this filter's topics.
    pub fn matches(&self, topic: &Topic) -> bool {
        if topic.is_reserved() && !self.is_reserved() {
            return false;
        }
        let mut topic_levels = topic.as_str().split('/');
        for level in self.levels() {
            match (level, topic_levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        topic_levels.next().is_none()
    }

    /// Whether every topic that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        if other.is_reserved() && !self.is_reserved() {
            return false;
        }
        // A topic has at least one level, so `+/#` leaves out nothing that `#` matches.
        if &*self.0 == "+/#" && &*other.0 == "#" {
            return true;
        }
        let mut other_levels = other.levels();
        for level in self.levels() {
            match (level, other_levels.next()) {
                ("#", _) => return true,
                (_, Some("#")) => return false,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        other_levels.next().is_none()
    }

    /// Whether some topic could match both filters.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.is_reserved() != other.is_reserved() {
            return false;
        }
        let (mut left, mut right) = (self.levels(), other.levels());
        loop {
            match (left.next(), right.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }
}

impl FromStr for TopicFilter {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        Self::new(text)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::new(text).unwrap()
    }

    #[test]
    fn malformed_filters_are_refused_by_name() {
        let check = |text: &str, expected: TopicError| assert_eq!(TopicFilter::new(text), Err(expected), "{text}");
        check("", TopicError::Empty);
        check("a/#/b", TopicError::HashNotLast);
        check("a#", TopicError::HashNotLast);
        check("a/b+", TopicError::PlusNotAlone);
        check("a/+#", TopicError::HashNotLast);
        check("$share/group/a", TopicError::Shared);
        check("a\0", TopicError::Nul);
        check(&"+/".repeat(TOPIC_LEVELS_MAX), TopicError::TooManyLevels);
    }

    /// The examples of MQTT 5, sections 4.7.1 and 4.7.2.
    #[test]
    fn matches_as_the_standard_says() {
        let check = |pattern: &str, topic: &str, expected: bool| {
            assert_eq!(filter(pattern).matches(Topic::new(topic).unwrap()), expected, "{pattern} {topic}");
        };
        check("sport/tennis/player1/#", "sport/tennis/player1", true);
        check("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true);
        check("sport/#", "sport", true);
        check("sport/tennis/+", "sport/tennis/player1", true);
        check("sport/tennis/+", "sport/tennis/player1/ranking", false);
        check("sport/+", "sport", false);
        check("sport/+", "sport/", true);
        check("+/+", "/finance", true);
        check("/+", "/finance", true);
        check("+", "/finance", false);
        check("#", "$SYS/a", false);
        check("+/monitor/Clients", "$SYS/monitor/Clients", false);
        check("$SYS/#", "$SYS/a", true);
        check("$SYS/monitor/+", "$SYS/monitor/Clients", true);
        check("a", "A", false);
        check("a/b", "a", false);
    }

    #[test]
    fn a_wider_filter_covers_a_narrower_one_and_not_the_reverse() {
        let check = |wide: &str, narrow: &str| {
            assert!(filter(wide).covers(&filter(narrow)), "{wide} {narrow}");
            assert!(!filter(narrow).covers(&filter(wide)), "{narrow} {wide}");
        };
        check("#", "a");
        check("a/#", "a");
        check("a/#", "a/+/#");
        check("+/b", "a/b");
        check("a/+", "a/b");
        check("$timer/#", "$timer/tick");
        assert!(filter("+/#").covers(&filter("#")) && filter("#").covers(&filter("+/#")));
        assert!(!filter("a/+/#").covers(&filter("a/#")));
        assert!(!filter("#").covers(&filter("$timer/tick")));
        assert!(!filter("+/tick").covers(&filter("$timer/tick")));
    }

    #[test]
    fn filters_overlap_where_a_topic_matches_both() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(filter(a).overlaps(&filter(b)), expected, "{a} {b}");
            assert_eq!(filter(b).overlaps(&filter(a)), expected, "{b} {a}");
        };
        check("a/+", "+/b", true);
        check("a/#", "a", true);
        check("a/b", "a/c", false);
        check("a/+", "a", false);
        check("#", "$timer/tick", false);
    }
}
