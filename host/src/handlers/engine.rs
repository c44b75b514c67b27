//! wasmtime's engine, its settings, and what all handlers share: one for the process.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use wasmtime::{Cache, Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::code_cache;
use super::compilers;
use super::counts::AllCounts;
use super::grants::routing::Urls;
use super::grants::shared::Around;
use super::grants::shared_grants::SharedGrants;
use super::places::Places;
use super::ticks::{SHORT_TICK, TICK, Ticks};
use crate::config;

/// Core modules, and tables, of one component; componentised JavaScript and Python
/// come in several.
const MODULES_PER_COMPONENT: u32 = 32;
/// Modules of all instances together, as a multiple of the instances.
const MODULES_PER_INSTANCE: u32 = 4;

/// Instances beyond those that serve: trials of what is being loaded, several at once.
const TRIALS: u32 = 64;
/// Short ticks after the last call that computed.
const SHORT_TICKS: u32 = 50;

/// The engine and what all handlers share.
pub struct Engine {
    wasm: wasmtime::Engine,
    notices: Vec<String>,
    memory_bytes: u64,
    address: Option<SocketAddr>,
    places: Places,
    ticks: Arc<Ticks>,
    alarm: Box<dyn Fn() + Send + Sync>,
    counts: AllCounts,
    grants: SharedGrants,
}

/// What there is around an engine.
pub struct Outside {
    /// The site whose URLs guests may ask for. Weak, since the site has the handlers, and
    /// they have the engine.
    pub urls: Option<Weak<dyn Urls>>,
    /// The address that `http://self` leads to, where there is one.
    pub address: Option<SocketAddr>,
    /// Tells whoever may do something about it that a version has failed in its first calls.
    pub alarm: Box<dyn Fn() + Send + Sync>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { urls: None, address: None, alarm: Box::new(|| {}) }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("memory_bytes", &self.memory_bytes).finish_non_exhaustive()
    }
}

impl Engine {
    /// Builds the engine for `config` and starts its epoch.
    ///
    /// # Errors
    ///
    /// If this machine cannot run it.
    pub fn build(config: &config::Config, outside: Outside) -> anyhow::Result<Arc<Self>> {
        let Outside { urls, address, alarm } = outside;
        let memory_bytes = config
            .handlers
            .values()
            .map(|handler| handler.limits.memory_bytes)
            .chain([config::Limits::default().memory_bytes])
            .max()
            .unwrap_or_default();
        compilers::prepare();
        let (cache, no_cache) = code_cache::open(config.server.code_cache.as_deref());
        let (wasm, no_pool) = build(config.server.instances, memory_bytes, cache)?;
        let notices = no_cache.into_iter().chain(no_pool).collect();
        let engine = Arc::new(Self {
            wasm,
            notices,
            memory_bytes,
            address,
            places: Places::new(config.server.instances),
            ticks: Arc::default(),
            alarm,
            counts: AllCounts::default(),
            grants: SharedGrants::new(&Around { data_dir: &config.server.data_dir, urls }),
        });
        let ticking = Arc::downgrade(&engine);
        std::thread::Builder::new().name("epoch".to_owned()).spawn(move || tick(&ticking))?;
        Ok(engine)
    }

    /// What the operator should know of this machine, for the log.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    pub(super) fn wasm(&self) -> &wasmtime::Engine {
        &self.wasm
    }

    /// The largest memory the pool was sized for, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// The address that `http://self` leads to.
    pub(super) fn self_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The clock of the epoch.
    pub(super) fn ticks(&self) -> Arc<Ticks> {
        self.ticks.clone()
    }

    /// Tells that a version has failed in its first calls.
    pub(super) fn alarm(&self) {
        (self.alarm)();
    }

    /// What became of the calls of all handlers, for Prometheus.
    pub fn metrics(&self) -> String {
        let mut text = self.counts.text();
        text += "# HELP patchboard_instances Live instances of all handlers.\n\
                 # TYPE patchboard_instances gauge\n";
        text += &format!("patchboard_instances {}\n", self.places.taken());
        text
    }

    /// What became of the calls of all handlers.
    pub(super) fn counts(&self) -> &AllCounts {
        &self.counts
    }

    /// The room for instances.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// What calls go on to do when their response is complete, of all handlers.
    pub fn tasks(&self) -> usize {
        self.grants.call.count()
    }

    /// What the server has of what it grants.
    pub(crate) fn grants(&self) -> &SharedGrants {
        &self.grants
    }
}

/// Raises the epoch until the engine is gone; more often while some call computes, so
/// that others wait for a short slice only.
fn tick(engine: &Weak<Engine>) {
    let mut short = 0;
    loop {
        std::thread::sleep(if short > 0 { SHORT_TICK } else { TICK });
        let Some(engine) = engine.upgrade() else { return };
        engine.wasm.increment_epoch();
        short = if engine.ticks.tick() { SHORT_TICKS } else { short.saturating_sub(1) };
    }
}

/// The engine, and what the operator should know of it.
fn build(
    instances: u32,
    memory_bytes: u64,
    cache: Option<Cache>,
) -> anyhow::Result<(wasmtime::Engine, Option<String>)> {
    let mut config = Config::new();
    config.cache(cache);
    config.cranelift_opt_level(OptLevel::Speed);
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    config.allocation_strategy(pool(instances, memory_bytes)?);
    match wasmtime::Engine::new(&config) {
        Ok(engine) => Ok((engine, None)),
        Err(error) => {
            // Containers and `ulimit -v` may not have the address space for a pool.
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            let engine = wasmtime::Engine::new(&config)?;
            Ok((engine, Some(format!("no pooling allocator here, instances start more slowly: {error:#}"))))
        }
    }
}

/// Resident pages are kept, and found by the kernel's pagemap scan where it has it:
/// keeping many without the scan would clear them all for every instance.
fn pool(instances: u32, memory_bytes: u64) -> anyhow::Result<PoolingAllocationConfig> {
    let instances = instances.saturating_add(TRIALS);
    let modules = instances.saturating_mul(MODULES_PER_INSTANCE);
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(modules)
        .total_memories(instances)
        .total_tables(modules)
        .total_stacks(instances.saturating_mul(2))
        .max_core_instances_per_component(MODULES_PER_COMPONENT)
        .max_tables_per_component(MODULES_PER_COMPONENT)
        .max_memory_size(usize::try_from(memory_bytes)?)
        .linear_memory_keep_resident(if scan { 2 << 20 } else { 64 << 10 })
        .table_keep_resident(if scan { 64 << 10 } else { 8 << 10 })
        .async_stack_keep_resident(if scan { 64 << 10 } else { 8 << 10 })
        .pagemap_scan(Enabled::Auto);
    Ok(pool)
}
