//! `sql` of a handler, and `[sql.NAME]`: the databases that handlers may be granted.

use std::collections::BTreeMap;
use std::path::Path;

use patchboard_sql::{Backend, DatabaseConfig, Limits, read_migrations};

use crate::config::key::{Key, Table, Unset};
use crate::config::reader::Section;
use crate::config::value::{Sources, value};
use crate::handlers::grants::grants_config::{Configured, Context, Visit};
use crate::name::check_name;

/// The names of databases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) names: Vec<String>,
}

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[Key::list(
        "sql",
        "the name of a database such as \"orders\"",
        (
            |h| h.names.clear(),
            |h, text| check_name("a database", text).map(|()| h.names.push(text.to_owned())),
        ),
        Unset::Said("none"),
        "The databases that it may use; without a table `[sql.NAME]` one is a SQLite file with the defaults.",
    )];
    const TABLES: Option<&'static str> = Some("sql");
    type Tables = BTreeMap<String, DatabaseConfig>;

    fn tables(section: &Section<'_, '_>, context: &Context<'_>) -> Self::Tables {
        let mut databases = BTreeMap::new();
        for (name, entry) in section.entries() {
            check_name("a database", &name).unwrap_or_else(|problem| entry.problem(problem));
            let database = database(&entry, file(&name, context), context.folder, context.sources);
            databases.insert(name, database);
        }
        databases
    }

    /// SQLite with the defaults.
    fn complete<'a>(
        tables: &mut Self::Tables,
        granted: impl Iterator<Item = &'a Self>,
        context: &Context<'_>,
    ) {
        for name in granted.flat_map(|granted| &granted.names) {
            tables.entry(name.clone()).or_insert_with(|| DatabaseConfig {
                backend: file(name, context),
                migrations: Vec::new(),
                limits: Limits::default(),
            });
        }
    }

    fn fake_tables(tables: &mut Self::Tables, folder: &Path) {
        for (name, database) in tables {
            database.backend = Backend::Sqlite(folder.join("sql").join(format!("{name}.sqlite")));
        }
    }

    fn unused<'a>(tables: &'a Self::Tables, granted: &[&Self]) -> Vec<&'a str> {
        let is_used = |name: &str| granted.iter().any(|of| of.names.iter().any(|granted| granted == name));
        tables.keys().map(String::as_str).filter(|name| !is_used(name)).collect()
    }

    fn visit_tables(visit: &mut impl Visit) {
        visit.table(&DATABASE);
    }
}

/// `[sql.NAME]`.
pub(crate) static DATABASE: Table<Limits> = Table {
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
        Key::bytes(
            "value_bytes",
            1,
            |l| &mut l.value_bytes,
            "One text or blob of SQLite; functions of what is larger could not be ended by `statement_timeout`.",
        ),
        // SQLite takes no pages at all for "as many as there are".
        Key::bytes("database_bytes", 64 << 10, |l| &mut l.database_bytes, "The size of a SQLite file."),
    ],
};

/// Where it is unless it is said.
fn file(name: &str, context: &Context<'_>) -> Backend {
    Backend::Sqlite(context.data_dir.join("sql").join(format!("{name}.sqlite")))
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
    // A test has SQLite, wherever the database is otherwise.
    let url = value(section, "url", sources)
        .filter(|_| sources.fakes.is_none())
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
