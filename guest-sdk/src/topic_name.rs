//! Topic names and filters, MQTT 5.0 section 4.7.

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 65_535;

/// Whether `name` can be published to: 1 to 65,535 bytes, no NUL, no wildcard.
pub(crate) const fn is_topic(name: &str) -> bool {
    is_filter(name) && !has(name, b'+') && !has(name, b'#')
}

/// Whether `filter` can be subscribed to: as a topic, where `+` stands for one level and `#`, at the end, for the rest.
#[allow(clippy::indexing_slicing)] // a const function cannot iterate; the indices are below the length
pub(crate) const fn is_filter(filter: &str) -> bool {
    let bytes = filter.as_bytes();
    if bytes.is_empty() || bytes.len() > NAME_BYTES_MAX || has(filter, 0) {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        let wildcard = bytes[at] == b'+' || bytes[at] == b'#';
        let last = at + 1 == bytes.len();
        let opens = at == 0 || bytes[at - 1] == b'/';
        let closes = last || (bytes[at] == b'+' && bytes[at + 1] == b'/');
        if wildcard && !(opens && closes) {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `topic` is one of those that `filter` stands for. Wildcards never stand for a first level that begins with `$`.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match topic_levels.next() {
            Some(topic_level) if level == "+" || level == topic_level => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

#[allow(clippy::indexing_slicing)] // as above
const fn has(name: &str, byte: u8) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_alone_in_their_level() {
        for good in ["a", "/", "a//b", "+", "#", "a/+/b", "+/b", "a/#", "$timer/x"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "a+", "+a/b", "a/b+/c", "#/a", "a#", "a/#/b", "++", "a\0"] {
            assert!(!is_filter(bad), "{bad}");
        }
        assert!(is_topic("a/b"));
        assert!(!is_topic("a/+"));
        assert!(!is_topic("#"));
        assert!(is_topic(&"a".repeat(NAME_BYTES_MAX)));
        assert!(!is_topic(&"a".repeat(NAME_BYTES_MAX + 1)));
    }

    #[test]
    fn a_filter_matches_level_by_level() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b", "a", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a/b/c", false),
            ("a/#", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "b", false),
            ("+/+", "/finance", true),
            ("#", "a/b", true),
            ("#", "$timer/a", false),
            ("+/a", "$timer/a", false),
            ("$timer/#", "$timer/a", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }
}
