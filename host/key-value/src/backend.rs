//! What keeps values: the few operations that every back end has.
//!
//! Each is atomic. Limits of keys and values are held by [`Bucket`](crate::Bucket), before
//! a back end is asked; only what many values come to is counted here, as they are read.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Error;

/// Keeps the values of many buckets apart, each in a [`Space`].
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync {
    /// The values of `keys`, in their order; an error where they come to more than
    /// `most_bytes`.
    async fn get(
        &self,
        space: &Space,
        keys: Vec<String>,
        most_bytes: u64,
    ) -> Result<Vec<Option<Bytes>>, Error>;

    /// Whether there is a value.
    async fn exists(&self, space: &Space, key: String) -> Result<bool, Error>;

    /// The keys after `after`, in the order of their bytes, `count` at most.
    async fn keys(&self, space: &Space, after: Option<String>, count: usize) -> Result<Keys, Error>;

    /// Makes all `changes`, in their order, or none of them. Here and in what follows, a back
    /// end that has no bound of its own lets the bucket come to `most_bytes`.
    async fn change(&self, space: &Space, changes: Vec<Change>, most_bytes: u64) -> Result<(), Error>;

    /// Adds `delta` to a value that is a number in decimal digits, 0 where there is none;
    /// gives the sum.
    async fn increment(&self, space: &Space, key: String, delta: i64, most_bytes: u64) -> Result<i64, Error>;

    /// Sets the value of `key` if it is `expected` at that moment, and else says what it
    /// is.
    async fn swap(
        &self,
        space: &Space,
        key: String,
        expected: Option<Bytes>,
        value: Bytes,
        most_bytes: u64,
    ) -> Result<Swap, Error>;
}

/// What a key is to have: a value, or none.
pub type Change = (String, Option<Bytes>);

/// Which bucket: no two have the same, whatever their names are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Space(Arc<str>);

impl Space {
    /// That of `owner`'s bucket `name`, or of the bucket that all share. Neither has `/` in it.
    pub fn new(owner: Option<&str>, name: &str) -> Self {
        Self(format!("{}/{name}", owner.unwrap_or_default()).into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The keys, in the order of their bytes.
    pub keys: Vec<String>,
    /// Whether there are others after them.
    pub more: bool,
}

/// What came of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The value is the new one.
    Done,
    /// The value was another one, or none: this. Nothing has changed.
    Found(Option<Bytes>),
}

/// The sum of a value as [`Backend::increment`] has it and `delta`.
pub(crate) fn sum(key: &str, value: Option<&[u8]>, delta: i64) -> Result<i64, Error> {
    let number = match value {
        None => 0,
        // Exactly what `increment` writes, as Redis has it: no sign `+`, no zeros before.
        Some(value) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text))
            .ok_or_else(|| Error::not_a_number(key))?,
    };
    number.checked_add(delta).ok_or_else(|| Error::overflow(key))
}

/// What an entry costs beside its key and its value, about.
const ENTRY_BYTES: u64 = 64;

/// What an entry costs.
pub(crate) fn cost(key: &str, value: &[u8]) -> u64 {
    ENTRY_BYTES + key.len() as u64 + value.len() as u64
}

/// Counts the bytes of values that are read together.
#[derive(Debug)]
pub(crate) struct Room {
    most: u64,
    left: u64,
}

impl Room {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, left: most }
    }

    pub(crate) fn take(&mut self, value: &[u8]) -> Result<(), Error> {
        self.left = self.left.checked_sub(value.len() as u64).ok_or_else(|| Self::too_small(self.most))?;
        Ok(())
    }

    /// What is said where the values come to more.
    pub(crate) fn too_small(most: u64) -> Error {
        Error::other(format!(
            "the values come to more than {most} bytes (batch_bytes); ask for fewer at once"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_increment_writes_is_a_number() {
        for (value, delta, expected) in [
            (None, 5, Some(5)),
            (Some("7"), -9, Some(-2)),
            (Some("9223372036854775806"), 1, Some(i64::MAX)),
            (Some("9223372036854775807"), 1, None),
            (Some("-9223372036854775808"), -1, None),
            (Some("007"), 1, None),
            (Some("+7"), 1, None),
            (Some(" 7"), 1, None),
            (Some(""), 1, None),
            (Some("seven"), 1, None),
        ] {
            assert_eq!(sum("k", value.map(str::as_bytes), delta).ok(), expected, "{value:?} {delta}");
        }
    }

    #[test]
    fn spaces_of_other_owners_differ() {
        let spaces = [Some("a"), Some("b"), None].map(|owner| Space::new(owner, "default"));
        assert_eq!(spaces.each_ref().map(Space::as_str), ["a/default", "b/default", "/default"]);
    }
}
