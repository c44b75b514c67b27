//! What there is to ask: an engine with a small pool, and the handlers of a run.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use patchboard_server::body::Body;
use patchboard_server::config::{Config, HandlerConfig, Isolation, Limits, Source};
use patchboard_server::handlers::{Call, Core, Engine, Handler, Loader, MatchedRoute, Outside};
use patchboard_server::upload::Upload;
use tokio::io::DuplexStream;

use crate::schedule::Who;

/// The places of the pool. A quarter of them is for handlers without an instance on a core, and
/// half of that for those without any: here one for each handler and each core of two.
pub(crate) const PLACES: u64 = 64;
/// What is left to those that have one.
pub(crate) const SHARED_PLACES: u64 = PLACES - PLACES / 4;
/// How long a call waits in its queue, and again for a place.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a body may pause.
pub(crate) const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// The CPU time of a call. This is real time.
const CPU_TIMEOUT: Duration = Duration::from_millis(30);
/// What a pipe holds.
const PIPE: usize = 1024;

pub(crate) const ALL: [Who; 8] = [
    Who::Calm,
    Who::Seated,
    Who::Trapping,
    Who::Reuse,
    Who::Fresh,
    Who::Greedy,
    Who::Newcomer,
    Who::OtherNewcomer,
];

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Seated => "seated",
            Self::Trapping => "trapping",
            Self::Reuse => "reuse",
            Self::Fresh => "fresh",
            Self::Greedy => "greedy",
            Self::Newcomer => "newcomer",
            Self::OtherNewcomer => "other-newcomer",
        }
    }

    /// The calls that it takes at once.
    pub(crate) fn calls(self) -> usize {
        match self {
            Self::Calm | Self::Seated | Self::Trapping => 8,
            Self::Reuse | Self::Fresh => 6,
            Self::Greedy => 48,
            Self::Newcomer | Self::OtherNewcomer => 4,
        }
    }

    fn config(self) -> HandlerConfig {
        let calls = u32::try_from(self.calls()).unwrap_or(u32::MAX);
        let limits = Limits {
            calls,
            queue: calls / 2,
            queue_timeout: QUEUE_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
            body_idle_timeout: BODY_IDLE_TIMEOUT,
            cpu_timeout: CPU_TIMEOUT,
            calls_per_instance: match self {
                Self::Reuse => 5,
                Self::Trapping => 40,
                _ => Limits::default().calls_per_instance,
            },
            ..Limits::default()
        };
        let isolation = match self {
            Self::Reuse => Isolation::Reuse,
            Self::Fresh | Self::Greedy => Isolation::Request,
            _ => Isolation::Shared,
        };
        let mut config = HandlerConfig::default();
        config.isolation = Some(isolation);
        config.instances = (self == Self::Seated).then_some(1);
        config.limits = limits;
        config
    }
}

/// What all runs share.
pub(crate) struct World {
    engine: Arc<Engine>,
    loader: Loader,
    guest: Vec<u8>,
    /// It was compiled for this one.
    first: Arc<Handler>,
}

impl World {
    /// Compiles the guest.
    pub(crate) fn new() -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-guests/ill.wasm");
        let guest = fs::read(&path)
            .map_err(|error| format!("{}: {error}; run `cargo xtask guests --tests`", path.display()))?;
        let engine = engine().map_err(|error| format!("could not build the engine: {error}"))?;
        let loader = Loader::new(engine.clone()).map_err(|error| error.to_string())?;
        let first = load(&loader, Who::Calm, &guest, None)?;
        Ok(Self { engine, loader, guest, first })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// New versions of all handlers, of which nothing is known yet.
    pub(crate) fn handlers(&self) -> Result<BTreeMap<Who, Arc<Handler>>, String> {
        let load = |who| Ok((who, load(&self.loader, who, &self.guest, Some(&self.first))?));
        ALL.into_iter().map(load).collect()
    }

    /// The sum of the metric's samples that have all of `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let metrics = self.engine.metrics();
        let samples = metrics.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        let samples = samples.filter(|(of, _)| of.is_empty() || of.starts_with('{'));
        let samples = samples.filter(|(of, _)| labels.iter().all(|label| of.contains(label)));
        samples.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
    }

    /// Instances that live.
    pub(crate) fn instances(&self) -> u64 {
        self.metric("patchboard_instances", &[])
    }

    /// What became of the handler's calls so far.
    pub(crate) fn ended(&self, who: Who) -> u64 {
        let of = format!("handler=\"{}\"", who.name());
        let failed = self.metric("patchboard_failed_calls_total", &[&of]);
        // Those were answered before.
        let cut = self.metric("patchboard_failed_calls_total", &[&of, "reason=\"response_cut\""]);
        self.metric("patchboard_calls_total", &[&of]) + failed - cut
    }
}

fn engine() -> Result<Arc<Engine>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("patchboard.toml");
    fs::write(&file, format!("[server]\nhandlers = \".\"\ninstances = {PLACES}\ncode_cache = \"off\"\n"))?;
    let config = Config::load(&Source { file: Some(file), ..Source::default() })?;
    Ok(Engine::build(&config, Outside::default()).map_err(io::Error::other)?)
}

fn load(loader: &Loader, who: Who, guest: &[u8], before: Option<&Handler>) -> Result<Arc<Handler>, String> {
    loader.load(who.name(), guest, &who.config(), before, &|_| {}).map_err(|error| error.to_string())
}

/// A connection to the core, for calls of the handler, which are counted as they begin.
pub(crate) fn connect(core: &Rc<Core>, handler: &Arc<Handler>, begun: &Rc<Cell<u64>>) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (core, handler, begun) = (core.clone(), handler.clone(), begun.clone());
    tokio::task::spawn_local(async move {
        let service = service_fn(|request| async {
            begun.set(begun.get() + 1);
            Ok::<_, Infallible>(call(&core, &handler, request).await)
        });
        let mut server = http1::Builder::new();
        server.header_read_timeout(None).serve_connection(TokioIo::new(theirs), service).await.ok();
    });
    ours
}

async fn call(core: &Rc<Core>, handler: &Arc<Handler>, request: Request<Incoming>) -> Response<Body> {
    let (request, rest) = Upload::of(request);
    let (method, path) = (request.method(), request.uri().path());
    let is_it = |route: &&patchboard_server::handlers::Claim| {
        route.route.pattern.as_str() == path && route.route.method.as_str() == method.as_str()
    };
    let id = handler.routes().iter().find(is_it).and_then(|claim| claim.declared.id(method));
    let route = MatchedRoute { id, name: path.into(), pattern: path.into(), parameters: Vec::new() };
    let call = Call {
        request,
        client: None,
        authority: "sim".into(),
        route: Arc::new(route),
        request_id: "sim".into(),
    };
    let response = core.call(handler, call).await;
    if let Some(rest) = rest {
        rest.ends_connection().await;
    }
    response.unwrap_or_else(|error| {
        let mut response = Response::new(Body::full(error.to_string()));
        *response.status_mut() = error.status();
        response
    })
}
