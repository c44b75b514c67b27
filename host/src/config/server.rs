//! `[server]`: its keys and their defaults, and which of them need a restart.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::address::{parse_address, take_repeated};
use super::clients::ClientsConfig;
use super::key::{Key, Table, Unset};
use super::listener::ListenerConfig;
use super::reader::{Lookup, Section};
use super::unit::{quoted, quoted_list};
use crate::forwarded::Network;
use crate::router::Slashes;
use crate::static_files::MemoryConfig;

/// Where a server listens that is not told where.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The settings of this moment; a reload replaces them as a whole.
pub type CurrentServer = ArcSwap<ServerConfig>;

/// The process and its listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Addresses to listen on; port 0 takes any free port.
    pub listen: Vec<SocketAddr>,
    /// Others, and what is spoken there.
    pub listeners: Vec<ListenerConfig>,
    /// The address of the probes, if it is one of their own.
    pub probes: Option<SocketAddr>,
    /// The folder that handlers are dropped into.
    pub handlers_dir: Option<PathBuf>,
    /// What is followed while the server runs.
    pub follow: Follow,
    /// The number of threads that run requests.
    pub cores: usize,
    /// How long the server goes on as before at shutdown, but for not being ready.
    pub shutdown_delay: Duration,
    /// How long calls under way may take to finish at shutdown.
    pub drain_timeout: Duration,
    /// How long streams of events go on then.
    pub drain_events_timeout: Duration,
    /// How long a client may take to send the head of a request, and to begin the
    /// first.
    pub head_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its response.
    pub write_timeout: Duration,
    /// Requests of one connection, which is closed after the last.
    pub requests_per_connection: u32,
    /// Requests of one HTTP/2 connection at once.
    pub streams_per_connection: u32,
    /// Connections at once.
    pub connections: u32,
    /// The longest head of a request, in bytes.
    pub head_bytes: u64,
    /// Live instances of all handlers together: the size of the pool.
    pub instances: u32,
    /// Where compiled code is kept; none without a cache.
    pub code_cache: Option<PathBuf>,
    /// Whether that is meant, where there is none.
    pub code_cache_off: bool,
    /// Whether paths that differ in slashes from a route are redirected to it.
    pub slashes: Slashes,
    /// What static mounts may keep in memory.
    pub static_memory: MemoryConfig,
    /// The form of the access log.
    pub access_log: AccessLogFormat,
    /// Whether it has lines of probes, scrapes and this server's own requests that went well.
    pub access_log_of_all: bool,
    /// The file it is written to; standard output without one.
    pub access_log_file: Option<PathBuf>,
    /// The folder of the secrets, a file each.
    pub secrets_dir: PathBuf,
    /// The folder of what handlers keep: key-value buckets, and databases without a path
    /// of their own. Made when it is needed.
    pub data_dir: PathBuf,
    /// Proxies that are believed what they tell of a request.
    pub trusted_proxies: Vec<Network>,
    /// What one client may ask for.
    pub clients: ClientsConfig,
    /// For how many seconds clients are told to ask by `https` only; not at all where 0.
    pub hsts_seconds: u32,
    /// Whether error bodies show traps and their backtraces.
    pub dev: bool,
    /// Whether handlers are being developed: then none is taken back for its traps, and what is
    /// wrong with those that are configured keeps the others from nothing.
    pub develops: bool,
}

impl ServerConfig {
    /// The defaults, some of which are the environment's.
    pub(super) fn new(lookup: &Lookup) -> Self {
        Self {
            listen: vec![DEFAULT_LISTEN],
            listeners: Vec::new(),
            probes: None,
            handlers_dir: None,
            follow: Follow::default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            drain_events_timeout: Duration::from_secs(1),
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            requests_per_connection: 1_000_000,
            streams_per_connection: 128,
            connections: 4096,
            head_bytes: 64 << 10,
            instances: 1000,
            code_cache: default_code_cache(lookup),
            code_cache_off: false,
            slashes: Slashes::default(),
            static_memory: MemoryConfig::default(),
            access_log: AccessLogFormat::Text,
            access_log_of_all: false,
            access_log_file: None,
            secrets_dir: default_secrets(lookup),
            data_dir: default_data(lookup).into(),
            trusted_proxies: Vec::new(),
            clients: ClientsConfig::default(),
            hsts_seconds: 0,
            dev: false,
            develops: false,
        }
    }

    /// The defaults, but for where is listened.
    #[cfg(test)]
    pub fn listening(listen: &[SocketAddr], probes: Option<SocketAddr>) -> Self {
        Self { listen: listen.to_vec(), probes, ..Self::new(&|_| None) }
    }

    /// All addresses to listen on, and what is spoken there.
    pub fn all_listeners(&self) -> impl Iterator<Item = ListenerConfig> {
        self.listen.iter().copied().map(ListenerConfig::plain).chain(self.listeners.iter().copied())
    }

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
        note("listener", keep(&mut self.listeners, &running.listeners));
        note("probes", keep(&mut self.probes, &running.probes));
        note("handlers", keep(&mut self.handlers_dir, &running.handlers_dir));
        note("cores", keep(&mut self.cores, &running.cores));
        note("instances", keep(&mut self.instances, &running.instances));
        note("data", keep(&mut self.data_dir, &running.data_dir));
        note("code_cache", keep(&mut self.code_cache, &running.code_cache));
        self.code_cache_off = running.code_cache_off;
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

/// What is taken up by itself while the server runs; SIGHUP has the rest looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// The configuration, and the handlers and static folders.
    #[default]
    All,
    /// The folders alone.
    Folders,
    /// Nothing.
    Nothing,
}

/// `[server]`.
pub(super) static SERVER: Table<ServerConfig> = Table {
    header: "[server]",
    noun: "",
    intro: "The process, its listeners, and what holds for every connection. Each key may be given as an \
            environment variable instead, which wins over the file; a list is then separated by commas.",
    example: r#"
[server]
listen = ["127.0.0.1:8080", "[::1]:8080"]
probes = "127.0.0.1:9090"
handlers = "handlers"
trusted_proxies = "10.0.0.0/8"
access_log = "json"
drain_timeout = "30s"
"#,
    keys: &[
        Key::<ServerConfig>::list(
            "listen",
            "an address such as \"127.0.0.1:8080\" or \"[::]:80\"",
            (|s| s.listen.clear(), |s, text| parse_address(text).map(|address| s.listen.push(address))),
            Unset::Shown(|s| quoted_list(&s.listen)),
            "Where connections are accepted; port 0 takes any free port. `--listen` wins over it. Sockets that \
             systemd passes are used instead.",
        )
        .needs_restart(),
        Key::<ServerConfig>::text(
            "probes",
            "an address such as \"127.0.0.1:9090\"",
            |s, text| parse_address(text).map(|address| s.probes = Some(address)),
            Unset::Said("none: `/-/live` and `/-/ready` are answered where everything else is"),
            "An address of their own for `/-/live` and `/-/ready`, and for `/-/metrics`, which is answered \
             nowhere else.",
        )
        .needs_restart(),
        Key::<ServerConfig>::text(
            "handlers",
            "a folder such as \"handlers\"",
            |s, text| path(&mut s.handlers_dir, text),
            Unset::Said("none"),
            "The folder that handlers are dropped into: `NAME.wasm` is handler `NAME`. `--handlers` wins over it.",
        )
        .needs_restart(),
        Key::word(
            "follow",
            &["all", "folders", "nothing"],
            |s, word| {
                s.follow = match word {
                    "folders" => Follow::Folders,
                    "nothing" => Follow::Nothing,
                    _ => Follow::All,
                };
            },
            Unset::Shown(|s| quoted(format!("{:?}", s.follow).to_lowercase())),
            "What is taken up by itself when it changes: the configuration and the folders of handlers and static \
             files, the folders alone, or nothing. What is not followed is looked at on SIGHUP, as where a \
             configuration is written in several steps.",
        ),
        Key::<ServerConfig>::count(
            "cores",
            1,
            |s| &mut s.cores,
            "Threads that run requests, each with its own connections.",
        )
        .at_most(1024)
        .by_default("those that this process may use")
        .needs_restart(),
        Key::<ServerConfig>::count(
            "instances",
            1,
            |s| &mut s.instances,
            "Live instances of all handlers together: the size of the pool they are allocated from.",
        )
        .needs_restart(),
        Key::count(
            "connections",
            1,
            |s| &mut s.connections,
            "Connections at once. At the limit, the one that is idle longest is closed for a new one.",
        ),
        Key::count(
            "requests_per_connection",
            1,
            |s| &mut s.requests_per_connection,
            "Requests of one connection, which is closed after the last.",
        ),
        Key::bytes(
            "head_bytes",
            // hyper's read buffer cannot be smaller.
            8 << 10,
            |s| &mut s.head_bytes,
            "The head of a request; a longer one is answered with 431.",
        ),
        Key::<ServerConfig>::count(
            "streams_per_connection",
            1,
            |s| &mut s.streams_per_connection,
            "Requests of one HTTP/2 connection at once; a client waits with further ones.",
        )
        .at_most(10_000),
        Key::timeout(
            "head_timeout",
            |s| &mut s.head_timeout,
            "How long a client may take to send a head: 408. Also until a new connection begins its first request.",
        ),
        Key::timeout(
            "idle_timeout",
            |s| &mut s.idle_timeout,
            "How long a connection may be idle between two requests.",
        ),
        Key::timeout(
            "write_timeout",
            |s| &mut s.write_timeout,
            "How long a client may take nothing of its response, which is cut off then.",
        ),
        Key::delay(
            "shutdown_delay",
            |s| &mut s.shutdown_delay,
            "How long the server goes on as before at shutdown, but for not being ready, so that balancers \
             notice; with `\"0s\"` not at all.",
        ),
        Key::delay(
            "drain_timeout",
            |s| &mut s.drain_timeout,
            "How long calls under way may take to finish at shutdown; `\"0s\"` cancels them at once.",
        ),
        Key::delay(
            "drain_events_timeout",
            |s| &mut s.drain_events_timeout,
            "How long responses of `text/event-stream` go on then: they have no end, and their clients connect again by \
             themselves.",
        ),
        Key::list(
            "trusted_proxies",
            "an address or network such as \"10.0.0.0/8\"",
            (|s| s.trusted_proxies.clear(), |s, text| text.parse().map(|network| s.trusted_proxies.push(network))),
            Unset::Said("none"),
            "Who is believed what `Forwarded`, `X-Forwarded-For`, `-Proto`, `-Host` and `X-Request-Id` tell. From \
             anybody else these fields are removed.",
        ),
        Key::word(
            "slashes",
            &["strict", "redirect"],
            |s, word| s.slashes = if word == "strict" { Slashes::Strict } else { Slashes::Redirect },
            Unset::Shown(|s| quoted(if s.slashes == Slashes::Strict { "strict" } else { "redirect" })),
            "Whether a path that differs from a route in its slashes alone is redirected to it (308), or is \
             another path.",
        ),
        Key::word(
            "access_log",
            &["text", "json", "off"],
            |s, word| {
                s.access_log = match word {
                    "json" => AccessLogFormat::Json,
                    "off" => AccessLogFormat::Off,
                    _ => AccessLogFormat::Text,
                };
            },
            Unset::Shown(|s| quoted(format!("{:?}", s.access_log).to_lowercase())),
            "The form of the access log.",
        ),
        Key::word(
            "access_log_of",
            &["clients", "all"],
            |s, word| s.access_log_of_all = word == "all",
            Unset::Shown(|_| quoted("clients")),
            "Which requests have a line in it: those of clients, or all, with probes, scrapes and what handlers ask of \
             this server itself. Of these what fails (400 and above) always has one.",
        ),
        Key::text(
            "access_log_file",
            "a file such as \"access.log\"",
            |s, text| path(&mut s.access_log_file, text),
            Unset::Said("standard output"),
            "The file that the access log is written to. SIGUSR1 opens it anew.",
        ),
        Key::<ServerConfig>::text(
            "code_cache",
            "a folder such as \"/var/cache/patchboard\", or \"off\"",
            |s, text| {
                s.code_cache_off = text == "off";
                s.code_cache = (!s.code_cache_off).then(|| text.into());
                Ok(())
            },
            Unset::Said("`$CACHE_DIRECTORY`, else `$XDG_CACHE_HOME/patchboard`, else `~/.cache/patchboard`"),
            "Where compiled code is kept, so that a start need not compile. Nobody else may be allowed to \
             write there.",
        )
        .needs_restart(),
        Key::<ServerConfig>::text(
            "data",
            "a folder such as \"data\"",
            |s, text| {
                s.data_dir = text.into();
                Ok(())
            },
            Unset::Said("`$STATE_DIRECTORY`, else `data`"),
            "What handlers keep: the file of the key-value buckets, and databases without a `path`. Made when \
             it is needed.",
        )
        .needs_restart(),
        Key::text(
            "secrets",
            "a folder such as \"/run/secrets\"",
            |s, text| {
                s.secrets_dir = text.into();
                Ok(())
            },
            Unset::Said("`$CREDENTIALS_DIRECTORY`, else `/run/secrets`"),
            "The folder of the secrets, a file each, that `{ secret = \"NAME\" }` reads.",
        ),
        Key::bytes(
            "static_memory_bytes",
            0,
            |s| &mut s.static_memory.bytes,
            "What all static mounts together may keep in memory; 0 keeps nothing.",
        ),
        Key::count(
            "static_memory_files",
            1,
            |s| &mut s.static_memory.files,
            "How many files that may be.",
        ),
        Key::bytes(
            "static_memory_file_bytes",
            0,
            |s| &mut s.static_memory.file_bytes,
            "The largest file that is kept.",
        ),
        Key::count(
            "hsts_seconds",
            0,
            |s| &mut s.hsts_seconds,
            "For how long whoever asks by `https` is told to ask by nothing else (`Strict-Transport-Security`, RFC 6797), \
             such as 31536000, a year; with 0 not at all.",
        ),
        Key::boolean(
            "dev",
            |s| &mut s.dev,
            "Whether error bodies show traps and their backtraces, as `--dev` does; not for production.",
        ),
    ],
};

fn path(field: &mut Option<PathBuf>, text: &str) -> Result<(), String> {
    *field = Some(text.into());
    Ok(())
}

pub(super) fn server(section: &Section<'_, '_>, folder: &Path, lookup: &Lookup) -> ServerConfig {
    let mut config = ServerConfig::new(lookup);
    SERVER.read(section, &mut config);
    for key in ["handlers", "access_log_file", "connections", "cores", "listen", "probes"] {
        section.note(key);
    }
    if config.listen.is_empty() && section.is_empty("listen") {
        section.problem_at("listen", "there is no address; name one, or remove the key");
    }
    if config.listen.is_empty() {
        config.listen.push(DEFAULT_LISTEN);
    }
    if let Some(address) = take_repeated(&mut config.listen) {
        section.problem_at("listen", format!("{address} is there twice; keep one of them"));
    }
    let optional = [&mut config.handlers_dir, &mut config.access_log_file, &mut config.code_cache];
    let required = [&mut config.secrets_dir, &mut config.data_dir];
    for path in optional.into_iter().flatten().chain(required) {
        *path = folder.join(&*path);
    }
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
