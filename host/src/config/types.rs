//! The configuration as it runs: every value with its type and default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fakes::Fakes;
use super::reader::Places;
use super::server::ServerConfig;
use super::tenant::TenantConfig;
use super::tls::TlsConfig;
use crate::answers::Answer;
use crate::compression::CompressionConfig;
use crate::handlers::grants::grants_config::{GrantsConfig, Tables};
use crate::problem::Problem;
use crate::router::{MethodFilter, PatternError, RoutePattern};
use crate::static_files::MountConfig;

/// Everything that was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The process and its listeners.
    pub server: ServerConfig,
    /// Who this server is to who speaks TLS with it.
    pub tls: TlsConfig,
    /// Static mounts, in the order of the file.
    pub mounts: Vec<MountConfig>,
    /// Redirects, then fixed responses, each in the order of the file.
    pub answers: Vec<AnswerConfig>,
    /// Handlers by name. Dropped-in handlers need no entry. See [`Config::handler`].
    pub handlers: BTreeMap<String, HandlerConfig>,
    /// Handlers that have limits together. No handler is of two.
    pub tenants: Vec<TenantConfig>,
    /// How what is granted is kept.
    pub(crate) tables: Tables,
}

impl Config {
    /// The tables that say something else here than in `other`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut tables = Vec::new();
        let mut note = |name: &str, differs: bool| tables.extend(differs.then(|| name.to_owned()));
        note("[server]", self.server != other.server);
        note("[tls] or [[certificate]]", self.tls != other.tls);
        note("[[static]]", self.mounts != other.mounts);
        note("[[redirect]] or [[response]]", self.answers != other.answers);
        let names: BTreeSet<_> = self.handlers.keys().chain(other.handlers.keys()).collect();
        for name in names {
            note(&format!("[handlers.{name}]"), self.handlers.get(name) != other.handlers.get(name));
        }
        note("[tenants]", self.tenants != other.tenants);
        for table in self.tables.differences(&other.tables) {
            note(&format!("[{table}]"), true);
        }
        tables
    }

    /// What holds for the handler `name`, whether or not it is named.
    pub fn handler(&self, name: &str) -> HandlerConfig {
        let own = self.handlers.get(name).cloned().unwrap_or_default();
        HandlerConfig { tenant: self.tenants.iter().find(|tenant| tenant.has(name)).cloned(), ..own }
    }
}

/// A route that the host answers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerConfig {
    /// What it answers.
    pub route: RoutePattern,
    /// Its name for URLs.
    pub name: Option<String>,
    /// With what.
    pub answer: Answer,
}

/// A handler's routes, grants and limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandlerConfig {
    /// Its routes; where there are none, the component brings them.
    pub routes: Option<Vec<RouteConfig>>,
    /// How its calls share instances; the default depends on the component's kind.
    pub isolation: Option<Isolation>,
    /// The instances that all its calls share, on all cores; none where there are as many as
    /// the calls need.
    pub instances: Option<u32>,
    /// What it is granted.
    pub(crate) grants: GrantsConfig,
    /// Whether and how its responses are compressed.
    pub compression: Option<CompressionConfig>,
    /// Whether there may be no component of its name.
    pub is_optional: bool,
    /// Limits.
    pub limits: Limits,
    /// With which others it has limits together; [`Config::handler`] knows.
    pub tenant: Option<TenantConfig>,
}

/// A configured route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// The method and pattern.
    pub route: RoutePattern,
    /// Its name; the pattern where none was given.
    pub name: Option<String>,
}

/// How the calls of a handler share its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A fresh instance for every call.
    Request,
    /// One call at a time; an instance is retired after a number of them.
    Reuse,
    /// Many calls at once in one instance, as coroutines in one event loop.
    Shared,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Reuse => "reuse",
            Self::Shared => "shared",
        })
    }
}

/// What a handler's calls may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What an instance has of memory, with what the host holds for it, in bytes.
    pub memory_bytes: u64,
    /// What all its instances have together.
    pub total_memory_bytes: u64,
    /// CPU time of one call.
    pub cpu_timeout: Duration,
    /// Wall clock of one call, to the end of its response body.
    pub call_timeout: Duration,
    /// The longest wait for the next bytes of a request or response body.
    pub body_idle_timeout: Duration,
    /// Calls at once, on all cores together.
    pub calls: u32,
    /// Calls waiting for one of those.
    pub queue: u32,
    /// How long one may wait there.
    pub queue_timeout: Duration,
    /// A request body, in bytes.
    pub request_body_bytes: u64,
    /// A response body, in bytes.
    pub response_body_bytes: u64,
    /// Resources of the host that an instance may hold at once.
    pub handles: u32,
    /// Calls an instance serves before it is retired; 1 under `isolation = "request"`.
    pub calls_per_instance: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            total_memory_bytes: u64::MAX,
            cpu_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(30),
            calls: 1024,
            queue: 1024,
            queue_timeout: Duration::from_secs(5),
            request_body_bytes: 16 << 20,
            response_body_bytes: 1 << 30,
            handles: 16 << 10,
            calls_per_instance: 1_000_000,
        }
    }
}

impl RouteConfig {
    /// The name under which the handler is told of this route.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.route.pattern.as_str())
    }

    /// The route of every method at `pattern`.
    ///
    /// # Errors
    ///
    /// If the pattern is malformed.
    pub fn any(pattern: &str) -> Result<Self, PatternError> {
        let pattern = crate::router::Pattern::parse(pattern)?;
        Ok(Self { route: RoutePattern::new(MethodFilter::Any, pattern), name: None })
    }
}

/// Where the configuration comes from, before it is read.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--listen`, any number of times.
    pub listen: Vec<SocketAddr>,
    /// `--handlers`.
    pub handlers_dir: Option<PathBuf>,
    /// `--dev`.
    pub dev: bool,
    /// Whether it is served to who develops the handlers, by `patchboard dev`.
    pub develops: bool,
    /// `--log`, or `PATCHBOARD_LOG`.
    pub log: Option<String>,
    /// What stands in for what only a real server has; none where there is one.
    pub fakes: Option<Fakes>,
}

impl Source {
    /// The configuration file, which need not be there unless it was named.
    pub fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("patchboard.toml"))
    }
}

/// A configuration as far as it could be read.
#[derive(Debug)]
pub struct Reading {
    /// It, with defaults in the place of what is wrong; none where it cannot be read at all.
    pub config: Option<Config>,
    /// All that is wrong with it.
    pub problems: Vec<Problem>,
    pub(super) doubtful: BTreeSet<String>,
    pub(super) places: Places,
}

impl Reading {
    /// Of a file that cannot be read.
    pub(super) fn of(problem: Problem) -> Self {
        Self { config: None, problems: vec![problem], doubtful: BTreeSet::new(), places: Places::new() }
    }

    /// The problem, with the place of `name`, such as `server.cores` or `handlers.NAME`, where
    /// that was written.
    pub fn placed(&self, name: &str, problem: Problem) -> Problem {
        let place = match (self.places.get(name), &*problem.place) {
            (None, _) => return problem,
            (Some(place), "") => place.clone(),
            (Some(place), thing) => format!("{place}: {thing}"),
        };
        Problem { place, ..problem }
    }

    /// Whether `section`, such as `handlers.NAME`, is as it was meant, and worth judging by.
    pub fn is_certain(&self, section: &str) -> bool {
        !self.doubtful.iter().any(|doubtful| {
            doubtful.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// All that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}
