//! Which counters were received: a bitmap that slides, as in RFC 6479.

const WORDS: usize = 16;
/// Counters further behind the highest than this are refused.
pub(super) const WINDOW: u64 = (WORDS as u64) * 64;

/// Bit `counter % WINDOW` is set for every counter received within the window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// One more than the highest counter received.
    next: u64,
    bits: [u64; WORDS],
}

impl Window {
    /// Whether the counter is new. Asked before decryption; nothing changes.
    pub(super) fn is_new(&self, counter: u64) -> bool {
        if counter >= self.next {
            return true;
        }
        self.next - counter <= WINDOW && !self.bit(counter)
    }

    /// Marks a counter whose message was authentic.
    pub(super) fn mark(&mut self, counter: u64) {
        if counter >= self.next {
            let skipped = (counter - self.next).min(WINDOW);
            // Everything the window slides over has not been received.
            (0..skipped).for_each(|back| self.set(counter - 1 - back, false));
            self.next = counter.saturating_add(1);
        }
        self.set(counter, true);
    }

    fn bit(&self, counter: u64) -> bool {
        let (word, mask) = place(counter);
        self.bits.get(word).is_some_and(|bits| bits & mask != 0)
    }

    fn set(&mut self, counter: u64, received: bool) {
        let (word, mask) = place(counter);
        if let Some(bits) = self.bits.get_mut(word) {
            if received { *bits |= mask } else { *bits &= !mask }
        }
    }
}

fn place(counter: u64) -> (usize, u64) {
    let position = counter % WINDOW;
    ((position / 64) as usize, 1 << (position % 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with a set that forgets nothing.
        #[test]
        fn a_counter_is_accepted_once_and_only_within_the_window(
            counters in proptest::collection::vec(prop_oneof![0_u64..3000, 0_u64..1_000_000], 1..400)
        ) {
            let (mut window, mut received) = (Window::default(), std::collections::HashSet::new());
            for counter in counters {
                let highest = received.iter().max().copied();
                let in_reach = highest.is_none_or(|highest: u64| counter + WINDOW > highest);
                prop_assert_eq!(window.is_new(counter), in_reach && !received.contains(&counter));
                if window.is_new(counter) {
                    window.mark(counter);
                    received.insert(counter);
                }
            }
        }
    }
}
