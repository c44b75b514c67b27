//! Small files that are asked for again and again, kept in memory; one for all
//! mounts of a server. What is kept is held against the file's state on each
//! request, so it is never stale.
//!
//! A [`Shelf`] is split into shards. Each is an immutable map behind an atomic
//! pointer: reading takes no lock, and writing, which is rare, copies a few
//! hundred pointers. What has not been used for longest makes room.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::facts::Facts;
use super::path::FilePath;
use super::state::FileState;
use super::version::Version;
use crate::coding::Coding;

const SHARDS: usize = 16;

/// Slots that note what was asked for once; a file is kept from the second time
/// on, so that a crawler does not drive out what is hot.
const SEEN: usize = 4096;

/// The versions of this many files are kept, some 100 bytes each.
const VERSIONS: usize = 16_384;

/// How much the memory may hold, for the server as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Bytes of content; 0 keeps none.
    pub bytes: u64,
    /// Number of files.
    pub files: usize,
    /// A larger file is never kept.
    pub file_bytes: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { bytes: 64 << 20, files: 4096, file_bytes: 64 << 10 }
    }
}

/// The memory that all mounts share.
#[derive(Debug)]
pub struct Memory {
    contents: Shelf<Kept>,
    pub(super) versions: Shelf<(FileState, Version)>,
    file_bytes: u64,
    seen: Box<[AtomicU32]>,
    hasher: RandomState,
    next_mount: AtomicU32,
}

/// A file's bytes with all that is derived from them and its name.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) state: FileState,
    pub(super) bytes: Bytes,
    pub(super) facts: Facts,
}

/// What a file is kept under.
#[derive(Debug)]
pub(super) struct Key(SmallVec<[u8; 64]>);

impl Key {
    pub(super) fn new(mount: u32, path: &FilePath, coding: Option<Coding>) -> Self {
        let mut key = SmallVec::with_capacity(path.as_bytes().len() + 5);
        key.extend_from_slice(&mount.to_le_bytes());
        key.push(coding.map_or(0, |coding| coding as u8 + 1));
        key.extend_from_slice(path.as_bytes());
        Self(key)
    }
}

impl Memory {
    /// An empty memory.
    pub fn new(config: &MemoryConfig) -> Self {
        Self {
            contents: Shelf::new(config.files, config.bytes),
            versions: Shelf::new(VERSIONS, u64::MAX),
            file_bytes: config.file_bytes.min(config.bytes / SHARDS as u64),
            seen: (0..SEEN).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::new(),
            next_mount: AtomicU32::new(0),
        }
    }

    /// A number that keeps the files of mounts apart.
    pub(super) fn register(&self) -> u32 {
        self.next_mount.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        self.contents.get(key)
    }

    /// Whether to keep a file of this size now: not if this is its first time.
    pub(super) fn wants(&self, key: &Key, length: u64) -> bool {
        if length > self.file_bytes {
            return false;
        }
        let hash = self.hasher.hash_one(&key.0);
        let print = (hash >> 32) as u32 | 1;
        let slot = self.seen.get(hash as usize % SEEN);
        slot.is_some_and(|slot| slot.swap(print, Ordering::Relaxed) == print)
    }

    pub(super) fn keep(&self, key: Key, kept: Kept) {
        let weight = kept.bytes.len() as u64;
        self.contents.put(key, kept, weight);
    }

    pub(super) fn forget(&self, key: &Key) {
        self.contents.remove(key);
    }
}

type Map<V> = HashMap<Arc<[u8]>, Arc<Item<V>>>;

/// A bounded map for many readers and few writers.
#[derive(Debug)]
pub(super) struct Shelf<V> {
    shards: Box<[Shard<V>]>,
    /// Limits of a shard.
    items: usize,
    bytes: u64,
}

#[derive(Debug)]
struct Shard<V> {
    map: ArcSwap<Map<V>>,
    writer: Mutex<()>,
    /// Advances with each write, as a clock for `used`.
    age: AtomicU64,
}

#[derive(Debug)]
struct Item<V> {
    value: Arc<V>,
    weight: u64,
    used: AtomicU64,
}

impl<V> Shelf<V> {
    fn new(items: usize, bytes: u64) -> Self {
        let shard = || Shard { map: ArcSwap::default(), writer: Mutex::new(()), age: AtomicU64::new(0) };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            items: items.div_ceil(SHARDS),
            bytes: bytes / SHARDS as u64,
        }
    }

    fn shard(&self, key: &Key) -> Option<&Shard<V>> {
        // Who could choose names of files that all fall to one shard gains nothing
        // but less room for them; the maps hash with a secret.
        self.shards.get((FxBuildHasher.hash_one(&key.0) >> 32) as usize % SHARDS)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<V>> {
        let shard = self.shard(key)?;
        let map = shard.map.load();
        let item = map.get(key.0.as_slice())?;
        let age = shard.age.load(Ordering::Relaxed);
        // Written only where it changes, so that readers share the line.
        if item.used.load(Ordering::Relaxed) != age {
            item.used.store(age, Ordering::Relaxed);
        }
        Some(Arc::clone(&item.value))
    }

    pub(super) fn put(&self, key: Key, value: V, weight: u64) {
        let Some(shard) = self.shard(&key) else { return };
        if weight > self.bytes || self.items == 0 {
            return;
        }
        let _writer = shard.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::clone(&shard.map.load());
        map.remove(key.0.as_slice());
        let mut bytes: u64 = map.values().map(|item| item.weight).sum();
        while map.len() >= self.items || bytes + weight > self.bytes {
            let oldest = map.iter().min_by_key(|(_, item)| item.used.load(Ordering::Relaxed));
            let Some(oldest) = oldest.map(|(key, _)| Arc::clone(key)) else { break };
            bytes -= map.remove(&oldest).map_or(0, |item| item.weight);
        }
        let used = AtomicU64::new(shard.age.fetch_add(1, Ordering::Relaxed) + 1);
        map.insert(key.0.as_slice().into(), Arc::new(Item { value: Arc::new(value), weight, used }));
        shard.map.store(Arc::new(map));
    }

    pub(super) fn remove(&self, key: &Key) {
        let Some(shard) = self.shard(key) else { return };
        let _writer = shard.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::clone(&shard.map.load());
        if map.remove(key.0.as_slice()).is_some() {
            shard.map.store(Arc::new(map));
        }
    }

    #[cfg(test)]
    fn totals(&self) -> (usize, u64) {
        let maps = self.shards.iter().map(|shard| shard.map.load());
        maps.fold((0, 0), |(items, bytes), map| {
            (items + map.len(), bytes + map.values().map(|item| item.weight).sum::<u64>())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        Key(SmallVec::from_slice(&n.to_le_bytes()))
    }

    #[test]
    fn a_shelf_keeps_within_its_count_and_bytes() {
        let shelf = Shelf::new(64, 16_000);
        for n in 0..1000 {
            shelf.put(key(n), n, 100);
        }
        let (items, bytes) = shelf.totals();
        assert!(items <= 64 && bytes <= 16_000, "{items} {bytes}");
        let heavy = Shelf::new(1000, 1600);
        for n in 0..1000 {
            heavy.put(key(n), n, 60);
        }
        let (items, bytes) = heavy.totals();
        assert!(items == 16 && bytes <= 1600, "{items} {bytes}");
        heavy.put(key(5000), 0, 101);
        assert!(heavy.get(&key(5000)).is_none());
    }

    #[test]
    fn what_was_used_last_stays() {
        let shelf = Shelf::new(64, u64::MAX);
        shelf.put(key(0), 0, 1);
        for n in 1..1000 {
            shelf.put(key(n), n, 1);
            assert_eq!(shelf.get(&key(0)).as_deref(), Some(&0));
        }
        shelf.remove(&key(0));
        assert!(shelf.get(&key(0)).is_none());
    }

    #[test]
    fn a_file_is_wanted_from_its_second_time_on() {
        let memory = Memory::new(&MemoryConfig::default());
        assert!(!memory.wants(&key(1), 10));
        assert!(memory.wants(&key(1), 10));
        assert!(!memory.wants(&key(2), 1 << 20));
        assert!(!memory.wants(&key(2), 1 << 20));
    }
}
