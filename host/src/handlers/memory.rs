//! The account of what an instance costs in memory.
//!
//! On it are the sum of its linear memories and tables, what is in its table of resources,
//! and whatever else the host holds for it: a [`Charge`] each, given back where it is
//! dropped. All of it counts against `memory_bytes`, what all instances of a handler have
//! together against its `total_memory_bytes`, and against its tenant's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

use super::counts::Counts;
use super::tenant::Tenant;

/// Tables are counted as if each element took this much (a pointer).
const ELEMENT_BYTES: usize = size_of::<usize>();

/// What would exceed a limit is not had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OverMemory {
    #[error(
        "the instance needs more than limits.memory_bytes ({0} bytes), with what the host holds for it; \
         raise it, or hold less at once"
    )]
    Instance(usize),
    #[error(
        "the instances of the handler need more than limits.total_memory_bytes ({0} bytes); raise it, or \
         limit limits.calls"
    )]
    Handler(u64),
    #[error(
        "the handlers of the tenant need more than its total_memory_bytes ({0} bytes); raise it, or limit its calls"
    )]
    Tenant(u64),
}

/// What a store, and what is held for its calls, have of memory.
#[derive(Debug)]
pub(super) struct Account {
    limit: usize,
    of_handler: u64,
    used: AtomicUsize,
    /// Refused since it was last asked.
    refused: AtomicU64,
    counts: Arc<Counts>,
    tenant: Arc<Tenant>,
    is_of_instance: bool,
}

/// So many bytes of an account, until it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

/// The account of a store, and what it has there itself.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    account: Arc<Account>,
    /// Of linear memories and tables.
    own: usize,
    /// In the table of resources, when it was last looked at.
    kept: usize,
}

impl Account {
    fn new(limit: usize, of_handler: u64, counts: Arc<Counts>, tenant: Arc<Tenant>) -> Self {
        let (used, refused) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { limit, of_handler, used, refused, counts, tenant, is_of_instance: true }
    }

    /// Of what waits for an instance, within what all of a handler's may have.
    pub(super) fn of_queue(of_handler: u64, counts: Arc<Counts>, tenant: Arc<Tenant>) -> Self {
        Self { is_of_instance: false, ..Self::new(usize::MAX, of_handler, counts, tenant) }
    }

    fn take(&self, bytes: usize) -> Result<(), OverMemory> {
        if bytes == 0 {
            return Ok(());
        }
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let over = if before.checked_add(bytes).is_none_or(|used| used > self.limit) {
            OverMemory::Instance(self.limit)
        } else if !self.counts.memory.take(bytes as u64, self.of_handler) {
            OverMemory::Handler(self.of_handler)
        } else if let Some((memory, limit)) = &self.tenant.memory
            && !memory.take(bytes as u64, *limit)
        {
            self.counts.memory.give_back(bytes as u64);
            OverMemory::Tenant(*limit)
        } else {
            if self.is_of_instance {
                self.counts.note_instance((before + bytes) as u64);
            }
            return Ok(());
        };
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        let refused = match over {
            OverMemory::Instance(_) => 1,
            OverMemory::Handler(_) => 2,
            OverMemory::Tenant(_) => 3,
        };
        self.refused.store(refused, Ordering::Relaxed);
        Err(over)
    }

    fn give_back(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.memory.give_back(bytes as u64);
            if let Some((memory, _)) = &self.tenant.memory {
                memory.give_back(bytes as u64);
            }
        }
    }
}

impl Charge {
    pub(super) fn new(account: &Arc<Account>, bytes: usize) -> Result<Self, OverMemory> {
        account.take(bytes)?;
        Ok(Self { account: account.clone(), bytes })
    }

    /// From now on it is so many.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), OverMemory> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.account.take(more)?,
            None => self.account.give_back(self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Likewise, by so many more.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), OverMemory> {
        self.set(self.bytes.saturating_add(bytes))
    }

    /// Likewise, by so many fewer.
    pub(super) fn subtract(&mut self, bytes: usize) {
        let fewer = bytes.min(self.bytes);
        self.account.give_back(fewer);
        self.bytes -= fewer;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.give_back(self.bytes);
    }
}

impl MemoryLimit {
    /// An empty account within `limit`, within `of_handler` for all of a handler's, and within
    /// what the tenant's handlers may have.
    pub(super) fn new(limit: u64, of_handler: u64, counts: Arc<Counts>, tenant: Arc<Tenant>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let account = Arc::new(Account::new(limit, of_handler, counts, tenant));
        Self { account, own: 0, kept: 0 }
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Counts what the host holds for the guest, until the charge is dropped.
    pub(super) fn hold(&self, bytes: usize) -> Result<Charge, OverMemory> {
        Charge::new(&self.account, bytes)
    }

    /// Counts what is in the table of resources now.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), OverMemory> {
        match bytes.checked_sub(self.kept) {
            Some(more) => self.account.take(more)?,
            None => self.account.give_back(self.kept - bytes),
        }
        self.kept = bytes;
        Ok(())
    }

    /// What was refused, if anything was.
    pub(super) fn refused(&self) -> Option<OverMemory> {
        match self.account.refused.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(OverMemory::Instance(self.account.limit)),
            2 => Some(OverMemory::Handler(self.account.of_handler)),
            _ => self.account.tenant.memory.as_ref().map(|(_, limit)| OverMemory::Tenant(*limit)),
        }
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let fits = self.account.take(more).is_ok();
        if fits {
            self.own = self.own.saturating_add(more);
        }
        fits
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        self.account.give_back(self.own);
        self.account.give_back(self.kept);
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
    use crate::config::TenantConfig;
    use crate::handlers::tenant::Tenants;

    fn limit(counts: &Arc<Counts>) -> MemoryLimit {
        MemoryLimit::new(100 << 10, 150 << 10, counts.clone(), Tenant::none())
    }

    #[test]
    fn memories_tables_and_what_is_held_are_summed() {
        let counts = Arc::default();
        let mut limit = limit(&counts);
        assert!(limit.memory_growing(0, 64 << 10, None).unwrap());
        assert_eq!(limit.refused(), None);
        assert!(!limit.memory_growing(0, 64 << 10, None).unwrap(), "a second memory");
        assert_eq!(limit.refused(), Some(OverMemory::Instance(100 << 10)));
        assert!(limit.table_growing(0, 4 << 10, None).unwrap());
        assert!(!limit.table_growing(4 << 10, 8 << 10, None).unwrap());
        let mut held = limit.hold(1 << 10).unwrap();
        assert!(!limit.memory_growing(64 << 10, 68 << 10, None).unwrap(), "beside what the host holds");
        assert!(held.add(4 << 10).is_err());
        held.subtract(1 << 10);
        assert!(limit.memory_growing(64 << 10, 67 << 10, None).unwrap());
        held.set(1 << 10).unwrap();
        assert!(limit.hold(1).is_err());
        drop(held);
        assert!(limit.keep(1 << 10).is_ok());
        assert!(limit.keep(2 << 10).is_err());
        assert!(limit.keep(0).is_ok());
        assert!(limit.hold(1 << 10).is_ok());
    }

    #[test]
    fn what_all_instances_have_is_limited_and_given_back() {
        let counts = Arc::default();
        let (mut one, mut other) = (limit(&counts), limit(&counts));
        assert!(one.memory_growing(0, 64 << 10, None).unwrap());
        assert!(other.memory_growing(0, 64 << 10, None).unwrap());
        assert_eq!(counts.memory_and_peak(), (128 << 10, 64 << 10));
        let held = other.hold(20 << 10).unwrap();
        assert_eq!(one.hold(3 << 10).unwrap_err(), OverMemory::Handler(150 << 10));
        drop(other);
        assert_eq!(counts.memory_and_peak(), (84 << 10, 84 << 10), "what outlives its store counts on");
        drop(held);
        drop(one);
        assert_eq!(counts.memory_and_peak(), (0, 84 << 10));
    }

    #[test]
    fn what_the_handlers_of_a_tenant_have_is_limited_together() {
        let config = TenantConfig { total_memory_bytes: Some(100 << 10), ..TenantConfig::default() };
        let tenant = Tenants::default().of(Some(&config));
        let limit = || MemoryLimit::new(80 << 10, u64::MAX, Arc::default(), tenant.clone());
        let (mut one, mut other) = (limit(), limit());
        assert!(one.memory_growing(0, 60 << 10, None).unwrap());
        assert!(!other.memory_growing(0, 60 << 10, None).unwrap());
        assert_eq!(other.refused(), Some(OverMemory::Tenant(100 << 10)));
        assert_eq!(other.account.counts.memory.get(), 0, "what was refused is on no account");
        let held = other.hold(40 << 10).unwrap();
        drop(one);
        assert!(other.memory_growing(0, 40 << 10, None).unwrap());
        drop((held, other));
        assert_eq!(tenant.memory.as_ref().unwrap().0.get(), 0);
    }
}
