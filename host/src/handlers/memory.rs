//! The memory that an instance may use.
//!
//! wasmtime's own limiter counts each memory and table alone; [`MemoryLimit`] counts
//! their sum, and what the host keeps for the guest.

use wasmtime::ResourceLimiter;

/// Tables are counted as if each element took this much (a pointer).
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Bounds the sum of an instance's linear memories and tables.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    used: usize,
}

impl MemoryLimit {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0 }
    }

    /// Counts what the host keeps for the guest; whether there is room for it.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        self.grow(0, bytes)
    }

    /// No longer counts what [`MemoryLimit::hold`] did.
    pub(super) fn release(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let Some(used) = self.used.checked_add(desired.saturating_sub(current)) else { return false };
        let fits = used <= self.limit;
        if fits {
            self.used = used;
        }
        fits
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current.saturating_mul(ELEMENT_BYTES), desired.saturating_mul(ELEMENT_BYTES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_are_summed() {
        let mut limit = MemoryLimit::new(100 << 10);
        assert!(limit.memory_growing(0, 64 << 10, None).unwrap());
        assert!(!limit.memory_growing(0, 64 << 10, None).unwrap(), "a second memory");
        assert!(limit.table_growing(0, 4 << 10, None).unwrap());
        assert!(!limit.table_growing(4 << 10, 8 << 10, None).unwrap());
        assert!(limit.hold(1 << 10));
        assert!(!limit.memory_growing(64 << 10, 68 << 10, None).unwrap(), "beside what the host keeps");
        limit.release(1 << 10);
        assert!(limit.memory_growing(64 << 10, 68 << 10, None).unwrap());
        assert!(!limit.hold(1));
    }
}
