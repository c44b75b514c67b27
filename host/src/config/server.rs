//! `[server]`: its keys and their defaults, and which of them need a restart.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::MemoryConfig;
use super::reader::{Lookup, Section};
use crate::forwarded::Network;
use crate::router::Slashes;

/// Where a server listens that is not told where.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The settings of this moment; a reload replaces them as a whole.
pub type CurrentServer = ArcSwap<ServerConfig>;

/// The process and its listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Addresses to listen on; port 0 takes any free port.
    pub listen: Vec<SocketAddr>,
    /// The address of the probes, if it is one of their own.
    pub probes: Option<SocketAddr>,
    /// The folder that handlers are dropped into.
    pub handlers_dir: Option<PathBuf>,
    /// The number of threads that run requests.
    pub cores: usize,
    /// How long the server goes on as before at shutdown, but for not being ready.
    pub shutdown_delay: Duration,
    /// How long calls under way may take to finish at shutdown.
    pub drain_timeout: Duration,
    /// How long a client may take to send the head of a request, and to begin the
    /// first.
    pub head_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its response.
    pub write_timeout: Duration,
    /// Requests of one connection, which is closed after the last.
    pub requests_per_connection: u32,
    /// Connections at once.
    pub connections: u32,
    /// The longest head of a request, in bytes.
    pub head_bytes: u64,
    /// Live instances of all handlers together: the size of the pool.
    pub instances: u32,
    /// Where compiled code is kept; none without a cache.
    pub code_cache: Option<PathBuf>,
    /// Whether paths that differ in slashes from a route are redirected to it.
    pub slashes: Slashes,
    /// What static mounts may keep in memory.
    pub static_memory: MemoryConfig,
    /// The form of the access log.
    pub access_log: AccessLogFormat,
    /// The file it is written to; standard output without one.
    pub access_log_file: Option<PathBuf>,
    /// The folder of the secrets, a file each.
    pub secrets_dir: PathBuf,
    /// The folder of what handlers keep: key-value buckets, and databases without a path
    /// of their own. Made when it is needed.
    pub data_dir: PathBuf,
    /// Proxies that are believed what they tell of a request.
    pub trusted_proxies: Vec<Network>,
    /// Whether error bodies show traps and their backtraces.
    pub dev: bool,
}

impl ServerConfig {
    /// The file that the access log is written to, if it is.
    pub fn access_log_path(&self) -> Option<&Path> {
        self.access_log_file.as_deref().filter(|_| self.access_log != AccessLogFormat::Off)
    }

    /// Takes over what a server that runs with `running` cannot change; names those
    /// keys whose values were others.
    pub fn keep_fixed(&mut self, running: &Self) -> Vec<&'static str> {
        let mut kept = Vec::new();
        let mut note = |key: &'static str, differs: bool| kept.extend(differs.then_some(key));
        note("listen", keep(&mut self.listen, &running.listen));
        note("probes", keep(&mut self.probes, &running.probes));
        note("handlers", keep(&mut self.handlers_dir, &running.handlers_dir));
        note("cores", keep(&mut self.cores, &running.cores));
        note("instances", keep(&mut self.instances, &running.instances));
        note("data", keep(&mut self.data_dir, &running.data_dir));
        note("code_cache", keep(&mut self.code_cache, &running.code_cache));
        kept
    }
}

/// Whether the value was another one.
fn keep<T: Clone + PartialEq>(value: &mut T, running: &T) -> bool {
    let differs = value != running;
    if differs {
        value.clone_from(running);
    }
    differs
}

/// The form of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// No access log.
    Off,
    /// One line of `key=value` pairs a request.
    Text,
    /// One JSON object a request.
    Json,
}

pub(super) fn server(section: Section<'_, '_>, folder: &Path, lookup: &Lookup) -> ServerConfig {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = MemoryConfig::default();
    let config = ServerConfig {
        listen: section
            .list("listen", "an address such as \"127.0.0.1:8080\"")
            .unwrap_or_else(|| vec![DEFAULT_LISTEN]),
        probes: section.parse("probes", "an address such as \"127.0.0.1:9090\"", str::parse),
        handlers_dir: section.string("handlers").map(|dir| folder.join(dir)),
        cores: section.count("cores").map_or(cores, |count| count as usize),
        shutdown_delay: section.duration("shutdown_delay").unwrap_or_default(),
        drain_timeout: section.duration("drain_timeout").unwrap_or(Duration::from_secs(10)),
        head_timeout: section.duration("head_timeout").unwrap_or(Duration::from_secs(30)),
        idle_timeout: section.duration("idle_timeout").unwrap_or(Duration::from_secs(75)),
        write_timeout: section.duration("write_timeout").unwrap_or(Duration::from_secs(60)),
        requests_per_connection: section.count("requests_per_connection").unwrap_or(1_000_000),
        connections: section.count("connections").unwrap_or(4096),
        head_bytes: section.bytes("head_bytes").unwrap_or(64 << 10),
        instances: section.count("instances").unwrap_or(1000),
        code_cache: match section.string("code_cache") {
            None => default_code_cache(lookup),
            Some(off) if off == "off" => None,
            Some(dir) => Some(folder.join(dir)),
        },
        slashes: section
            .parse("slashes", "\"strict\" or \"redirect\"", |text| match text {
                "strict" => Ok(Slashes::Strict),
                "redirect" => Ok(Slashes::Redirect),
                other => Err(format!("expected \"strict\" or \"redirect\", found \"{other}\"")),
            })
            .unwrap_or_default(),
        static_memory: MemoryConfig {
            bytes: section.bytes("static_memory_bytes").unwrap_or(memory.bytes),
            files: section.count("static_memory_files").map_or(memory.files, |count| count as usize),
            file_bytes: section.bytes("static_memory_file_bytes").unwrap_or(memory.file_bytes),
        },
        access_log: section
            .parse("access_log", "\"text\", \"json\" or \"off\"", |text| match text {
                "text" => Ok(AccessLogFormat::Text),
                "json" => Ok(AccessLogFormat::Json),
                "off" => Ok(AccessLogFormat::Off),
                other => Err(format!("expected \"text\", \"json\" or \"off\", found \"{other}\"")),
            })
            .unwrap_or(AccessLogFormat::Text),
        access_log_file: section.string("access_log_file").map(|file| folder.join(file)),
        secrets_dir: section
            .string("secrets")
            .map_or_else(|| default_secrets(lookup), |dir| folder.join(dir)),
        data_dir: folder.join(section.string("data").unwrap_or_else(|| default_data(lookup))),
        trusted_proxies: section
            .list("trusted_proxies", "an address or network such as \"10.0.0.0/8\"")
            .unwrap_or_default(),
        dev: section.boolean("dev").unwrap_or(false),
    };
    if config.head_bytes < 8192 {
        // hyper's read buffer cannot be smaller.
        section.problem("head_bytes must be at least 8KiB");
    }
    for (key, timeout) in [
        ("head_timeout", config.head_timeout),
        ("idle_timeout", config.idle_timeout),
        ("write_timeout", config.write_timeout),
    ] {
        if timeout.is_zero() {
            section.problem(format!("{key} must be longer than nothing"));
        }
    }
    section.finish();
    config
}

/// systemd's folder for this service, or that of containers.
fn default_secrets(lookup: &Lookup) -> PathBuf {
    lookup("CREDENTIALS_DIRECTORY").unwrap_or_else(|| "/run/secrets".to_owned()).into()
}

/// systemd's folder for what this service keeps, or one beside the configuration.
fn default_data(lookup: &Lookup) -> String {
    lookup("STATE_DIRECTORY").unwrap_or_else(|| "data".to_owned())
}

/// systemd's folder for it, or the user's.
fn default_code_cache(lookup: &Lookup) -> Option<PathBuf> {
    let folder = |name: &str| lookup(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    folder("CACHE_DIRECTORY")
        .or_else(|| folder("XDG_CACHE_HOME").map(|folder| folder.join("patchboard")))
        .or_else(|| folder("HOME").map(|folder| folder.join(".cache/patchboard")))
}
