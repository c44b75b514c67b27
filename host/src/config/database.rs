//! `[sql.NAME]`: the databases that handlers may be granted.

use std::collections::BTreeMap;
use std::path::Path;

use patchboard_sql::{Backend, DatabaseConfig, Limits, read_migrations};

use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::types::HandlerConfig;
use super::value::{Sources, value};
use crate::name::check_name;

/// `[sql.NAME]`.
pub(super) static DATABASE: Table<Limits> = Table {
    header: "[sql.NAME]",
    noun: "",
    intro: "The database `NAME`, which all handlers share that are granted it by `sql`. Without a table, or \
            without a `url`, it is SQLite.",
    example: r#"
[sql.orders]
migrations = "migrations"
statement_timeout = "2s"

[sql.accounts]
url = { secret = "accounts-url" }
connections = 16
"#,
    keys: &[
        Key::other(
            "path",
            "a file such as \"orders.sqlite\"",
            Unset::Said("`sql/NAME.sqlite` in the folder `data`"),
            "The file of a SQLite database.",
        ),
        Key::other(
            "url",
            "a URL such as \"postgres://user@host/database\", or a secret",
            Unset::Said("none"),
            "Where a PostgreSQL database is; not beside `path`.",
        ),
        Key::other(
            "migrations",
            "a folder such as \"migrations\"",
            Unset::Said("none"),
            "A folder of `.sql` files, each of which is applied once, in the order of their names, at start and by \
             a reload.",
        ),
        Key::<Limits>::count(
            "connections",
            1,
            |l| &mut l.connections,
            "Connections at once; of SQLite those that read, beside the one that writes.",
        )
        .at_most(1024),
        Key::count("queue", 1, |l| &mut l.queue, "Statements and transactions waiting for one of those."),
        Key::timeout(
            "wait_timeout",
            |l| &mut l.wait_timeout,
            "How long one may wait there, and for a new connection.",
        ),
        Key::timeout("statement_timeout", |l| &mut l.statement_timeout, "How long a statement may run."),
        Key::timeout(
            "transaction_timeout",
            |l| &mut l.transaction_timeout,
            "How long a transaction may be open, or a query whose rows are not all read.",
        ),
        Key::count("query_rows", 1, |l| &mut l.query_rows, "The rows of one query."),
        Key::bytes(
            "query_bytes",
            1,
            |l| &mut l.query_bytes,
            "The values of one query together, or those of a statement's parameters.",
        ),
        // SQLite takes no pages at all for "as many as there are".
        Key::bytes("database_bytes", 64 << 10, |l| &mut l.database_bytes, "The size of a SQLite file."),
    ],
};

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
        check_name("a database", &name).unwrap_or_else(|problem| entry.problem(problem));
        let database = database(&entry, file(&name), folder, sources);
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

fn database(
    section: &Section<'_, '_>,
    default: Backend,
    folder: &Path,
    sources: Sources<'_>,
) -> DatabaseConfig {
    let mut limits = Limits::default();
    DATABASE.read(section, &mut limits);
    let path = section.string("path").map(|path| Backend::Sqlite(folder.join(path)));
    let url = value(section, "url", sources)
        .and_then(|url| url.reveal().parse().map_err(|problem| section.problem(problem)).ok())
        .map(Backend::Postgres);
    if path.is_some() && section.has("url") {
        section.problem("has `path`, a SQLite file, and `url`, a PostgreSQL server; keep one of them");
    }
    let migrations = section.string("migrations").map(|dir| read_migrations(&folder.join(dir)));
    let migrations =
        migrations.and_then(|read| read.map_err(|problem| section.problem_at("migrations", problem)).ok());
    DatabaseConfig {
        backend: path.or(url).unwrap_or(default),
        migrations: migrations.unwrap_or_default(),
        limits,
    }
}
