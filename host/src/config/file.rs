//! `patchboard.toml`: its tables, and what holds between them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::{env, io};

use super::address::take_repeated;
use super::answer::{redirect, response};
use super::clients::clients;
use super::fakes::Fakes;
use super::folder::absent;
use super::handler::{handler, handler_file};
use super::key::{Key, Table, Unset};
use super::listener::{ListenerConfig, listeners};
use super::mount::mount;
use super::reader::{Lookup, Problems, Section, nearest_within, variable};
use super::server::{AccessLogFormat, SERVER, ServerConfig, server};
use super::tenant::tenants;
use super::tls::{CertificateConfig, TlsConfig, tls};
use super::types::{Config, ConfigError, Reading, RouteConfig, Source};
use super::value::Sources;
use crate::handlers::grants::grants_config::{Context, Tables};
use crate::problem::Problem;
use crate::static_files::MountConfig;
use crate::telemetry::parse_filter;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// The whole of `patchboard.toml`.
pub(super) static ROOT: Table<()> = Table {
    header: "patchboard.toml",
    noun: "",
    intro: "",
    example: "",
    keys: &[
        Key::other("server", "a table", Unset::Said("the defaults of its keys"), "[server]"),
        Key::other("listener", "an array of tables", Unset::Said("none"), "[[listener]]"),
        Key::other("tls", "a table", Unset::Said("the defaults of its keys"), "[tls]"),
        Key::other("clients", "a table", Unset::Said("the defaults of its keys"), "[clients]"),
        Key::other("certificate", "an array of tables", Unset::Said("none"), "[[certificate]]"),
        Key::other("handlers", "a table of tables", Unset::Said("none"), "[handlers.NAME]"),
        Key::other("tenants", "a table of tables", Unset::Said("none"), "[tenants.NAME]"),
        Key::other("static", "an array of tables", Unset::Said("none"), "[[static]]"),
        Key::other("redirect", "an array of tables", Unset::Said("none"), "[[redirect]]"),
        Key::other("response", "an array of tables", Unset::Said("none"), "[[response]]"),
    ],
};

impl Config {
    /// Reads the configuration that `source` names, or the one of the current
    /// folder: `patchboard.toml`, else `handlers/` and `static/` by convention.
    ///
    /// # Errors
    ///
    /// Every problem that was found.
    pub fn load(source: &Source) -> Result<Self, ConfigError> {
        match Self::read(source) {
            Reading { config: Some(config), problems, .. } if problems.is_empty() => Ok(config),
            Reading { problems, .. } => Err(ConfigError(problems)),
        }
    }

    /// Likewise, with what can be said of it where something is wrong.
    pub fn read(source: &Source) -> Reading {
        let text = match text(source) {
            Ok(text) => text,
            Err(problem) => return Reading::of(problem),
        };
        let file = source.path();
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let lookup = |name: &str| env::var(name).ok();
        let problems = Problems::new(file.display().to_string(), text.as_deref().unwrap_or_default());
        check_variables(env::vars_os(), &problems);
        let mut config = parse(&problems, &folder, &lookup, source.fakes.as_ref());
        if let Some(config) = &mut config {
            override_by(source, config, &problems);
            source.fakes.iter().for_each(|fakes| fake(config, &fakes.folder));
            if text.is_none() {
                by_convention(config, &problems);
            }
            check_folders(config, &problems);
            check_content(config, &problems);
        }
        let (problems, doubtful, places) = problems.into_inner();
        Reading { config, problems, doubtful, places }
    }
}

/// The text of the file, which need not be there unless it was named.
fn text(source: &Source) -> Result<Option<String>, Problem> {
    let file = source.path();
    match patchboard_files::read(file, LONGEST) {
        Ok(bytes) => utf8(file, bytes).map(Some),
        Err(error) if source.file.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let wrong = format!("cannot read the configuration: {error}");
            Err(Problem::new(file.display().to_string(), wrong).remedy("check --config"))
        }
    }
}

/// Flags win over the file and the variables.
fn override_by(source: &Source, config: &mut Config, problems: &Problems<'_>) {
    if !source.listen.is_empty() {
        config.server.listen.clone_from(&source.listen);
        if let Some(address) = take_repeated(&mut config.server.listen) {
            problems.push_elsewhere("--listen", format!("{address} is there twice"), "keep one of them");
        }
    }
    if let Some(dir) = &source.handlers_dir {
        config.server.handlers_dir = Some(dir.clone());
        problems.note("server.handlers", "--handlers");
    }
    config.server.dev |= source.dev || source.develops;
    config.server.develops = source.develops;
    // The variable's has been said.
    let log = source.log.as_deref().filter(|log| env::var(variable("log")).as_deref() != Ok(log));
    if let Some(Err(wrong)) = log.map(parse_filter) {
        problems.push_elsewhere("--log", wrong, "");
    }
    let listening: Vec<_> = config.server.all_listeners().map(|listener| listener.address).collect();
    let is_taken = |probes: &mut SocketAddr| probes.port() != 0 && listening.contains(probes);
    if let Some(address) = config.server.probes.take_if(is_taken) {
        problems.push(
            None,
            format!("probes: {address} is listened on already"),
            "give the probes another one",
        );
    }
}

/// Lets nothing be kept but in `folder`, or in memory.
fn fake(config: &mut Config, folder: &Path) {
    folder.clone_into(&mut config.server.data_dir);
    config.server.access_log = AccessLogFormat::Off;
    config.server.access_log_file = None;
    config.tables.fake(folder);
    config.handlers.values_mut().for_each(|handler| handler.grants.fake(folder));
}

/// Reads `NAME.toml` beside a dropped-in component: its routes, where it has any. Grants
/// and limits are not for who drops a file in.
///
/// # Errors
///
/// Every problem that was found.
pub fn read_handler_file(path: &Path) -> Result<Option<Vec<RouteConfig>>, ConfigError> {
    let text = match patchboard_files::read(path, LONGEST) {
        Ok(bytes) => utf8(path, bytes).map_err(ConfigError::from)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let problem = Problem::new(path.display().to_string(), format!("cannot read it: {error}"));
            return Err(problem.remedy("correct or remove it").into());
        }
    };
    let problems = Problems::new(path.display().to_string(), &text);
    let parsed = problems.parse();
    let routes = parsed.and_then(|parsed| handler_file(&Section::root(&problems, parsed.get_ref())));
    match problems.into_inner().0 {
        found if found.is_empty() => Ok(routes),
        found => Err(ConfigError(found)),
    }
}

/// Other encodings may look right in the editor that they were written with.
fn utf8(file: &Path, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        Problem::new(
            format!("{}:{line}", file.display()),
            format!("byte {offset} of the file, 0x{byte:02X}, is not UTF-8"),
        )
        .remedy("save the file as UTF-8")
    })
}

/// A variable with a slip in its name would have no effect. Others are left alone, since
/// there are those of Kubernetes for a service of this name, and those of handlers.
fn check_variables(variables: impl Iterator<Item = (OsString, OsString)>, problems: &Problems<'_>) {
    let of_server = SERVER.keys.iter().map(|key| key.name);
    let known: Vec<String> = of_server.chain(["config", "log"]).map(variable).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(&variable(""))) else { continue };
        let place = || format!("environment variable {name}");
        if known.contains(&name) {
            match value.to_str() {
                None => problems.push_elsewhere(place(), "its value is not UTF-8", ""),
                Some(filter) if name == variable("log") => {
                    parse_filter(filter)
                        .map_or_else(|wrong| problems.push_elsewhere(place(), wrong, ""), drop);
                }
                Some(_) => {}
            }
            continue;
        }
        let most = ((name.len() - variable("").len()) / 4).clamp(1, 2);
        if let Some(nearest) = nearest_within(most, name, &known) {
            let remedy = format!("did you mean {nearest}?");
            problems.push_elsewhere(place(), "there is no such setting", &remedy);
        }
    }
}

/// What the text of the file says, its paths being relative to `folder`.
pub(super) fn parse(
    problems: &Problems<'_>,
    folder: &Path,
    lookup: &Lookup,
    fakes: Option<&Fakes>,
) -> Option<Config> {
    let parsed = problems.parse()?;
    let root = Section::root(problems, parsed.get_ref());
    let server_section = root.section("server").with_environment(lookup);
    let mut server = server(&server_section, folder, lookup);
    let is_listed = server_section.is_given("listen");
    server.listeners = listeners(&root, if is_listed { &server.listen } else { &[] });
    if !is_listed && !server.listeners.is_empty() {
        server.listen.clear();
    }
    server.clients = clients(&root);
    let tls = tls(&root, folder);
    check_listeners(&server, &tls, problems);
    let mounts = mounts(&root, folder);
    let redirects = root.sections("redirect").into_iter().filter_map(|section| redirect(&section));
    let responses = root.sections("response").into_iter().filter_map(|section| response(&section));
    let answers = redirects.chain(responses).collect();
    let sources = Sources { secrets: &server.secrets_dir, lookup, fakes };
    let context = Context { folder, data_dir: &server.data_dir, sources };
    let tenants = tenants(&root);
    let mut tables = Tables::read(&root, &context);
    let mut handlers = BTreeMap::new();
    for (name, section) in root.section("handlers").entries() {
        let handler = handler(&name, &section, &context, &tables);
        handlers.insert(name, handler);
    }
    let granted: Vec<_> = handlers.values().map(|handler| &handler.grants).collect();
    tables.complete(&granted, &context);
    ROOT.read_beside(&root, &mut (), &Tables::names());
    Some(Config { server, tls, mounts, answers, handlers, tenants, tables })
}

/// TLS needs a certificate, and a certificate TLS.
fn check_listeners(server: &ServerConfig, tls: &TlsConfig, problems: &Problems<'_>) {
    let speaks = server.listeners.iter().find(|listener| listener.tls);
    match (speaks, &*tls.certificates) {
        (Some(ListenerConfig { address, .. }), []) if problems.is_empty() => problems.push_at(
            &format!("listener {address}"),
            format!("the listener of {address} speaks TLS, but there is no [[certificate]]"),
            "add one, with `chain` and `key`",
        ),
        (None, []) => {
            if let Some(ListenerConfig { address, .. }) =
                server.listeners.iter().find(|listener| listener.to_https)
            {
                problems.push_at(
                    &format!("listener {address}"),
                    format!("the listener of {address} redirects to https, but no listener speaks TLS"),
                    "add a [[listener]] with tls = true, or remove `to_https`",
                );
            }
        }
        (None, [CertificateConfig { chain, .. }, ..]) if problems.is_empty() => problems.push_at(
            "certificate 0",
            format!("no listener needs the certificate {}", chain.display()),
            "add a [[listener]] with tls = true, or remove it",
        ),
        _ => {}
    }
}

fn mounts(root: &Section<'_, '_>, folder: &Path) -> Vec<MountConfig> {
    let mut mounts = Vec::<MountConfig>::new();
    for section in root.sections("static") {
        let Some(mount) = mount(&section, folder) else { continue };
        section.note_as("dir", format!("static {}", mount.prefix));
        if let Some(before) = mounts.iter().find(|before| before.prefix == mount.prefix) {
            let wrong = format!(
                "`{}/` is the prefix of {} already; keep one of them, or give {} another",
                mount.prefix,
                before.dir.display(),
                mount.dir.display()
            );
            section.problem_at("prefix", wrong);
            continue;
        }
        mounts.push(mount);
    }
    mounts
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
            "nothing to serve: there is no such file, and no handlers/ or static/ folder here",
            "create one of them, or pass --config FILE or --handlers DIR",
        );
    }
}

/// A server that has nothing to serve would be ready, and answer 404.
fn check_content(config: &Config, problems: &Problems<'_>) {
    let Config { server, mounts, answers, .. } = config;
    let serves = server.handlers_dir.is_some() || !mounts.is_empty() || !answers.is_empty();
    // What is wrong in it may have been that.
    if !serves && problems.is_empty() {
        problems.push(
            None,
            "nothing to serve: it has neither `handlers` in [server], nor [[static]], [[redirect]] or [[response]]",
            "add one of them",
        );
    }
}

fn check_folders(config: &Config, problems: &Problems<'_>) {
    if let Some(dir) = &config.server.handlers_dir
        && !dir.is_dir()
    {
        problems.push_at(
            "server.handlers",
            format!("the handlers folder {} {}", dir.display(), absent(dir)),
            "create it, or correct `handlers` in [server]",
        );
    }
    if config.server.handlers_dir.is_none() && !config.handlers.is_empty() {
        problems.push_at(
            "handlers",
            "[handlers] is configured, but [server] has no `handlers` folder",
            "add handlers = \"handlers\"",
        );
    }
    for mount in config.mounts.iter().filter(|mount| !mount.dir.is_dir()) {
        let (prefix, dir) = (&mount.prefix, &mount.dir);
        problems.push_at(
            &format!("static {prefix}"),
            format!("static mount `{prefix}/`: the folder {} {}", dir.display(), absent(dir)),
            "create it, or correct `dir`",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn variables(variables: &[(&str, &[u8])]) -> Vec<String> {
        let problems = Problems::new("patchboard.toml".to_owned(), "");
        let variables =
            variables.iter().map(|(name, value)| (name.into(), OsString::from_vec(value.to_vec())));
        check_variables(variables, &problems);
        problems.into_inner().0.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_slip_in_a_variable_is_told() {
        for (name, nearest) in [
            ("PATCHBOARD_LISTN", "PATCHBOARD_LISTEN"),
            ("PATCHBOARD_DRAIN_TIMOUT", "PATCHBOARD_DRAIN_TIMEOUT"),
            ("PATCHBOARD_LOGS", "PATCHBOARD_LOG"),
        ] {
            let expected =
                format!("environment variable {name}: there is no such setting; did you mean {nearest}?");
            assert_eq!(variables(&[(name, b"1")]), [expected]);
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        for name in [
            // Of Kubernetes, for a service that is named patchboard.
            "PATCHBOARD_SERVICE_HOST",
            "PATCHBOARD_SERVICE_PORT",
            "PATCHBOARD_PORT",
            "PATCHBOARD_PORT_8080_TCP_ADDR",
            "PATCHBOARD_KEY",
            "PATCHBOARD_CACHE",
            "PATCHBOARD_LISTEN",
            "PATCHBOARD_CONFIG",
            "LISTN",
        ] {
            assert!(variables(&[(name, b"1")]).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_told() {
        let found = variables(&[("PATCHBOARD_LISTEN", b"\xff"), ("PATCHBOARD_ELSE", b"\xff")]);
        assert_eq!(found, ["environment variable PATCHBOARD_LISTEN: its value is not UTF-8"]);
        let error = utf8(Path::new("a.toml"), b"[server]\n# caf\xe9\n".to_vec()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.toml:2: byte 14 of the file, 0xE9, is not UTF-8; save the file as UTF-8"
        );
    }
}
