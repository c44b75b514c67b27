//! From a file's bytes to a [`Handler`] that can be called: compile, recognise,
//! check, link, try.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::admission::Admission;
use super::component::{self, Kind, Program};
use super::counts::Counts;
use super::engine::Engine;
use super::health::Health;
use super::instance;
use super::key_value;
use super::log::LogLimit;
use super::outbound::OutboundClient;
use super::slices::Slices;
use super::status::Status;
use super::{Claim, Routes, section};
use crate::config::{
    CompressionConfig, FolderConfig, HandlerConfig, Isolation, Limits, OriginPattern, RouteConfig, Value,
};

/// How long the trial instance may take to start.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A version of a handler, ready to be called.
pub struct Handler {
    id: u64,
    name: Arc<str>,
    digest: String,
    kind: Kind,
    isolation: Isolation,
    routes: Routes,
    program: Program,
    limits: Limits,
    compression: Option<CompressionConfig>,
    environment: Vec<(String, Value)>,
    config: Arc<[(String, Value)]>,
    folders: Vec<FolderConfig>,
    sql: Arc<[String]>,
    key_value: key_value::Granted,
    outbound: Arc<[OriginPattern]>,
    outbound_calls: Arc<Semaphore>,
    log_limit: Arc<LogLimit>,
    admission: Admission,
    superseded: AtomicBool,
    instances: Arc<AtomicU32>,
    health: Health,
    counts: Arc<Counts>,
}

/// Why a component cannot be loaded, and the routes it would have had.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct LoadError {
    reason: String,
    /// The routes that answer 503 meanwhile.
    pub claims: Routes,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handler({} {})", self.name, self.digest)
    }
}

impl Handler {
    /// Loads the component `bytes` as handler `name`. Takes as long as compiling
    /// does; not for a core's thread.
    ///
    /// # Errors
    ///
    /// Names what is wrong with the component and, where there is one, the remedy.
    pub fn load(
        engine: &Arc<Engine>,
        name: &str,
        bytes: &[u8],
        config: &HandlerConfig,
    ) -> Result<Arc<Self>, LoadError> {
        let claims = claims(name, bytes, config)?;
        let fail = |reason: String| LoadError { reason, claims: claims.clone() };
        if config.limits.memory_bytes > engine.memory_bytes() {
            return Err(fail(format!(
                "limits.memory_bytes is more than the {} bytes the pool was made for; restart the server",
                engine.memory_bytes()
            )));
        }
        let component = component::compile(engine, bytes).map_err(fail)?;
        component::check_grants(engine, name, &component, config).map_err(fail)?;
        let kind = component::kind(engine, &component).map_err(fail)?;
        let waits = component::waits_for_stores(engine, &component);
        let isolation = component::isolation(kind, config.isolation, waits).map_err(fail)?;
        component::check_blocking(engine, name, &component, isolation).map_err(fail)?;
        if isolation == Isolation::Shared && !config.folders.is_empty() {
            return Err(fail(format!(
                "has folders, and a file that is waited for would hold every call of a shared instance; \
                 set isolation = \"request\" or \"reuse\" in [handlers.{name}]"
            )));
        }
        let program = component::link(engine, &component, kind, isolation)
            .map_err(|error| fail(format!("cannot be linked: {error:#}")))?;
        let mut limits = config.limits.clone();
        if isolation == Isolation::Request {
            limits.calls_per_instance = 1;
        }
        let handler = Arc::new(Self {
            id: next_id(),
            name: name.into(),
            digest: digest(bytes),
            kind,
            isolation,
            routes: claims.clone(),
            program,
            compression: config.compression.clone(),
            environment: config.environment.clone(),
            config: config.config.clone().into(),
            folders: config.folders.clone(),
            sql: config.sql.clone().into(),
            key_value: key_value::grant(engine, name, config),
            outbound: config.outbound.clone().into(),
            outbound_calls: Arc::new(Semaphore::new(limits.outbound_calls as usize)),
            log_limit: Arc::new(LogLimit::new(limits.log_bytes)),
            admission: Admission::new(&limits),
            superseded: AtomicBool::new(false),
            instances: Arc::default(),
            health: Health::default(),
            counts: engine.counts().of(name),
            limits,
        });
        handler.trial(engine).map_err(|reason| fail(format!("does not start: {reason}")))?;
        Ok(handler)
    }

    /// Instantiates once, without a call.
    fn trial(&self, engine: &Engine) -> Result<(), String> {
        static CLIENT: OnceLock<OutboundClient> = OnceLock::new();
        let client = CLIENT.get_or_init(|| OutboundClient::new(None));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let slices = Arc::new(Slices::new(engine.ticks()));
            let status = Arc::new(Status::new(slices.clone(), Arc::default()));
            let start = instance::start(self, engine, client, status);
            let started = tokio::select! {
                started = tokio::time::timeout(TRIAL_TIMEOUT, start) => started,
                never = slices.give_out() => match never {},
            };
            match started {
                Ok(started) => started.map(drop).map_err(|error| format!("{error:#}")),
                Err(_) => Err(format!("it took longer than {TRIAL_TIMEOUT:?}")),
            }
        })
    }

    /// Names this version among all that were ever loaded.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The name: that of the file, without `.wasm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Likewise, to keep.
    pub fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// SHA-256 of the file, the first 12 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether both are made of the same bytes and claim the same routes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.routes == other.routes
    }

    /// What the component speaks.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How its calls share instances.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The routes it claims.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Whether and how its responses are compressed.
    pub fn compression(&self) -> Option<&CompressionConfig> {
        self.compression.as_ref()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.reveal()))
    }

    /// What it was granted of `wasi:config`.
    pub(super) fn config(&self) -> Arc<[(String, Value)]> {
        self.config.clone()
    }

    /// What it was granted of key-value buckets.
    pub(super) fn key_value(&self) -> key_value::Granted {
        self.key_value.clone()
    }

    pub(super) fn folders(&self) -> &[FolderConfig] {
        &self.folders
    }

    /// The names of the databases it was granted.
    pub(super) fn sql(&self) -> Arc<[String]> {
        self.sql.clone()
    }

    pub(super) fn outbound(&self) -> Arc<[OriginPattern]> {
        self.outbound.clone()
    }

    /// A permit for each outbound request at once.
    pub(super) fn outbound_calls(&self) -> Arc<Semaphore> {
        self.outbound_calls.clone()
    }

    pub(super) fn log_limit(&self) -> Arc<LogLimit> {
        self.log_limit.clone()
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// How many instances it has, on all cores.
    pub(super) fn instances(&self) -> &Arc<AtomicU32> {
        &self.instances
    }

    /// How its calls fared.
    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// What became of the calls of all its versions.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets it serve again, after another version failed in its place.
    pub(super) fn reinstate(&self) {
        self.superseded.store(false, Ordering::Relaxed);
    }

    /// Tells the instances that another version, or none, took this one's place.
    pub(super) fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The routes, first found wins: configured, the component's own, `/NAME` and below.
fn claims(name: &str, bytes: &[u8], config: &HandlerConfig) -> Result<Routes, LoadError> {
    let of_config = |routes: &[RouteConfig]| {
        let claim = |route: &RouteConfig| Claim { name: route.name().into(), route: route.route.clone() };
        routes.iter().map(claim).collect()
    };
    if let Some(routes) = &config.routes {
        return Ok(of_config(routes));
    }
    let fail = |reason: String| LoadError { reason, claims: Routes::new() };
    let (root, below) = (format!("/{name}"), format!("/{name}/{{*path}}"));
    let default =
        [root, below].iter().map(|pattern| RouteConfig::any(pattern)).collect::<Result<Vec<_>, _>>();
    let default: Routes = of_config(&default.map_err(|error| fail(error.to_string()))?);
    match section::read(bytes) {
        Ok(routes) if routes.is_empty() => Ok(default),
        Ok(routes) => Ok(routes),
        Err(reason) => Err(LoadError { reason, claims: default }),
    }
}
