//! Values in the memory of this process: gone when it ends, and no others have them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{Room, cost, sum};
use crate::{Backend, Change, Error, Keys, Space, Swap};

/// A back end in memory.
#[derive(Debug)]
pub struct Memory(Mutex<State>);

#[derive(Debug)]
struct State {
    spaces: HashMap<Space, BTreeMap<String, Bytes>>,
    bytes: u64,
    most_bytes: u64,
}

impl Memory {
    /// An empty one that holds `most_bytes` of keys and values.
    pub fn new(most_bytes: u64) -> Self {
        Self(Mutex::new(State { spaces: HashMap::new(), bytes: 0, most_bytes }))
    }

    /// Changes what it holds at most; nothing that it has is lost.
    pub fn set_most_bytes(&self, most_bytes: u64) {
        self.lock().most_bytes = most_bytes;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, space: &Space, key: &str) -> Option<&Bytes> {
        self.spaces.get(space)?.get(key)
    }

    fn cost(&self, space: &Space, key: &str) -> u64 {
        self.get(space, key).map_or(0, |value| cost(key, value))
    }

    /// Makes `changes` if there is room for them, and else none of them.
    fn change(&mut self, space: &Space, changes: Vec<Change>) -> Result<(), Error> {
        // What a key is to have at the end is what takes room.
        let last: HashMap<&str, &Option<Bytes>> =
            changes.iter().map(|(key, value)| (&**key, value)).collect();
        let freed: u64 = last.keys().map(|key| self.cost(space, key)).sum();
        let taken: u64 = last.iter().filter_map(|(key, value)| Some(cost(key, value.as_ref()?))).sum();
        let bytes = (self.bytes - freed).saturating_add(taken);
        // What is larger than before needs room; an emptier store is always right.
        if bytes > self.most_bytes && taken > freed {
            let most = self.most_bytes;
            return Err(Error::other(format!("the bucket is full: it holds {most} bytes (memory_bytes)")));
        }
        let values = self.spaces.entry(space.clone()).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[async_trait]
impl Backend for Memory {
    async fn get(
        &self,
        space: &Space,
        keys: Vec<String>,
        most_bytes: u64,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let (state, mut room) = (self.lock(), Room::new(most_bytes));
        let value = |key: &String| match state.get(space, key) {
            Some(value) => room.take(value).map(|()| Some(value.clone())),
            None => Ok(None),
        };
        keys.iter().map(value).collect()
    }

    async fn exists(&self, space: &Space, key: String) -> Result<bool, Error> {
        Ok(self.lock().get(space, &key).is_some())
    }

    async fn keys(&self, space: &Space, after: Option<String>, count: usize) -> Result<Keys, Error> {
        let state = self.lock();
        let Some(values) = state.spaces.get(space) else { return Ok(Keys { keys: Vec::new(), more: false }) };
        let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = values.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key.clone());
        let keys = found.by_ref().take(count).collect();
        Ok(Keys { keys, more: found.next().is_some() })
    }

    async fn change(&self, space: &Space, changes: Vec<Change>, _: u64) -> Result<(), Error> {
        self.lock().change(space, changes)
    }

    async fn increment(&self, space: &Space, key: String, delta: i64, _: u64) -> Result<i64, Error> {
        let mut state = self.lock();
        let sum = sum(&key, state.get(space, &key).map(AsRef::as_ref), delta)?;
        state.change(space, vec![(key, Some(sum.to_string().into()))])?;
        Ok(sum)
    }

    async fn swap(
        &self,
        space: &Space,
        key: String,
        expected: Option<Bytes>,
        value: Bytes,
        _: u64,
    ) -> Result<Swap, Error> {
        let mut state = self.lock();
        let found = state.get(space, &key);
        if found != expected.as_ref() {
            return Ok(Swap::Found(found.cloned()));
        }
        state.change(space, vec![(key, Some(value))])?;
        Ok(Swap::Done)
    }
}
