//! The last requests, each with its last answer. What comes again takes the place of what was; of
//! too many, and of what is too large together, the oldest goes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, Method};

use super::answer::Answer;

/// All that is kept together, in bytes.
const MOST_BYTES: usize = 8 << 20;

/// A request as it can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request with its last answer.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) request: Kept,
    pub(super) answer: Answer,
    /// How many answers there were, so that a new one is known.
    pub(super) times: u64,
}

/// Them.
#[derive(Debug)]
pub(super) struct Keep {
    most: usize,
    entries: Mutex<VecDeque<Entry>>,
}

impl Kept {
    /// Whether the answer to one may be compared with that to the other.
    fn is_same(&self, other: &Self) -> bool {
        let field = |name| self.headers.get(&name) == other.headers.get(&name);
        self.method == other.method
            && self.target == other.target
            && self.body == other.body
            && [ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE].into_iter().all(field)
    }

    fn bytes(&self) -> usize {
        let fields = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64);
        self.target.len() + self.body.len() + fields.sum::<usize>()
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.request.bytes() + self.answer.body.start.len() + 256
    }
}

impl Keep {
    pub(super) fn new(most: usize) -> Self {
        Self { most, entries: Mutex::default() }
    }

    /// Whether anything is kept.
    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Keeps `answer` to `request`; one that is no handler's only where there was one before.
    pub(super) fn add(&self, request: Kept, answer: Answer, is_of_handler: bool) {
        let mut entries = self.entries();
        let before = entries.iter().position(|entry| entry.request.is_same(&request));
        if before.is_none() && !is_of_handler {
            return;
        }
        let times = before.and_then(|at| entries.remove(at)).map_or(0, |entry| entry.times);
        entries.push_back(Entry { request, answer, times: times + 1 });
        while entries.len() > self.most || entries.iter().map(Entry::bytes).sum::<usize>() > MOST_BYTES {
            entries.pop_front();
        }
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> Vec<Entry> {
        self.entries().iter().cloned().collect()
    }

    /// The answer to `request`, if one has come since there were so many.
    pub(super) fn since(&self, request: &Kept, times: u64) -> Option<Entry> {
        self.entries().iter().find(|entry| entry.times > times && entry.request.is_same(request)).cloned()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::answer::Content;
    use super::*;

    fn request(target: &str) -> Kept {
        let (method, headers, body) = (Method::GET, HeaderMap::new(), Bytes::new());
        Kept { method, target: target.to_owned(), headers, body }
    }

    fn answer(bytes: usize) -> Answer {
        let body = Content::of(&vec![b'x'; bytes].into());
        Answer { body, ..Answer::new(StatusCode::OK, &HeaderMap::new(), None) }
    }

    fn targets(keep: &Keep) -> Vec<String> {
        keep.all().into_iter().map(|entry| entry.request.target).collect()
    }

    #[test]
    fn the_last_are_kept_once_each() {
        let keep = Keep::new(3);
        for target in ["/a", "/b", "/c", "/a", "/d"] {
            keep.add(request(target), answer(1), true);
        }
        assert_eq!(targets(&keep), ["/c", "/a", "/d"]);
        assert_eq!(keep.since(&request("/a"), 1).unwrap().times, 2);
        assert!(keep.since(&request("/a"), 2).is_none());
        keep.add(request("/none"), answer(1), false);
        keep.add(request("/a"), answer(1), false);
        assert_eq!(targets(&keep), ["/c", "/d", "/a"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let keep = Keep::new(usize::MAX);
        (0..1000).for_each(|number| keep.add(request(&format!("/{number}")), answer(1 << 20), true));
        let all: usize = keep.all().iter().map(Entry::bytes).sum();
        assert!(all <= MOST_BYTES && all > MOST_BYTES / 2, "{all}");
    }
}
