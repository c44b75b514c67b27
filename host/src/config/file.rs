//! `patchboard.toml`: its keys, their defaults, and what holds between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::de::DeTable;

use super::answer::{redirect, response};
use super::database::{check_name, databases};
use super::key_value::{self, Buckets};
use super::mount::{compression, mount};
use super::reader::{Lookup, Problems, Section};
use super::server::server;
use super::value::{Sources, values};
use super::{
    Config, ConfigError, FolderConfig, HandlerConfig, Isolation, Limits, MountConfig, Reading, RouteConfig,
    Source,
};

pub(super) fn read(source: &Source) -> Reading {
    let file = source.path();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if source.file.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let problem =
                format!("{}: cannot read the configuration: {error}; check --config", file.display());
            return Reading { config: None, problems: vec![problem], doubtful: BTreeSet::new() };
        }
    };
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let lookup = |name: &str| std::env::var(name).ok();
    let problems = Problems::new(file.display().to_string(), text.as_deref().unwrap_or_default());
    let mut config = parse(&problems, text.as_deref(), &folder, &lookup);
    if let Some(config) = &mut config {
        if !source.listen.is_empty() {
            config.server.listen.clone_from(&source.listen);
        }
        if let Some(dir) = &source.handlers_dir {
            config.server.handlers_dir = Some(dir.clone());
        }
        config.server.dev |= source.dev;
        if text.is_none() {
            by_convention(config, &problems);
        }
        check_folders(config, &problems);
    }
    let (problems, doubtful) = problems.into_inner();
    Reading { config, problems, doubtful }
}

/// Grants and limits are not for who drops a file in, so only routes are read.
pub(super) fn handler_routes(path: &Path) -> Result<Option<Vec<RouteConfig>>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError(vec![format!("{}: {error}", path.display())])),
    };
    let problems = Problems::new(path.display().to_string(), &text);
    let mut routes = None;
    match DeTable::parse(&text) {
        Ok(parsed) => {
            let section = Section::new(&problems, "", Some(parsed.get_ref()));
            routes = route_list(&section);
            for route in routes.iter().flatten().filter(|route| !route.route.host.is_any()) {
                section.problem(format!("`{}`: only the configuration may claim a host", route.route));
            }
            section.finish();
        }
        Err(error) => problems.push(error.span().map(|span| span.start), error.message()),
    }
    match problems.into_inner().0 {
        found if found.is_empty() => Ok(routes),
        found => Err(ConfigError(found)),
    }
}

fn parse(problems: &Problems<'_>, text: Option<&str>, folder: &Path, lookup: &Lookup) -> Option<Config> {
    let parsed = match DeTable::parse(text.unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(error) => {
            problems.push(error.span().map(|span| span.start), error.message());
            return None;
        }
    };
    let root = Section::new(problems, "", Some(parsed.get_ref()));
    let server = server(root.section("server").with_environment(lookup), folder, lookup);
    let mounts = root.sections("static").into_iter().filter_map(|s| mount(s, folder)).collect();
    let redirects = root.sections("redirect").into_iter().filter_map(redirect);
    let answers = redirects.chain(root.sections("response").into_iter().filter_map(response)).collect();
    let sources = Sources { secrets: &server.secrets_dir, lookup };
    let buckets = key_value::buckets(&root.section("key_value"), sources);
    let mut handlers = BTreeMap::new();
    for (name, section) in root.section("handlers").entries() {
        handlers.insert(name, handler(section, folder, sources, &buckets));
    }
    let databases = databases(&root.section("sql"), &handlers, folder, &server.data_dir, sources);
    root.finish();
    Some(Config { server, mounts, answers, handlers, databases })
}

fn handler(
    section: Section<'_, '_>,
    folder: &Path,
    sources: Sources<'_>,
    buckets: &Buckets,
) -> HandlerConfig {
    let config = HandlerConfig {
        routes: route_list(&section),
        isolation: section.parse("isolation", "\"request\", \"reuse\" or \"shared\"", |text| match text {
            "request" => Ok(Isolation::Request),
            "reuse" => Ok(Isolation::Reuse),
            "shared" => Ok(Isolation::Shared),
            other => Err(format!("expected \"request\", \"reuse\" or \"shared\", found \"{other}\"")),
        }),
        outbound: section
            .list("outbound", "an origin such as \"https://api.example.com\"")
            .unwrap_or_default(),
        environment: values(&section.section("environment"), sources),
        config: values(&section.section("config"), sources),
        folders: folders(&section, folder),
        sql: names(&section, "sql"),
        key_value: key_value::granted(&section, buckets),
        compression: compression(&section),
        limits: limits(section.section("limits")),
    };
    section.finish();
    config
}

/// Names of what is granted, one or a list.
fn names(section: &Section<'_, '_>, key: &'static str) -> Vec<String> {
    let names: Vec<String> = section.list(key, "a name such as \"default\"").unwrap_or_default();
    for problem in names.iter().filter_map(|name| check_name(name).err()) {
        section.problem(format!("{key}: {problem}"));
    }
    names
}

fn folders(section: &Section<'_, '_>, folder: &Path) -> Vec<FolderConfig> {
    let mut folders = Vec::new();
    for (key, writable) in [("folders", false), ("writable_folders", true)] {
        for (path, dir) in section.section(key).strings_by_key() {
            let dir = folder.join(dir);
            if !path.starts_with('/') {
                section.problem(format!("{key}: `{path}` is the guest's path and begins with `/`"));
            }
            if !dir.is_dir() {
                section.problem(format!(
                    "{key}: the folder {} does not exist; create it, or correct the path",
                    dir.display()
                ));
            }
            folders.push(FolderConfig { path, dir, writable });
        }
    }
    folders
}

fn route_list(section: &Section<'_, '_>) -> Option<Vec<RouteConfig>> {
    section.list_or_tables("routes", "a route such as \"GET /items/{id}\"", |section| {
        let route = section.parse("route", "a route such as \"GET /items/{id}\"", str::parse::<RouteConfig>);
        let name = section.string("name");
        if !section.has("route") {
            section.problem("a route needs `route`");
        }
        section.finish();
        Some(RouteConfig { name, ..route? })
    })
}

fn limits(section: Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        memory_bytes: section.bytes("memory_bytes").unwrap_or(default.memory_bytes),
        cpu_timeout: section.duration("cpu_timeout").unwrap_or(default.cpu_timeout),
        call_timeout: section.duration("call_timeout").unwrap_or(default.call_timeout),
        body_idle_timeout: section.duration("body_idle_timeout").unwrap_or(default.body_idle_timeout),
        calls: section.count("calls").unwrap_or(default.calls),
        queue: section.count("queue").unwrap_or(default.queue),
        queue_timeout: section.duration("queue_timeout").unwrap_or(default.queue_timeout),
        request_body_bytes: section.bytes("request_body_bytes").unwrap_or(default.request_body_bytes),
        response_body_bytes: section.bytes("response_body_bytes").unwrap_or(default.response_body_bytes),
        outbound_calls: section.count("outbound_calls").unwrap_or(default.outbound_calls),
        key_value_calls: section.count("key_value_calls").unwrap_or(default.key_value_calls),
        handles: section.count("handles").unwrap_or(default.handles),
        calls_per_instance: section.count("calls_per_instance").unwrap_or(default.calls_per_instance),
        log_bytes: section.bytes("log_bytes").unwrap_or(default.log_bytes),
    };
    section.finish();
    limits
}

/// Without a file, `handlers/` and `static/` of the current folder are served.
fn by_convention(config: &mut Config, problems: &Problems<'_>) {
    let default = Path::new("handlers");
    if config.server.handlers_dir.is_none() && default.is_dir() {
        config.server.handlers_dir = Some(default.to_owned());
    }
    let dir = Path::new("static");
    if dir.is_dir() {
        let dir = dir.to_owned();
        config.mounts.push(MountConfig::new("", dir));
    }
    if config.server.handlers_dir.is_none() && config.mounts.is_empty() {
        problems.push(
            None,
            "nothing to serve: there is no such file, and no handlers/ or static/ folder here; \
             create one of them, or pass --config FILE or --handlers DIR",
        );
    }
}

fn check_folders(config: &Config, problems: &Problems<'_>) {
    if let Some(dir) = &config.server.handlers_dir
        && !dir.is_dir()
    {
        problems.push(
            None,
            format!(
                "the handlers folder {} does not exist; create it, or correct `handlers` in [server]",
                dir.display()
            ),
        );
    }
    if config.server.handlers_dir.is_none() && !config.handlers.is_empty() {
        problems.push(
            None,
            "[handlers] is configured, but [server] has no `handlers` folder; add handlers = \"handlers\"",
        );
    }
    for mount in &config.mounts {
        if !mount.dir.is_dir() {
            let prefix = &mount.prefix;
            let dir = mount.dir.display();
            problems.push(
                None,
                format!(
                    "static mount `{prefix}/`: the folder {dir} does not exist; create it, or correct `dir`"
                ),
            );
        }
    }
}
