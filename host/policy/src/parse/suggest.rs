//! "Did you mean …?"

/// The candidate that a misspelt word is closest to, if any is close.
pub(super) fn closest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    const WORD_BYTES_MAX: usize = 40;
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let ranked = candidates.iter().map(|candidate| (distance(word, candidate), *candidate));
    let (distance, candidate) = ranked.min_by_key(|(distance, _)| *distance)?;
    (distance <= candidate.len().div_ceil(3)).then_some(candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, column) + usize::from(a != b);
            best = best.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            let is_swap = row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if is_swap {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("retain", "retain"), 0);
        assert_eq!(distance("retian", "retain"), 1);
        assert_eq!(distance("", "rate"), 4);
        assert_eq!(distance("topics", "topic"), 1);
    }

    #[test]
    fn a_slip_is_close_and_another_word_is_not() {
        let known = ["topic", "except", "max-size", "rate"];
        assert_eq!(closest("topci", &known), Some("topic"));
        assert_eq!(closest("max_size", &known), Some("max-size"));
        assert_eq!(closest("encryption", &known), None);
        assert_eq!(closest("x", &known), None);
    }
}
