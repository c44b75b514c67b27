//! wasmtime's engine, its settings, and what all handlers share: one for the process.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use wasmtime::{
    Cache, Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::code_cache;
use super::counts::AllCounts;
use super::grants::outbound::StandIns;
use super::grants::routing::Urls;
use super::grants::shared::Around;
use super::grants::shared_grants::SharedGrants;
use super::needs::{self, Amounts, THINGS};
use super::places::Places;
use super::tenant::Tenants;
use super::ticks::{SHORT_TICK, TICK, Ticks};
use crate::config;

/// Core instances, and tables, of all instances together, as a multiple of the instances.
const MODULES_PER_INSTANCE: u32 = 4;
/// The least that a pool has of each thing, however few instances: room for a component that
/// needs the most, and a reserve.
const LEAST: u32 = 2 * needs::MOST;
/// Likewise, of stacks: an instance may have one for each call that waits.
const LEAST_STACKS: u32 = 512;

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
    places: Arc<Places>,
    trials: Arc<Places>,
    ticks: Arc<Ticks>,
    alarm: Box<dyn Fn() + Send + Sync>,
    counts: AllCounts,
    tenants: Tenants,
    grants: SharedGrants,
    stand_ins: Option<StandIns>,
    clock: Option<SystemTime>,
    /// The engine whose pool and compiled code it shares, and which keeps the epoch.
    _first: Option<Arc<Self>>,
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
    /// What takes the connections of outbound requests in the place of the network.
    pub stand_ins: Option<StandIns>,
    /// The moment at which the guests' wall clock stands still.
    pub clock: Option<SystemTime>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { urls: None, address: None, alarm: Box::new(|| {}), stand_ins: None, clock: None }
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
        let Outside { urls, address, alarm, stand_ins, clock } = outside;
        let memory_bytes = config
            .handlers
            .values()
            .map(|handler| handler.limits.memory_bytes)
            .chain([config::Limits::default().memory_bytes])
            .max()
            .unwrap_or_default();
        let (cache, no_cache) =
            code_cache::open(config.server.code_cache.as_deref(), config.server.code_cache_off);
        let (serving, trials) = (sizes(config.server.instances), sizes(TRIALS));
        let (wasm, no_pool) = build(&[serving, trials], memory_bytes, cache, &config.server)?;
        let notices = no_cache.into_iter().chain(no_pool).collect();
        let engine = Arc::new(Self {
            wasm,
            notices,
            memory_bytes,
            address,
            places: Places::new(serving),
            trials: Places::new(trials),
            ticks: Arc::default(),
            alarm,
            counts: AllCounts::default(),
            tenants: Tenants::default(),
            grants: SharedGrants::new(&Around { data_dir: &config.server.data_dir, urls }),
            stand_ins,
            clock,
            _first: None,
        });
        let ticking = Arc::downgrade(&engine);
        std::thread::Builder::new().name("epoch".to_owned()).spawn(move || tick(&ticking))?;
        Ok(engine)
    }

    /// An engine for `config` with the pool, the clock and the compiled code of `first`, and
    /// nothing else of it: what handlers keep, and what is counted of them, is its own.
    pub fn beside(first: &Arc<Self>, config: &config::Config, outside: Outside) -> Arc<Self> {
        let Outside { urls, address, alarm, stand_ins, clock } = outside;
        Arc::new(Self {
            wasm: first.wasm.clone(),
            notices: Vec::new(),
            memory_bytes: first.memory_bytes,
            address,
            places: first.places.clone(),
            trials: first.trials.clone(),
            ticks: first.ticks.clone(),
            alarm,
            counts: AllCounts::default(),
            tenants: Tenants::default(),
            grants: SharedGrants::new(&Around { data_dir: &config.server.data_dir, urls }),
            stand_ins,
            clock,
            _first: Some(first.clone()),
        })
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

    /// What takes the connections of outbound requests in the place of the network.
    pub(super) fn stand_ins(&self) -> Option<&StandIns> {
        self.stand_ins.as_ref()
    }

    /// The moment at which the guests' wall clock stands still.
    pub(super) fn clock(&self) -> Option<SystemTime> {
        self.clock
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
        let taken = self.places.taken();
        text += &format!("patchboard_instances {}\n", taken.first().copied().unwrap_or_default());
        for (name, help, amounts) in [
            ("size", "What the pool has of each thing that instances need.", self.places.all()),
            ("taken", "What live instances have taken of it.", &taken),
        ] {
            text += &format!("# HELP patchboard_pool_{name} {help}\n# TYPE patchboard_pool_{name} gauge\n");
            for (thing, amount) in THINGS.iter().zip(amounts) {
                text += &format!("patchboard_pool_{name}{{of=\"{thing}\"}} {amount}\n");
            }
        }
        text
    }

    /// What became of the calls of all handlers.
    pub(super) fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    pub(super) fn counts(&self) -> &AllCounts {
        &self.counts
    }

    /// The room for instances.
    pub(super) fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// The room for instances that are started to see whether they start.
    pub(super) fn trials(&self) -> &Arc<Places> {
        &self.trials
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
/// that others wait for a short slice only, and not while no guest runs.
fn tick(engine: &Weak<Engine>) {
    let (mut short, mut idle) = (0, 0);
    loop {
        std::thread::sleep(if short > 0 { SHORT_TICK } else { TICK });
        let Some(strong) = engine.upgrade() else { return };
        strong.wasm.increment_epoch();
        short = if strong.ticks.tick() { SHORT_TICKS } else { short.saturating_sub(1) };
        let ticks = strong.ticks();
        // An engine that nobody else has any more is to end.
        drop(strong);
        while !ticks.rest(&mut idle) {
            if engine.strong_count() == 0 {
                return;
            }
        }
    }
}

/// What a pool of so many instances has of each thing.
fn sizes(instances: u32) -> Amounts {
    let modules = instances.saturating_mul(MODULES_PER_INSTANCE).max(LEAST);
    let stacks = instances.saturating_mul(needs::STACKS).max(LEAST_STACKS);
    [instances, modules, instances.max(LEAST), modules, stacks]
}

/// The engine, and what the operator should know of it.
fn build(
    sizes: &[Amounts],
    memory_bytes: u64,
    cache: Option<Cache>,
    server: &config::ServerConfig,
) -> anyhow::Result<(wasmtime::Engine, Option<String>)> {
    let mut config = Config::new();
    config.cache(cache);
    // Who develops waits for the compiler more than for the code.
    config.cranelift_opt_level(if server.develops { OptLevel::None } else { OptLevel::Speed });
    // Else the environment would say whether lines are read of a component, and kept with its code.
    config.wasm_backtrace_details(match server.dev {
        true => WasmBacktraceDetails::Enable,
        false => WasmBacktraceDetails::Disable,
    });
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    config.allocation_strategy(pool(sizes, memory_bytes)?);
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
fn pool(sizes: &[Amounts], memory_bytes: u64) -> anyhow::Result<PoolingAllocationConfig> {
    let mut all = [0_u32; THINGS.len()];
    for size in sizes {
        all.iter_mut().zip(size).for_each(|(all, &size)| *all = all.saturating_add(size));
    }
    let [instances, core_instances, memories, tables, stacks] = all;
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(core_instances)
        .total_memories(memories)
        .total_tables(tables)
        .total_stacks(stacks)
        .max_memory_size(usize::try_from(memory_bytes)?)
        .linear_memory_keep_resident(if scan { 2 << 20 } else { 64 << 10 })
        .table_keep_resident(if scan { 64 << 10 } else { 8 << 10 })
        .async_stack_keep_resident(if scan { 64 << 10 } else { 8 << 10 })
        .pagemap_scan(Enabled::Auto);
    Ok(pool)
}
