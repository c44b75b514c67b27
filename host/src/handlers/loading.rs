//! From a file's bytes to a [`Handler`] that can be called: compile, recognise,
//! check, link, try.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::admission::Admission;
use super::bounds::Amount;
use super::claim::{Claim, Declaration, Declared, Routes};
use super::component;
use super::engine::Engine;
use super::grants::outbound::OutboundClient;
use super::grants::{Grantee, Grants, Wanted};
use super::handler::Handler;
use super::health::Health;
use super::instance;
use super::lift;
use super::linking::Linkers;
use super::needs::Needs;
use super::places::Holder;
use super::section::{self, Section};
use super::slices::Slices;
use super::status::Status;
use crate::config::{HandlerConfig, Isolation, RouteConfig};

/// How long the trial instance may take to start.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a component cannot be loaded, and the routes it would have had.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct LoadError {
    reason: String,
    /// The routes that answer 503 meanwhile.
    pub claims: Routes,
}

/// Loads components.
pub struct Loader {
    engine: Arc<Engine>,
    linkers: Arc<Linkers>,
    /// Of trials; they send nothing.
    client: OnceLock<OutboundClient>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loader({:?})", self.engine)
    }
}

impl Loader {
    /// For handlers of `engine`.
    ///
    /// # Errors
    ///
    /// If what they may import cannot be linked.
    pub fn new(engine: Arc<Engine>) -> anyhow::Result<Self> {
        let linkers = Arc::new(Linkers::new(engine.wasm())?);
        Ok(Self { linkers, engine, client: OnceLock::new() })
    }

    /// For handlers of `engine`, which shares its code with the one that this loads for.
    #[must_use]
    pub fn beside(&self, engine: Arc<Engine>) -> Self {
        Self { linkers: self.linkers.clone(), engine, client: OnceLock::new() }
    }

    /// The engine that it loads for.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Loads the component `bytes` as handler `name`. Takes as long as compiling
    /// does; not for a core's thread. What is compiled of the same bytes in `before` is used
    /// again; `told` hears of the routes as soon as they are known.
    ///
    /// # Errors
    ///
    /// Names what is wrong with the component and, where there is one, the remedy.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        config: &HandlerConfig,
        before: Option<&Handler>,
        told: &dyn Fn(&Routes),
    ) -> Result<Arc<Handler>, LoadError> {
        let begun = Instant::now();
        let engine = &*self.engine;
        let (claims, wraps) = claims(name, bytes, config)?;
        told(&claims);
        let fail = |reason: String| LoadError { reason, claims: claims.clone() };
        if config.limits.memory_bytes > engine.memory_bytes() {
            return Err(fail(format!(
                "limits.memory_bytes is more than the {} bytes the pool was made for; restart the server",
                engine.memory_bytes()
            )));
        }
        let digest = digest(bytes);
        let component = match before.filter(|before| before.digest == digest) {
            Some(before) => before.program().component().clone(),
            None => {
                let amount = Amount::of(bytes);
                amount.check().map_err(fail)?;
                if amount.is_large() {
                    tracing::info!("compiling {name} ({:.1} MB)", bytes.len() as f64 / 1e6);
                }
                component::compile(engine, bytes).map_err(fail)?
            }
        };
        let imports = component::imports(engine, &component);
        let wanted = Wanted { handler: name, config: &config.grants, imports: &imports };
        let exports = component::exports(engine, &component);
        let newer = |problem: String| match component::other_version(imports.iter().chain(&exports)) {
            Some(other) => format!("{problem}; {other}"),
            None => problem,
        };
        Grants::check(&wanted).map_err(|problem| fail(newer(problem)))?;
        let kind = component::kind(&exports).map_err(|problem| fail(newer(problem)))?;
        let lifts = lift::read(bytes);
        let holds = Grants::hold(&wanted) || lifts.takes_turns;
        let isolation =
            component::isolation(kind, config.isolation, holds, lifts.is_composed).map_err(fail)?;
        if config.instances.is_some() && isolation != Isolation::Shared {
            return Err(fail(format!(
                "instances is for handlers whose calls share instances, and its isolation is \"{isolation}\"; remove \
                 it, or set isolation = \"shared\""
            )));
        }
        if isolation == Isolation::Shared {
            Grants::check_shared(&wanted).map_err(fail)?;
        }
        let needs = Needs::of(&component, bytes).map_err(fail)?;
        let program = self
            .linkers
            .link(&component, kind, isolation)
            .map_err(|error| fail(newer(format!("cannot be linked: {error:#}"))))?;
        let mut limits = config.limits.clone();
        match config.instances {
            _ if isolation == Isolation::Request => limits.calls_per_instance = 1,
            // They are kept.
            Some(_) => limits.calls_per_instance = u32::MAX,
            None => {}
        }
        let calls_at_once = needs.calls(isolation, config.instances, limits.calls);
        let tenant = engine.tenants().of(config.tenant.as_ref());
        let grantee =
            Grantee { handler: name, config: &config.grants, outbound_calls: tenant.outbound_calls.as_ref() };
        let counts = engine.counts().of(name, tenant.name());
        let handler = Arc::new(Handler {
            id: next_id(),
            name: name.into(),
            digest,
            load_time: OnceLock::new(),
            kind,
            isolation,
            is_composed: lifts.is_composed,
            routes: claims.clone(),
            wraps,
            program,
            compression: config.compression.clone(),
            grants: Arc::new(Grants::new(&grantee, engine.grants())),
            admission: Admission::new(&limits, &counts, &tenant),
            tenant,
            most_instances: config.instances,
            calls_at_once,
            takes_more: isolation == Isolation::Shared && needs.takes_more(),
            needs: needs.amounts(calls_at_once),
            superseded: AtomicBool::new(false),
            instances: Arc::default(),
            health: Health::default(),
            counts,
            limits,
        });
        self.trial(&handler).map_err(|reason| fail(format!("does not start: {reason}")))?;
        handler.load_time.set(begun.elapsed()).ok();
        Ok(handler)
    }

    /// Instantiates once, without a call.
    fn trial(&self, handler: &Handler) -> Result<(), String> {
        let engine = &*self.engine;
        let client = self.client.get_or_init(|| OutboundClient::new(None, None));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let slices = Arc::new(Slices::new(engine.ticks()));
            let status = Arc::new(Status::new(slices.clone(), handler.tenant().clone(), Arc::default()));
            let start = async {
                let _place = engine.trials().take(handler.needs(), &Holder::default()).await;
                instance::start(handler, engine, client, status).await.map(drop)
            };
            let started = tokio::select! {
                started = tokio::time::timeout(TRIAL_TIMEOUT, start) => started,
                never = slices.give_out() => match never {},
            };
            match started {
                Ok(started) => started.map_err(|error| format!("{error:#}")),
                Err(_) => Err(format!("it took longer than {TRIAL_TIMEOUT:?}")),
            }
        })
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What tells versions of a component apart.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The routes, first found wins: configured, the component's own, `/NAME` and below; and what
/// wraps them.
fn claims(name: &str, bytes: &[u8], config: &HandlerConfig) -> Result<(Routes, Option<Arc<str>>), LoadError> {
    let (root, below) = (format!("/{name}"), format!("/{name}/{{*path}}"));
    let everything =
        [root, below].iter().map(|pattern| RouteConfig::any(pattern)).collect::<Result<Vec<_>, _>>();
    let everything =
        everything.map_err(|error| LoadError { reason: error.to_string(), claims: Routes::new() })?;
    // What answers 503 where the component does not say what it is.
    let configured = config.routes.as_deref();
    let undeclared = || {
        let routes = configured.unwrap_or(&everything).iter();
        let claim = |route: &RouteConfig| Claim {
            name: route.name().into(),
            route: route.route.clone(),
            declared: Declared::default(),
        };
        routes.map(claim).collect::<Routes>()
    };
    let fail = |reason| LoadError { reason, claims: undeclared() };
    let Section { routes: declared, wraps } = section::read(bytes).map_err(fail)?;
    let claims = match configured {
        None if declared.is_empty() => undeclared(),
        None => declared.iter().map(Declaration::claim).collect(),
        Some(routes) => {
            let claim = |route: &RouteConfig| {
                let (name, route) = (route.name(), &route.route);
                let declared = Declaration::find(&declared, name, route)?;
                Ok(Claim { name: name.into(), route: route.clone(), declared })
            };
            let claims: Routes = routes.iter().map(claim).collect::<Result<_, _>>().map_err(fail)?;
            Claim::check(&claims).map_err(fail)?;
            claims
        }
    };
    Ok((claims, wraps))
}
