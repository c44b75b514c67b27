//! Whether two segments can match the same text, and which is narrower.
//!
//! Regular languages can be compared: both are made automata, and the pairs of
//! states they can be in together are searched, breadth first, so that the example
//! that comes out is a short one. Texts with a slash or a line feed in them (which
//! had to be sent encoded) are left out: nobody who writes `[^/]+` or `.+` means to
//! tell them from a plain parameter. Bounded: a regex too large to be compared is
//! [`Relation::Unknown`], which its caller treats as an overlap.

use std::collections::{HashMap, VecDeque};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start::Config as StartConfig;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Bytes of one automaton, and of the work to make it.
const LARGEST: usize = 1 << 20;
/// Pairs of states that are looked at.
const MOST_PAIRS: usize = 4_096;

/// A set of texts.
#[derive(Debug)]
pub(super) struct Language(Option<dense::DFA<Vec<u32>>>);

/// How one language lies to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// No text is in both.
    Disjoint,
    /// All of this one is in the other.
    Narrower,
    /// All of the other is in this one.
    Wider,
    /// They are the same; this is in both.
    Equal(String),
    /// Neither holds the other; this is in both.
    Overlap(String),
    /// One of them is too large to say.
    Unknown,
}

impl Language {
    /// The texts that `regex` matches as a whole.
    pub(super) fn new(regex: &str) -> Self {
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(LARGEST))
            .determinize_size_limit(Some(LARGEST));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new())
            .build(&format!(r"\A(?:{regex})\z"));
        Self(dfa.ok())
    }

    /// How this language lies to `other`.
    pub(super) fn relation(&self, other: &Self) -> Relation {
        let Some(Found { both, only_left, only_right }) = self.search(other, false) else {
            return Relation::Unknown;
        };
        match (both, only_left, only_right) {
            (None, ..) => Relation::Disjoint,
            (Some(example), false, false) => Relation::Equal(example),
            (Some(_), false, true) => Relation::Narrower,
            (Some(_), true, false) => Relation::Wider,
            (Some(example), true, true) => Relation::Overlap(example),
        }
    }

    /// None where no text is in both; else such a text, where one is known.
    pub(super) fn common(&self, other: &Self) -> Option<Option<String>> {
        match self.search(other, true) {
            None => Some(None),
            Some(found) => found.both.map(Some),
        }
    }

    /// A short text that is in it, where one is known.
    pub(super) fn example(&self) -> Option<String> {
        self.common(self).flatten()
    }

    /// None where it would take too long.
    fn search(&self, other: &Self, common_only: bool) -> Option<Found> {
        let (left, right) = (self.0.as_ref()?, other.0.as_ref()?);
        let start = StartConfig::new().anchored(Anchored::Yes);
        let (a, b) = (left.start_state(&start).ok()?, right.start_state(&start).ok()?);
        let bytes = representatives(left, right);
        let mut both = None;
        let (mut only_left, mut only_right) = (false, false);
        // Each pair with the one it was reached from, and by which byte.
        let mut seen = HashMap::from([((a, b), None)]);
        let mut queue = VecDeque::from([(a, b)]);
        while let Some(pair @ (a, b)) = queue.pop_front() {
            match (accepts(left, a), accepts(right, b)) {
                (true, true) if both.is_none() => both = Some(example(&seen, pair)),
                (true, false) => only_left = true,
                (false, true) => only_right = true,
                _ => {}
            }
            if both.is_some() && (common_only || (only_left && only_right)) {
                break;
            }
            if seen.len() > MOST_PAIRS {
                return None;
            }
            for &byte in &bytes {
                let next = (left.next_state(a, byte), right.next_state(b, byte));
                if left.is_dead_state(next.0) && right.is_dead_state(next.1) {
                    continue;
                }
                seen.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    Some((pair, byte))
                });
            }
        }
        Some(Found { both, only_left, only_right })
    }
}

/// What two automata accept.
struct Found {
    both: Option<String>,
    only_left: bool,
    only_right: bool,
}

fn accepts(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> bool {
    dfa.is_match_state(dfa.next_eoi_state(state))
}

/// One byte of each class that either automaton tells apart, the most readable.
fn representatives(left: &dense::DFA<Vec<u32>>, right: &dense::DFA<Vec<u32>>) -> Vec<u8> {
    let (left, right) = (left.byte_classes(), right.byte_classes());
    let readable = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(b'!'..=b'~').chain(0..=255);
    let mut classes = std::collections::HashSet::new();
    let ordinary = readable.filter(|byte| !matches!(byte, b'/' | b'\n' | 0));
    ordinary.filter(|&byte| classes.insert((left.get(byte), right.get(byte)))).collect()
}

type Pair = (StateID, StateID);

fn example(seen: &HashMap<Pair, Option<(Pair, u8)>>, last: Pair) -> String {
    let mut bytes = Vec::new();
    let mut pair = last;
    while let Some(Some((before, byte))) = seen.get(&pair) {
        bytes.push(*byte);
        pair = *before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: Relation) {
        let (left, right) = (Language::new(left), Language::new(right));
        assert_eq!(left.relation(&right), expected);
    }

    #[test]
    fn languages_are_compared() {
        check("[0-9]+", "[a-z]+", Relation::Disjoint);
        check("[0-9]{4}", "[0-9]+", Relation::Narrower);
        check(".+", "[0-9]+", Relation::Wider);
        check("[0-9]", "0|1|2|3|4|5|6|7|8|9", Relation::Equal("0".to_owned()));
        check("[0-9]{2,}", "[0-9]{1,3}", Relation::Overlap("00".to_owned()));
        check("a.*", ".*b", Relation::Overlap("ab".to_owned()));
        check(r"\d+", "[0-9]+", Relation::Wider);
        check("^a$", "a", Relation::Equal("a".to_owned()));
        check("(?i)abc", "ABC", Relation::Wider);
        check("[^/]+", "(?s:.+)", Relation::Equal("a".to_owned()));
    }

    #[test]
    fn what_is_too_large_is_unknown_and_quick() {
        let start = std::time::Instant::now();
        check(r"\w{50,200}", "a", Relation::Unknown);
        check(r"(?:a|b)*a(?:a|b){20}", "a+", Relation::Unknown);
        assert!(start.elapsed().as_secs() < 5);
    }
}
