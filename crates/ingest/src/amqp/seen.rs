//! The ids of the newest messages of a queue, to know those that come twice.
//!
//! Only what was not acknowledged can come again, and the broker has at most `prefetch` such messages with us. They are
//! the newest, because everything is acknowledged in the order in which it came (`unsettled`). So twice that many ids are
//! more than enough after any crash of ours; the rest is for publishers that repeat themselves and for brokers that
//! forget an acknowledgement when they crash.
//!
//! The ids stand in every commit, so there should be few. Once the broker answered a question on the same channel it has
//! processed all that was sent before. An id leaves at the second such answer after its acknowledgement: half a minute
//! to a minute later ([`Cluster::look`](super::Cluster::look)). A queue with five messages a second keeps 300 ids, 2.4 KB;
//! one with thousands keeps twice the prefetch, 512 KB by default.

use std::collections::{HashSet, VecDeque};

use super::message::MessageId;

#[derive(Debug)]
pub(super) struct Seen {
    capacity: usize,
    ids: HashSet<u64>,
    /// The oldest first.
    order: VecDeque<u64>,
    /// How many of the oldest were handed over before the channel was opened. They may come again until the first
    /// message comes that is new to the broker too: what it sends again comes first.
    earlier: usize,
    earlier_passed: bool,
    /// How many of those after them were acknowledged …
    acknowledged: usize,
    /// … and how many of the oldest the broker knows by now to be acknowledged.
    certain: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// New, and its id is kept.
    Kept(u64),
    /// New, but another message has the same id.
    Taken,
    /// It has come before.
    Known,
}

impl Seen {
    /// From the state of the last commit.
    pub(super) fn recall(state: &[u8], prefetch: u16) -> Self {
        let mut seen = Self {
            capacity: 0,
            ids: HashSet::new(),
            order: VecDeque::new(),
            earlier: 0,
            earlier_passed: false,
            acknowledged: 0,
            certain: 0,
        };
        let (ids, rest) = state.as_chunks();
        // A state of another shape is none.
        for id in ids.iter().filter(|_| rest.is_empty()).copied().map(u64::from_le_bytes) {
            if seen.ids.insert(id) {
                seen.order.push_back(id);
            }
        }
        // The prefetch may have been larger when it was written.
        seen.capacity = (2 * usize::from(prefetch)).max(seen.order.len());
        seen.reopen();
        seen
    }

    /// To be stored with the lines of all ids in it.
    pub(super) fn state(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(8 * self.order.len());
        for id in &self.order {
            state.extend_from_slice(&id.to_le_bytes());
        }
        state
    }

    /// `again`: the broker says that it has sent this message before.
    pub(super) fn admit(&mut self, id: MessageId, again: bool) -> Admission {
        if !again {
            self.earlier_passed = true;
        }
        let (id, telling) = match id {
            MessageId::Given(id) => (id, true),
            MessageId::Content(id) => (id, again),
        };
        if !self.ids.insert(id) {
            return if telling { Admission::Known } else { Admission::Taken };
        }
        self.order.push_back(id);
        while self.order.len() > self.capacity {
            self.drop_oldest();
        }
        Admission::Kept(id)
    }

    /// Messages that were not stored, the newest of all: they shall come again.
    pub(super) fn forget(&mut self, ids: &[u64]) {
        let gone: HashSet<u64> = ids.iter().copied().collect();
        self.order.retain(|id| !gone.contains(id));
        self.ids.retain(|id| !gone.contains(id));
        self.reopen();
    }

    /// Of the next `count` that were kept.
    pub(super) fn acknowledge(&mut self, count: usize) {
        self.acknowledged += count;
    }

    /// A new channel: what was acknowledged on the last one may not have reached the broker.
    pub(super) fn reopen(&mut self) {
        self.earlier = self.order.len();
        self.earlier_passed = false;
        self.acknowledged = 0;
        self.certain = 0;
    }

    /// The broker has answered, on the channel of the acknowledgements.
    pub(super) fn broker_is_up_to_date(&mut self) {
        for _ in 0..self.certain {
            self.drop_oldest();
        }
        if self.earlier_passed {
            self.certain = (self.earlier + self.acknowledged).min(self.order.len());
        }
    }

    fn drop_oldest(&mut self) {
        let Some(id) = self.order.pop_front() else { return };
        self.ids.remove(&id);
        self.certain = self.certain.saturating_sub(1);
        match self.earlier {
            0 => self.acknowledged = self.acknowledged.saturating_sub(1),
            _ => self.earlier -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFETCH: u16 = 4;

    /// Lower case: a message with an id, upper case: one without. `'` before it: the broker sends it again.
    /// `+`: one more is acknowledged, `?`: the broker answers, `|`: the channel is opened again, `#`: we start again.
    /// What was new is kept.
    fn check(script: &str, expected: &str, left: usize) {
        let mut seen = Seen::recall(&[], PREFETCH);
        let mut taken = String::new();
        let mut again = false;
        for step in script.chars() {
            let number = u64::from(u32::from(step));
            let id = if step.is_uppercase() { MessageId::Content(number) } else { MessageId::Given(number) };
            match step {
                ' ' => {}
                '\'' => again = true,
                '+' => seen.acknowledge(1),
                '?' => seen.broker_is_up_to_date(),
                '|' => seen.reopen(),
                '#' => seen = Seen::recall(&seen.state(), PREFETCH),
                _ if seen.admit(id, std::mem::take(&mut again)) == Admission::Known => {}
                _ => taken.push(step),
            }
        }
        assert_eq!((taken.as_str(), seen.order.len()), (expected, left), "{script}");
        assert_eq!(seen.ids.len(), seen.order.len());
    }

    #[test]
    fn what_comes_twice_is_taken_once() {
        check("abcb", "abc", 3);
        check("ab|'a'b c", "abc", 3);
        check("ab#'a'b c", "abc", 3);
        check("ab++#'a'b c#a", "abc", 3);
    }

    #[test]
    fn equal_messages_without_an_id_are_different_ones() {
        check("AA", "AA", 1);
        check("A|'A", "A", 1);
        check("A#'A A", "AA", 1);
    }

    #[test]
    fn ids_leave_at_the_second_answer_after_their_acknowledgement() {
        check("ab+?", "ab", 2);
        check("ab+??", "ab", 1);
        check("ab++??", "ab", 0);
        check("ab+?c?+?", "abc", 2);
        // The acknowledgement may be lost with the channel.
        check("ab++?|?", "ab", 2);
        check("ab++?|??'a'b", "ab", 2);
        check("ab++|'a'b c??", "abc", 1);
        check("ab++#??", "ab", 2);
        check("ab++# c??", "abc", 1);
    }

    #[test]
    fn there_are_never_more_than_twice_the_prefetch() {
        check("abcdefghijkl", "abcdefghijkl", 8);
        check("abcdefghijkl efghijkl", "abcdefghijkl", 8);
        check("abcdefghijkl abcd", "abcdefghijklabcd", 8);
        check("abcdefghijkl++++#??", "abcdefghijkl", 8);
    }

    #[test]
    fn a_larger_state_is_kept_whole_and_a_broken_one_is_none() {
        let state: Vec<u8> = (0..20_u64).flat_map(u64::to_le_bytes).collect();
        assert_eq!(Seen::recall(&state, PREFETCH).state(), state);
        assert!(Seen::recall(&state[..159], PREFETCH).order.is_empty());
    }

    #[test]
    fn what_was_not_stored_may_come_again() {
        let mut seen = Seen::recall(&[], PREFETCH);
        for id in 0..4 {
            assert_eq!(seen.admit(MessageId::Given(id), false), Admission::Kept(id));
        }
        seen.forget(&[2, 3]);
        let admissions = (0..4).map(|id| seen.admit(MessageId::Given(id), true));
        let expected = [Admission::Known, Admission::Known, Admission::Kept(2), Admission::Kept(3)];
        assert!(admissions.eq(expected));
    }
}
