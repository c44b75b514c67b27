//! The whole of the configuration: what is declared is what is read, and what the page
//! of the reference says; and each problem with its place and its remedy.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use tempfile::TempDir;

use super::key::{Key, Kind, Table};
use super::reader::{Problems, Section};
use super::*;
use crate::handlers::grants::grants_config::{GrantsConfig, Visit};
use crate::problem::Problem;

/// Of the configuration in `patchboard.toml`, read in the folder `folder`.
fn read(text: &str, folder: &Path) -> Result<Config, Vec<String>> {
    let problems = Problems::new("patchboard.toml".to_owned(), text);
    let secrets = folder.join("secrets").display().to_string();
    let variable = move |name: &str| match name {
        "REGION" => Some("eu".to_owned()),
        "CREDENTIALS_DIRECTORY" => Some(secrets.clone()),
        _ => None,
    };
    let config = file::parse(&problems, folder, &variable, None);
    match (config, problems.into_inner().0) {
        (Some(config), found) if found.is_empty() => Ok(config),
        (_, found) => Err(found.iter().map(Problem::to_string).collect()),
    }
}

/// A folder with what the examples name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["handlers", "static", "templates", "migrations", "secrets"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, secret) in [
        ("orders-api-key", "s3cret"),
        ("accounts-url", "postgres://app@127.0.0.1/accounts"),
        ("sessions-url", "redis://127.0.0.1:6379/0"),
    ] {
        fs::write(folder.path().join("secrets").join(name), secret).unwrap();
    }
    folder
}

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")
}

#[test]
fn configuration_reference() {
    let (path, page) = (page_path(), reference());
    if std::env::var_os("PATCHBOARD_UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let (mut old, mut new) = (written.lines(), page.lines());
    let mut line = 1;
    while let (old, new) = (old.next(), new.next())
        && (old.is_some() || new.is_some())
    {
        assert_eq!(
            old, new,
            "docs/configuration.md:{line} is not what is declared; run with PATCHBOARD_UPDATE_DOCS=1"
        );
        line += 1;
    }
}

#[test]
fn every_example_of_the_page_is_read() {
    let (folder, page) = (folder(), reference());
    let blocks = page.split("```toml").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<_> = blocks.filter_map(|block| block.split_once('\n')).collect();
    assert_eq!(examples.len(), page.matches("\n## ").count());
    for (file, example) in examples {
        if file.trim() == "NAME.toml" {
            let path = folder.path().join("items.toml");
            fs::write(&path, example).unwrap();
            assert_eq!(read_handler_file(&path).unwrap().unwrap().len(), 2);
        } else if let Err(problems) = read(example, folder.path()) {
            panic!("{problems:#?} in\n{example}");
        }
    }
}

/// A table whatever it is read into, and where one of its keys would be written.
struct Declared {
    header: &'static str,
    template: String,
    keys: Vec<DeclaredKey>,
}

struct DeclaredKey {
    name: &'static str,
    shortest: Option<Duration>,
    restart: bool,
}

fn declared<T>(table: &Table<T>, template: &str) -> Declared {
    Declared { header: table.header, template: template.to_owned(), keys: declared_keys(table.keys) }
}

fn declared_keys<T>(keys: &[Key<T>]) -> Vec<DeclaredKey> {
    let shortest = |kind: &Kind<T>| match kind {
        Kind::Time { least, .. } => Some(*least),
        _ => None,
    };
    let declared =
        |key: &Key<T>| DeclaredKey { name: key.name, shortest: shortest(&key.kind), restart: key.restart };
    keys.iter().map(declared).collect()
}

fn tables() -> Vec<Declared> {
    let mut tables = vec![
        declared(&file::ROOT, "KEY = VALUE"),
        declared(&server::SERVER, "[server]\nKEY = VALUE"),
        declared(&listener::LISTENER, "[[listener]]\nKEY = VALUE"),
        declared(&tls::TLS, "[tls]\nKEY = VALUE"),
        declared(&clients::CLIENTS, "[clients]\nKEY = VALUE"),
        declared(&tls::CERTIFICATE, "[[certificate]]\nKEY = VALUE"),
        declared(&handler::HANDLER, "[handlers.a]\nKEY = VALUE"),
        declared(&handler::LIMITS, "[handlers.a.limits]\nKEY = VALUE"),
        declared(&tenant::TENANT, "[tenants.a]\nKEY = VALUE"),
        declared(&route::ROUTE, "[handlers.a]\nroutes = [{ KEY = VALUE }]"),
        declared(&value::SECRETS, "[handlers.a]\nconfig = { x = { KEY = VALUE } }"),
        declared(&mount::STATIC, "[[static]]\nKEY = VALUE"),
        declared(&mount::CACHE, "[[static]]\ncache = [{ KEY = VALUE }]"),
        declared(&compress::COMPRESS, "[handlers.a]\ncompress = { KEY = VALUE }"),
        declared(&answer::REDIRECT, "[[redirect]]\nKEY = VALUE"),
        declared(&answer::RESPONSE, "[[response]]\nKEY = VALUE"),
    ];
    for (header, visit) in [
        ("[handlers.a]", GrantsConfig::visit_keys as fn(&mut Collector)),
        ("[handlers.a.limits]", GrantsConfig::visit_limits),
        ("", GrantsConfig::visit_tables),
    ] {
        let mut collector = Collector { header, tables: Vec::new() };
        visit(&mut collector);
        tables.extend(collector.tables);
    }
    tables
}

/// Collects what the grants declare.
struct Collector {
    header: &'static str,
    tables: Vec<Declared>,
}

impl Visit for Collector {
    fn keys<T: Default>(&mut self, keys: &'static [Key<T>]) {
        let template = format!("{}\nKEY = VALUE", self.header);
        self.tables.push(Declared { header: self.header, template, keys: declared_keys(keys) });
    }

    fn table<T: Default + PartialEq + fmt::Debug>(&mut self, table: &'static Table<T>) {
        self.tables.push(declared(table, &format!("{}\nKEY = VALUE", table.header.replace("NAME", "a"))));
    }
}

impl Declared {
    /// The problems with `key`, where it is written as `value`.
    fn problems(&self, key: &str, value: &str) -> Vec<String> {
        let text = self.template.replace("KEY", key).replace("VALUE", value);
        let found = read(&text, Path::new("nowhere")).err().unwrap_or_default();
        let of_key = format!("{key}: ");
        found.into_iter().filter(|problem| problem.contains(&of_key) || problem.contains("unknown")).collect()
    }
}

#[test]
fn every_declared_key_is_read() {
    for table in tables() {
        for key in &table.keys {
            let problems = table.problems(key.name, "1979-05-27");
            let [problem] = problems.as_slice() else {
                panic!("{} {}: {problems:?}", table.header, key.name)
            };
            assert!(problem.contains("expected ") && problem.contains("found datetime"), "{problem}");
        }
        let problems = table.problems("no_such_key", "1");
        assert!(problems.iter().any(|problem| problem.contains("unknown key `no_such_key`")), "{problems:?}");
    }
}

#[test]
fn time_outs_are_longer_than_nothing_and_none_is_too_long_to_add() {
    let mut may_be_nothing = Vec::new();
    for table in tables() {
        for key in &table.keys {
            let Some(shortest) = key.shortest else { continue };
            for long in ["25d", "18446744073709551615ms", "99999999d"] {
                let problems = table.problems(key.name, &format!("\"{long}\""));
                assert!(
                    problems.iter().any(|problem| problem.contains(" to 24d")),
                    "{} {problems:?}",
                    key.name
                );
            }
            for fine in ["1ms", "24d"] {
                assert_eq!(table.problems(key.name, &format!("\"{fine}\"")), [""; 0]);
            }
            let problems = table.problems(key.name, "\"0s\"");
            match shortest.is_zero() {
                true => may_be_nothing.extend(problems.is_empty().then_some(key.name)),
                false => {
                    let [problem] = problems.as_slice() else { panic!("{}: {problems:?}", key.name) };
                    assert!(
                        problem.contains("expected a time from 1ms") && problem.ends_with("found \"0s\""),
                        "{problem}"
                    );
                }
            }
        }
    }
    assert_eq!(may_be_nothing, ["shutdown_delay", "drain_timeout", "drain_events_timeout"]);
}

#[test]
fn the_keys_that_need_a_restart_are_those_that_are_kept() {
    let running = ServerConfig::new(&|_| None);
    let text = "[server]\nlisten = \"127.0.0.1:1\"\nprobes = \"127.0.0.1:2\"\nhandlers = \"h\"\ncores = 1000\n\
                instances = 1\ndata = \"d\"\ncode_cache = \"c\"\nconnections = 1\nhead_bytes = \"8KiB\"\n\
                head_timeout = \"1s\"\ndrain_timeout = \"1s\"\nsecrets = \"s\"\naccess_log = \"off\"\ndev = true\n\
                [[listener]]\naddress = \"127.0.0.1:3\"\n";
    let mut changed = read(text, Path::new("x")).unwrap().server;
    let mut kept = changed.keep_fixed(&running);
    kept.sort_unstable();
    // A listener is kept as a whole.
    let (listener, others): (Vec<_>, Vec<_>) =
        tables().into_iter().partition(|table| table.header == "[[listener]]");
    assert!(listener.iter().all(|table| table.keys.iter().all(|key| key.restart)));
    let keys = others.into_iter().flat_map(|table| table.keys);
    let mut declared: Vec<_> = keys.filter(|key| key.restart).map(|key| key.name).collect();
    declared.push("listener");
    declared.sort_unstable();
    assert_eq!(kept, declared);
}

/// Holds the tables of the grants against their defaults.
struct ReadBack;

impl Visit for ReadBack {
    fn keys<T: Default>(&mut self, _: &'static [Key<T>]) {}

    fn table<T: Default + PartialEq + fmt::Debug>(&mut self, table: &'static Table<T>) {
        defaults_are_as_shown(table, T::default);
    }
}

/// What is shown as the defaults of `table` is what they are.
#[track_caller]
fn defaults_are_as_shown<T: PartialEq + fmt::Debug>(table: &Table<T>, default: impl Fn() -> T) {
    let mut shown = String::new();
    for key in table.keys {
        let value = key.default(&mut default());
        if !value.is_empty() && value.parse::<toml::Value>().is_ok() || value == "true" || value == "false" {
            shown += &format!("{} = {value}\n", key.name);
        }
    }
    assert!(shown.lines().count() > 2, "{shown}");
    let problems = Problems::new(String::new(), &shown);
    let parsed = problems.parse().unwrap();
    let mut read = default();
    let section = Section::root(&problems, parsed.get_ref());
    table.keys.iter().for_each(|key| key.read(&section, &mut read));
    assert_eq!(read, default());
    drop(parsed);
    assert_eq!(problems.into_inner().0, [], "{shown}");
}

#[test]
fn defaults_are_read_back() {
    defaults_are_as_shown(&server::SERVER, || ServerConfig::new(&|_| None));
    defaults_are_as_shown(&handler::LIMITS, Limits::default);
    defaults_are_as_shown(&mount::STATIC, || MountConfig::new("", ""));
    defaults_are_as_shown(&compress::COMPRESS, CompressionConfig::default);
    GrantsConfig::visit_tables(&mut ReadBack);
}

/// What is refused, and all that is said of it.
const REFUSED: [(&str, &[&str]); 28] = [
    (
        "[server]\nlisten = []",
        &["patchboard.toml:2: server.listen: there is no address; name one, or remove the key"],
    ),
    (
        "[server]\n\nlisten = [\"127.0.0.1:80\", \"127.0.0.1:80\"]",
        &["patchboard.toml:3: server.listen: 127.0.0.1:80 is there twice; keep one of them"],
    ),
    (
        "[server]\nlisten = \":80\"\nprobes = \"localhost:9090\"",
        &[
            "patchboard.toml:2: server.listen: `:80` is no address to listen on; write 0.0.0.0:80, or [::]:80, for \
         every address of this machine",
            "patchboard.toml:3: server.probes: `localhost:9090` is no address to listen on; write 127.0.0.1:9090 or \
         [::1]:9090",
        ],
    ),
    ("[server]\ncores = 1\ncores = 2", &["patchboard.toml:3: `cores` is there twice; keep one of them"]),
    ("[a]\nx = 1\n[a]\n", &["patchboard.toml:3: `a` is there twice; keep one of them"]),
    ("[server\n", &["patchboard.toml:1: unclosed table, expected `]`; correct that line"]),
    (
        "[server]\ncores = 0\ninstances = -1\nconnections = 1_0\nhead_bytes = 4096",
        &[
            "patchboard.toml:2: server.cores: expected a number from 1 to 1024, found 0",
            "patchboard.toml:3: server.instances: expected a number of at least 1, found -1",
            "patchboard.toml:5: server.head_bytes: expected a size of at least \"8KiB\", such as 65536 or \"64KiB\", \
         found 4096",
        ],
    ),
    (
        "[server]\naccess_log = \"xml\"\ndev = \"yes\"",
        &[
            "patchboard.toml:2: server.access_log: expected \"text\", \"json\" or \"off\", found \"xml\"",
            "patchboard.toml:3: server.dev: expected true or false, found \"yes\"",
        ],
    ),
    (
        "[handlers.a.limits]\nqueue = 0\nrequest_body_bytes = 0\nlog_bytes = 0\nresponse_body_bytes = 0",
        &[
            "patchboard.toml:5: handlers.a.limits.response_body_bytes: expected a size of at least one byte, such as \
         65536 or \"64KiB\", found 0",
        ],
    ),
    (
        "[handlers.a]\nroutes = [\"GTE /a\"]",
        &["patchboard.toml:2: handlers.a.routes: `GTE /a`: unknown method GTE; did you mean GET?"],
    ),
    (
        "[handlers.a]\nroutes = \"/{x:(a}\"",
        &["patchboard.toml:2: handlers.a.routes: route `/{x:(a}`: the regex `(a`: unclosed group"],
    ),
    (
        "[handlers.a]\nroutes = [{ name = \"x\" }]",
        &["patchboard.toml:2: handlers.a.routes: a route needs `route`"],
    ),
    (
        "[handlers.a]\nroutes = [{ route = \"/x\", name = \"x y\" }]",
        &[
            "patchboard.toml:2: handlers.a.routes.name: `x y`: the name of a route has letters, digits, `-`, `_` and \
         `.` only, 1 to 128 of them, the first of which is not `.`",
        ],
    ),
    (
        "[handlers.\"a/b\"]\n",
        &[
            "patchboard.toml:1: handlers.a/b: `a/b`: the name of a handler has letters, digits, `-`, `_` and `.` only, \
         1 to 128 of them, the first of which is not `.`",
        ],
    ),
    (
        "[handlers.a]\nsql = [\"x\", \"..\"]",
        &[
            "patchboard.toml:2: handlers.a.sql: `..`: the name of a database has letters, digits, `-`, `_` and `.` \
         only, 1 to 128 of them, the first of which is not `.`",
        ],
    ),
    (
        "[handlers.a]\ncompress = { gzip_level = 10 }",
        &["patchboard.toml:2: handlers.a.compress.gzip_level: expected a number from 1 to 9, found 10"],
    ),
    (
        "[handlers.a]\noutbond = []",
        &["patchboard.toml:2: unknown key `outbond` in [handlers.a]; did you mean `outbound`?"],
    ),
    (
        "[handlers.a]\nfolders = { \"x\" = \"nowhere\" }",
        &[
            "patchboard.toml:2: handlers.a.folders: `x` is the guest's path and begins with `/`",
            "patchboard.toml:2: handlers.a.folders: the folder nowhere/nowhere does not exist; create it, or correct \
         the path",
        ],
    ),
    (
        "[handlers.a]\nconfig = { x = {} }",
        &["patchboard.toml:2: handlers.a.config.x: write { secret = \"NAME\" } or { variable = \"NAME\" }"],
    ),
    (
        "[sql.a]\nwait_timeout = \"0s\"\ndatabase_bytes = 0",
        &[
            "patchboard.toml:2: sql.a.wait_timeout: expected a time from 1ms to 24d, such as \"500ms\", \"30s\" or \
         \"5m\", found \"0s\"",
            "patchboard.toml:3: sql.a.database_bytes: expected a size of at least \"64KiB\", such as 65536 or \
         \"64KiB\", found 0",
        ],
    ),
    (
        "[key_value.a]\nbackend = \"disk\"\nurl = \"redis://127.0.0.1\"",
        &[
            "patchboard.toml:2: key_value.a.backend: expected \"memory\", \"file\" or \"redis\", found \"disk\"",
        ],
    ),
    (
        "[[static]]\nprefix = \"/a\"\ndir = \"one\"\n[[static]]\nprefix = \"/a/\"\ndir = \"two\"",
        &[
            "patchboard.toml:5: static[1].prefix: `/a/` is the prefix of nowhere/one already; keep one of them, or give \
         nowhere/two another",
        ],
    ),
    (
        "[tenants.a]\nhandlers = [\"x\", \"y-*\"]\n[tenants.b]\nhandlers = \"*-z\"",
        &[
            "patchboard.toml:4: tenants.b.handlers: a handler could match `*-z` and `y-*` of [tenants.a]; make the patterns \
         such that none matches both",
        ],
    ),
    (
        "[tenants.\"a b\"]\nhandlers = \"x/*\"\ncpu_share = 0\n[tenants.c]",
        &[
            "patchboard.toml:2: tenants.a b: `a b`: the name of a tenant has letters, digits, `-`, `_` and `.` only, 1 to 128 \
         of them, the first of which is not `.`",
            "patchboard.toml:2: tenants.a b.handlers: `x/*`: the name of a handler has letters, digits, `-`, `_` and `.` \
         only, and a pattern of names `*` as well",
            "patchboard.toml:3: tenants.a b.cpu_share: expected a number from 1 to 1000, found 0",
            "patchboard.toml:4: tenants.c: a tenant needs `handlers`",
        ],
    ),
    ("[[static]]\n", &["patchboard.toml:1: static[0]: a static mount needs `prefix` and `dir`"]),
    (
        "[[static]]\nprefix = \"/\"\ndir = \"x\"\nerror_pages = { 200 = \"x\", 404 = \"../x\" }",
        &[
            "patchboard.toml:4: static[0].error_pages.200: expected a status from 400 to 599",
            "patchboard.toml:4: static[0].error_pages.404: `../x`: expected the path of a file below the folder, such \
         as \"index.html\", without `.` or `..`",
        ],
    ),
    ("[[redirect]]\nroute = \"/d\"", &["patchboard.toml:2: redirect[0]: a redirect needs `route` and `to`"]),
    ("[servr]", &["patchboard.toml:1: unknown key `servr`; did you mean `server`?"]),
];

#[test]
fn what_is_wrong_is_said_with_its_place_and_the_remedy() {
    let told = REFUSED.map(|(text, _)| (text, read(text, Path::new("nowhere")).unwrap_err()));
    let differ: Vec<_> = told.iter().zip(REFUSED).filter(|(told, case)| told.1 != case.1).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn what_is_not_written_of_a_tenant_is_not_limited() {
    let config = read("[tenants.a]\nhandlers = \"a-*\"", Path::new("nowhere")).unwrap();
    let tenant = config.handler("a-b").tenant.unwrap();
    assert_eq!((tenant.calls, tenant.outbound_calls, tenant.total_memory_bytes), (None, None, None));
    assert_eq!(tenant.cpu_share, 1);
    assert_eq!(config.handler("b").tenant, None);
}
