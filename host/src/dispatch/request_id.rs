//! The ids of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives each request an id of its own; one for all cores.
#[derive(Debug)]
pub(super) struct RequestIds(AtomicU64);

impl RequestIds {
    pub(super) fn new() -> Self {
        // Ids of two servers, or of one before and after a restart, shall differ.
        let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64);
        Self(AtomicU64::new(seed ^ u64::from(std::process::id()).rotate_left(40)))
    }

    /// Unique; looks random because the counter is mixed (splitmix64).
    pub(super) fn next(&self) -> Arc<str> {
        let mut id = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        id ^= id >> 31;
        let digits: [u8; 16] = std::array::from_fn(|digit| {
            let value = (id >> (60 - 4 * digit)) as usize & 15;
            b"0123456789abcdef".get(value).copied().unwrap_or_default()
        });
        std::str::from_utf8(&digits).unwrap_or_default().into()
    }
}
