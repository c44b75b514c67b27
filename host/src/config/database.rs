//! `[sql.NAME]`: the databases that handlers may be granted.

use std::collections::BTreeMap;
use std::path::Path;

use patchboard_sql::{Backend, DatabaseConfig, Limits, read_migrations};

use super::HandlerConfig;
use super::reader::Section;
use super::value::{Sources, value};

/// The configured databases, and those that were only granted: SQLite with the defaults.
pub(super) fn databases(
    section: &Section<'_, '_>,
    handlers: &BTreeMap<String, HandlerConfig>,
    folder: &Path,
    data_dir: &Path,
    sources: Sources<'_>,
) -> BTreeMap<String, DatabaseConfig> {
    let file = |name: &str| Backend::Sqlite(data_dir.join("sql").join(format!("{name}.sqlite")));
    let mut databases = BTreeMap::new();
    for (name, entry) in section.entries() {
        if let Err(problem) = check_name(&name) {
            entry.problem(problem);
        }
        let database = database(entry, file(&name), folder, sources);
        databases.insert(name, database);
    }
    for name in handlers.values().flat_map(|handler| &handler.sql) {
        databases.entry(name.clone()).or_insert_with(|| DatabaseConfig {
            backend: file(name),
            migrations: Vec::new(),
            limits: Limits::default(),
        });
    }
    databases
}

/// A name is part of a file's name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.len() <= 64 && name.bytes().all(known) {
        true => Ok(()),
        false => Err(format!("`{name}`: a name has up to 64 letters, digits, `-` and `_` only")),
    }
}

fn database(
    section: Section<'_, '_>,
    default: Backend,
    folder: &Path,
    sources: Sources<'_>,
) -> DatabaseConfig {
    let path = section.string("path").map(|path| Backend::Sqlite(folder.join(path)));
    let url = value(&section, "url", sources)
        .and_then(|url| url.reveal().parse().map_err(|problem| section.problem(problem)).ok())
        .map(Backend::Postgres);
    if path.is_some() && section.has("url") {
        section.problem("has `path`, a SQLite file, and `url`, a PostgreSQL server; keep one of them");
    }
    let migrations = section.string("migrations").map(|dir| read_migrations(&folder.join(dir)));
    let migrations = migrations.and_then(|read| read.map_err(|problem| section.problem(problem)).ok());
    let limits = Limits::default();
    let limits = Limits {
        connections: section.count("connections").unwrap_or(limits.connections),
        queue: section.count("queue").unwrap_or(limits.queue),
        wait_timeout: section.duration("wait_timeout").unwrap_or(limits.wait_timeout),
        statement_timeout: section.duration("statement_timeout").unwrap_or(limits.statement_timeout),
        transaction_timeout: section.duration("transaction_timeout").unwrap_or(limits.transaction_timeout),
        query_rows: section.count("query_rows").map_or(limits.query_rows, u64::from),
        query_bytes: section.bytes("query_bytes").unwrap_or(limits.query_bytes),
        database_bytes: section.bytes("database_bytes").unwrap_or(limits.database_bytes),
    };
    section.finish();
    DatabaseConfig {
        backend: path.or(url).unwrap_or(default),
        migrations: migrations.unwrap_or_default(),
        limits,
    }
}
