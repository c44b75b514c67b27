//! Both databases behind `patchboard:handler/sql`, through the same cases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use patchboard_sql::{
    Backend, ConstraintKind, Database, DatabaseConfig, Databases, Error, Limits, Migration, Row, Start,
    Statement, Trial, Value,
};
use patchboard_tests::{PATIENCE, Postgres};

use Value::{Blob, Boolean, Integer, Null, Real, Text};

/// A database that is empty but for the tables of `migrations`.
struct Subject {
    database: Database,
    config: DatabaseConfig,
    _holds: (Option<tempfile::TempDir>, Option<Arc<Postgres>>),
}

/// One server for all tests, which ends with the last of them; each has a schema of its own.
fn server() -> Arc<Postgres> {
    static RUNNING: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Postgres::start());
        *running = Arc::downgrade(&server);
        server
    })
}

fn statement(sql: &str, parameters: &[Value]) -> Statement {
    Statement::parse(sql.to_owned(), parameters.to_vec()).unwrap()
}

fn text(text: &str) -> Value {
    Text(text.to_owned())
}

async fn open(
    config: DatabaseConfig,
    folder: Option<tempfile::TempDir>,
    server: Option<Arc<Postgres>>,
) -> Subject {
    let database = Database::open("test", &config).unwrap();
    expect_ready(&database).await;
    Subject { database, config, _holds: (folder, server) }
}

async fn expect_ready(database: &Database) {
    let start = database.start(PATIENCE).await;
    assert!(matches!(start, Start::Ready(_)), "{start:?}");
}

async fn sqlite(limits: Limits, migrations: &[&str]) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let config = config(Backend::Sqlite(folder.path().join("a/b.sqlite")), limits, migrations);
    open(config, Some(folder), None).await
}

async fn postgres(name: &str, limits: Limits, migrations: &[&str]) -> Subject {
    let server = server();
    let whole = Database::open("test", &config(backend(&server.url()), Limits::default(), &[])).unwrap();
    whole.execute(statement(&format!("CREATE SCHEMA {name}"), &[])).await.unwrap();
    let url = format!("{}&options=-csearch_path%3D{name}", server.url());
    open(config(backend(&url), limits, migrations), None, Some(server)).await
}

fn backend(url: &str) -> Backend {
    Backend::Postgres(url.parse().unwrap())
}

fn config(backend: Backend, limits: Limits, migrations: &[&str]) -> DatabaseConfig {
    let migration =
        |(number, sql): (usize, &&str)| Migration::new(&format!("{number:03}.sql"), (*sql).into());
    DatabaseConfig { backend, migrations: migrations.iter().enumerate().map(migration).collect(), limits }
}

/// A test a case and database.
macro_rules! cases {
    ($($(#[$note:meta])* $case:ident, $limits:expr, $migrations:expr;)*) => { $(
        $(#[$note])*
        mod $case {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$case(super::sqlite($limits, $migrations).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$case(super::postgres(stringify!($case), $limits, $migrations).await).await;
            }
        }
    )* };
}

const NOTES: &[&str] = &[
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, rank INTEGER CHECK (rank < 100));
     CREATE UNIQUE INDEX notes_text ON notes (text);",
    "CREATE TABLE replies (note INTEGER NOT NULL REFERENCES notes (id))",
];

fn short() -> Limits {
    Limits {
        statement_timeout: Duration::from_millis(300),
        transaction_timeout: Duration::from_millis(600),
        wait_timeout: Duration::from_millis(300),
        connections: 2,
        ..Limits::default()
    }
}

cases! {
    values_come_back_as_they_went, Limits::default(), &[
        "CREATE TABLE v (b BOOLEAN, i BIGINT, r DOUBLE PRECISION, t TEXT, x BYTEA)"
    ];
    statements_change_rows_and_say_how_many, Limits::default(), NOTES;
    wrong_statements_are_explained, Limits::default(), NOTES;
    constraints_are_told_apart, Limits::default(), NOTES;
    parameters_are_never_read_as_sql, Limits::default(), NOTES;
    long_results_come_in_batches, Limits::default(), NOTES;
    a_dropped_cursor_gives_its_connection_back, Limits { connections: 1, ..Limits::default() }, NOTES;
    a_transaction_is_seen_when_committed, Limits::default(), NOTES;
    a_transaction_that_is_dropped_is_rolled_back, Limits::default(), NOTES;
    a_transaction_ends_with_its_first_error, Limits::default(), NOTES;
    the_next_statement_ends_a_query, Limits::default(), NOTES;
    a_transaction_is_bounded_in_time, short(), NOTES;
    a_statement_is_bounded_in_time, short(), NOTES;
    rows_are_bounded, Limits { query_rows: 1000, ..Limits::default() }, NOTES;
    bytes_are_bounded, Limits { query_bytes: 300_000, ..Limits::default() }, NOTES;
    who_waits_for_a_connection_is_bounded, Limits { connections: 1, ..short() }, NOTES;
    increments_are_not_lost, Limits::default(), NOTES;
    migrations_are_applied_once, Limits::default(), NOTES;
    a_wrong_migration_is_named, Limits::default(), NOTES;
    migrations_are_tried_and_undone, Limits::default(), NOTES;
    what_cannot_be_opened_replaces_nothing, Limits::default(), NOTES;
}

async fn insert(subject: &Subject, id: i64, note: &str) -> Result<u64, Error> {
    let insert = statement("INSERT INTO notes (id, text) VALUES ($1, $2)", &[Integer(id), text(note)]);
    subject.database.execute(insert).await
}

async fn rows(subject: &Subject, sql: &str) -> Vec<Row> {
    let result = subject.database.query(statement(sql, &[])).await.unwrap();
    assert!(result.rest.is_none());
    result.rows
}

async fn count(subject: &Subject) -> i64 {
    match rows(subject, "SELECT count(*) FROM notes").await[..] {
        [ref row] if let [Integer(count)] = row[..] => count,
        ref other => panic!("{other:?}"),
    }
}

/// More rows than fit into a batch, however they are counted.
async fn fill(subject: &Subject, count: i64) {
    let many = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO notes (id, text) SELECT i, 'note ' || i FROM n"
    );
    assert_eq!(subject.database.execute(statement(&many, &[])).await, Ok(count.cast_unsigned()));
}

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

async fn values_come_back_as_they_went(subject: Subject) {
    let all = [
        vec![
            Boolean(true),
            Integer(i64::MAX),
            Real(-1.5e300),
            text("naïve ’ \0?".trim_end_matches("\0?")),
            Blob(vec![0, 255]),
        ],
        vec![Boolean(false), Integer(i64::MIN), Real(0.1), text(""), Blob(Vec::new())],
        vec![Null, Null, Null, Null, Null],
    ];
    for row in &all {
        let insert = statement("INSERT INTO v VALUES ($1, $2, $3, $4, $5)", row);
        assert_eq!(subject.database.execute(insert).await, Ok(1));
    }
    let result = subject.database.query(statement("SELECT * FROM v", &[])).await.unwrap();
    assert_eq!(result.columns, ["b", "i", "r", "t", "x"]);
    assert_eq!(result.rows, all);
    // In any order, and more than once.
    let again =
        statement("SELECT i FROM v WHERE i = $2 AND $1 = $1 AND i = $2", &[text("x"), Integer(i64::MAX)]);
    assert_eq!(subject.database.query(again).await.unwrap().rows, [[Integer(i64::MAX)]]);
}

async fn statements_change_rows_and_say_how_many(subject: Subject) {
    assert_eq!(insert(&subject, 1, "a").await, Ok(1));
    assert_eq!(insert(&subject, 2, "b").await, Ok(1));
    let update = statement("UPDATE notes SET rank = $1", &[Integer(7)]);
    assert_eq!(subject.database.execute(update).await, Ok(2));
    let returning = statement("INSERT INTO notes (id, text) VALUES (3, 'c') RETURNING id, text", &[]);
    assert_eq!(subject.database.query(returning).await.unwrap().rows, [[Integer(3), text("c")]]);
    let returning = statement("DELETE FROM notes WHERE id = 3 RETURNING id", &[]);
    assert_eq!(subject.database.execute(returning).await, Ok(1));
    assert_eq!(subject.database.execute(statement("DELETE FROM notes WHERE id > 9", &[])).await, Ok(0));
    assert_eq!(count(&subject).await, 2);
}

async fn wrong_statements_are_explained(subject: Subject) {
    for (sql, parameters, part) in [
        ("SELECT nothing FROM notes", &[][..], "nothing"),
        ("SELECT * FROM nowhere", &[], "nowhere"),
        ("SELECT FROM WHERE", &[], "syntax error"),
        ("SELECT $1", &[], "has 1 parameters, and 0 values"),
        ("SELECT 1", &[Null], "has 0 parameters, and 1 values"),
        ("SELECT 1; SELECT 2", &[], "ultiple"),
    ] {
        let error = subject.database.query(statement(sql, parameters)).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(text) if text.contains(part)), "{sql}: {error:?}");
    }
    // The connection is as good as before.
    assert_eq!(count(&subject).await, 0);
}

async fn constraints_are_told_apart(subject: Subject) {
    insert(&subject, 1, "a").await.unwrap();
    for (sql, expected) in [
        ("INSERT INTO notes (id, text) VALUES (1, 'b')", ConstraintKind::Unique),
        ("INSERT INTO notes (id, text) VALUES (2, 'a')", ConstraintKind::Unique),
        ("INSERT INTO notes (id, text) VALUES (2, NULL)", ConstraintKind::NotNull),
        ("INSERT INTO notes (id, text, rank) VALUES (2, 'b', 100)", ConstraintKind::Check),
        ("INSERT INTO replies VALUES (9)", ConstraintKind::ForeignKey),
    ] {
        let error = subject.database.execute(statement(sql, &[])).await.unwrap_err();
        assert!(matches!(&error, Error::Constraint { kind, .. } if *kind == expected), "{sql}: {error:?}");
    }
}

async fn parameters_are_never_read_as_sql(subject: Subject) {
    let nasty = "x'); DROP TABLE notes; --";
    insert(&subject, 1, nasty).await.unwrap();
    let find = statement("SELECT text FROM notes WHERE text = $1", &[text(nasty)]);
    assert_eq!(subject.database.query(find).await.unwrap().rows, [[text(nasty)]]);
}

async fn long_results_come_in_batches(subject: Subject) {
    fill(&subject, 5000).await;
    let all = statement("SELECT id FROM notes ORDER BY id", &[]);
    let result = subject.database.query(all).await.unwrap();
    let (mut read, mut batches) = (result.rows, 1);
    let mut rest = result.rest.expect("there are more");
    loop {
        let batch = rest.next().await.unwrap();
        if batch.is_empty() {
            break;
        }
        read.extend(batch);
        batches += 1;
    }
    assert!(batches > 3, "{batches}");
    assert_eq!(read, (1..=5000).map(|id| vec![Integer(id)]).collect::<Vec<_>>());
    assert_eq!(rest.next().await, Ok(Vec::new()));
}

async fn a_dropped_cursor_gives_its_connection_back(subject: Subject) {
    fill(&subject, 5000).await;
    for _ in 0..20 {
        let all = statement("SELECT id FROM notes ORDER BY id", &[]);
        let result = subject.database.query(all).await.unwrap();
        assert!(result.rest.is_some());
    }
}

async fn a_transaction_is_seen_when_committed(subject: Subject) {
    let transaction = subject.database.begin().await.unwrap();
    let insert = statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[]);
    assert_eq!(transaction.execute(insert).await, Ok(1));
    let own = transaction.query(statement("SELECT text FROM notes", &[])).await.unwrap();
    assert_eq!(own.rows, [[text("a")]]);
    assert_eq!(count(&subject).await, 0);
    transaction.commit().await.unwrap();
    assert_eq!(count(&subject).await, 1);
    assert!(matches!(transaction.commit().await, Err(Error::Invalid(text)) if text.contains("has ended")));
}

async fn a_transaction_that_is_dropped_is_rolled_back(subject: Subject) {
    let begin = async || {
        let transaction = subject.database.begin().await.unwrap();
        transaction.execute(statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[])).await.unwrap();
        transaction
    };
    drop(begin().await);
    begin().await.rollback().await.unwrap();
    // With the same key, which would wait for one that is still open.
    begin().await.commit().await.unwrap();
    assert_eq!(count(&subject).await, 1);
}

async fn a_transaction_ends_with_its_first_error(subject: Subject) {
    let transaction = subject.database.begin().await.unwrap();
    let insert = || statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[]);
    transaction.execute(insert()).await.unwrap();
    assert!(matches!(transaction.execute(insert()).await, Err(Error::Constraint { .. })));
    let after = transaction.execute(statement("INSERT INTO notes (id, text) VALUES (2, 'b')", &[])).await;
    assert!(matches!(after, Err(Error::Invalid(text)) if text.contains("has failed")));
    assert!(matches!(transaction.commit().await, Err(Error::Invalid(text)) if text.contains("has failed")));
    assert_eq!(count(&subject).await, 0);
}

async fn the_next_statement_ends_a_query(subject: Subject) {
    fill(&subject, 1000).await;
    let transaction = subject.database.begin().await.unwrap();
    let mut result = transaction.query(statement("SELECT id FROM notes", &[])).await.unwrap();
    assert_eq!(transaction.execute(statement("UPDATE notes SET rank = 1", &[])).await, Ok(1000));
    let error = result.rest.as_mut().unwrap().next().await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(text) if text.contains("rows are gone")), "{error:?}");
    transaction.commit().await.unwrap();
}

async fn a_transaction_is_bounded_in_time(subject: Subject) {
    let transaction = subject.database.begin().await.unwrap();
    transaction.execute(statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[])).await.unwrap();
    // Its locks are gone at the latest when its time is over.
    let begin = Instant::now();
    while let Err(error) = insert(&subject, 1, "b").await {
        assert!(begin.elapsed() < PATIENCE, "the transaction holds its locks: {error}");
    }
    assert!(transaction.commit().await.is_err());
    assert_eq!(rows(&subject, "SELECT text FROM notes").await, [[text("b")]]);
}

async fn a_statement_is_bounded_in_time(subject: Subject) {
    for _ in 0..3 {
        let error = subject.database.query(statement(ENDLESS, &[])).await.unwrap_err();
        assert!(matches!(&error, Error::TimedOut(text) if text.contains("statement_timeout")), "{error:?}");
    }
    assert_eq!(count(&subject).await, 0);
}

async fn rows_are_bounded(subject: Subject) {
    fill(&subject, 1500).await;
    let result = subject.database.query(statement("SELECT id FROM notes", &[])).await.unwrap();
    let mut rest = result.rest.unwrap();
    let error = loop {
        match rest.next().await {
            Ok(rows) => assert!(!rows.is_empty(), "all rows were read"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::TooLarge(text) if text.contains("query_rows")), "{error:?}");
    assert_eq!(count(&subject).await, 1500);
}

async fn bytes_are_bounded(subject: Subject) {
    let long = "x".repeat(200_000);
    insert(&subject, 1, &long).await.unwrap();
    let error = insert(&subject, 2, &"x".repeat(400_000)).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(text) if text.contains("query_bytes")), "{error:?}");
    let twice = statement("SELECT a.text, b.text FROM notes a, notes b", &[]);
    let error = subject.database.query(twice).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(text) if text.contains("query_bytes")), "{error:?}");
    assert_eq!(count(&subject).await, 1);
}

async fn who_waits_for_a_connection_is_bounded(subject: Subject) {
    let transaction = subject.database.begin().await.unwrap();
    let error = subject.database.begin().await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(text) if text.contains("wait_timeout")), "{error:?}");
    drop(transaction);
    // Whoever comes when it is free again is served.
    let begin = Instant::now();
    while let Err(error) = subject.database.begin().await {
        assert!(begin.elapsed() < PATIENCE, "the connection does not come back: {error}");
    }
}

async fn increments_are_not_lost(subject: Subject) {
    insert(&subject, 1, "0").await.unwrap();
    let subject = Arc::new(subject);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let subject = subject.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    let add = "UPDATE notes SET text = CAST(CAST(text AS INTEGER) + 1 AS TEXT) WHERE id = 1";
                    assert_eq!(subject.database.execute(statement(add, &[])).await, Ok(1));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(rows(&subject, "SELECT text FROM notes").await, [[text("400")]]);
}

async fn migrations_are_applied_once(subject: Subject) {
    insert(&subject, 1, "a").await.unwrap();
    let mut config = subject.config.clone();
    config.migrations.push(Migration::new("900.sql", "INSERT INTO notes (id, text) VALUES (2, 'b')".into()));
    // As several hosts, or several reloads, would.
    let all: Vec<_> = (0..3).map(|_| Database::open("again", &config).unwrap()).collect();
    for database in &all {
        expect_ready(database).await;
    }
    assert_eq!(count(&subject).await, 2);
    config.migrations[0] = Migration::new("000.sql", "CREATE TABLE other (id INTEGER)".into());
    let changed = Database::open("changed", &config).unwrap().start(PATIENCE).await;
    assert!(matches!(&changed, Start::Failed(text) if text.contains("000.sql was changed")), "{changed:?}");
}

async fn a_wrong_migration_is_named(subject: Subject) {
    let mut config = subject.config.clone();
    for (sql, line) in [
        (
            "INSERT INTO notes (id, text) VALUES (1, 'é');\n\nSELECT nowhere FROM notes;\n",
            "900.sql failed in line 3: ",
        ),
        ("SELECT 1;\nnonsense;\nSELECT 2", "900.sql failed in line 2: "),
        ("SELECT nothing FROM notes", "900.sql failed in line 1: "),
    ] {
        config.migrations.push(Migration::new("900.sql", sql.into()));
        for problem in [
            match try_out(&config) {
                Trial::Wrong(problem) => problem,
                other => panic!("{other:?}"),
            },
            match Database::open("wrong", &config).unwrap().start(PATIENCE).await {
                Start::Failed(problem) => problem,
                other => panic!("{other:?}"),
            },
        ] {
            assert!(problem.contains(line) && !problem.contains('\n'), "{problem}");
        }
        config.migrations.pop();
    }
    let wrong = "INSERT INTO notes (id, text) VALUES (1, 'a'); INSERT INTO nowhere VALUES (1)";
    config.migrations.push(Migration::new("900.sql", wrong.into()));
    let database = Database::open("wrong", &config).unwrap();
    let failed = database.start(PATIENCE).await;
    assert!(
        matches!(&failed, Start::Failed(text) if text.contains("900.sql") && text.contains("nowhere")),
        "{failed:?}"
    );
    let error = database.query(statement("SELECT 1", &[])).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(text) if text.contains("900.sql")), "{error:?}");
    // Nothing of it was done.
    assert_eq!(count(&subject).await, 0);
}

#[tokio::test]
async fn types_of_postgresql_come_as_text() {
    let subject = postgres("types", Limits::default(), &["CREATE TYPE mood AS ENUM ('sad', 'glad')"]).await;
    for (ty, value, expected) in [
        ("numeric(10, 2)", "12345.6", text("12345.60")),
        ("date", "2026-01-31", text("2026-01-31")),
        ("time", "13:14:15.5", text("13:14:15.5")),
        ("timestamp", "2026-01-31 13:14:15", text("2026-01-31T13:14:15")),
        ("timestamptz", "2026-01-31T13:14:15.25+01:00", text("2026-01-31T12:14:15.25Z")),
        ("uuid", "0190163d-8694-739b-aea5-966c26f8ad91", text("0190163d-8694-739b-aea5-966c26f8ad91")),
        ("jsonb", "{\"a\": 1}", text("{\"a\": 1}")),
        ("json", "{\"a\":1}", text("{\"a\":1}")),
        ("mood", "glad", text("glad")),
        ("smallint", "-7", Integer(-7)),
        ("real", "0.5", Real(0.5)),
    ] {
        let cast = statement(&format!("SELECT $1::{ty}"), &[text(value)]);
        let result = subject.database.query(cast).await;
        assert_eq!(result.as_ref().map(|result| &result.rows[0][0]), Ok(&expected), "{ty}: {result:?}");
        // And the other way round, as it came.
        if let Text(came) = &expected {
            let same =
                statement(&format!("SELECT $1::{ty}::text = $2::{ty}::text"), &[text(value), text(came)]);
            assert_eq!(subject.database.query(same).await.unwrap().rows, [[Boolean(true)]], "{ty}");
        }
    }
    let error = subject.database.query(statement("SELECT ARRAY[1]", &[])).await.unwrap_err();
    assert!(matches!(&error, Error::Other(text) if text.contains("cast it to text")), "{error:?}");
}

/// What comes of trying `config`, whose runtime is its own.
fn try_out(config: &DatabaseConfig) -> Trial {
    let thread = || Databases::default().try_out("tried", config).unwrap();
    std::thread::scope(|scope| scope.spawn(thread).join().unwrap())
}

async fn migrations_are_tried_and_undone(subject: Subject) {
    let tried = |sql: &str| {
        let mut config = subject.config.clone();
        config.migrations.push(Migration::new("900.sql", sql.into()));
        try_out(&config)
    };
    assert_eq!(try_out(&subject.config), Trial::Fits(Vec::new()));
    let good = "INSERT INTO notes (id, text) VALUES (1, 'a'); CREATE TABLE more (id INTEGER)";
    for _ in 0..2 {
        assert_eq!(tried(good), Trial::Fits(vec!["900.sql".to_owned()]));
    }
    for (sql, part) in [
        ("INSERT INTO notes (id, text) VALUES (1, 'a'); INSERT INTO nowhere VALUES (1)", "nowhere"),
        ("INSERT INTO notes (id, text) VALUES (1, 'a'); COMMIT", "COMMIT"),
        ("BEGIN; INSERT INTO notes (id, text) VALUES (1, 'a'); COMMIT", "COMMIT"),
        ("ROLLBACK; INSERT INTO notes (id, text) VALUES (1, 'a')", "ROLLBACK"),
        ("ROLLBACK; BEGIN; CREATE TABLE more (id INTEGER); COMMIT", "ROLLBACK"),
        ("ROLLBACK", "ROLLBACK"),
    ] {
        let trial = tried(sql);
        assert!(
            matches!(&trial, Trial::Wrong(text) if text.contains("900.sql") && text.contains(part)),
            "{sql}: {trial:?}"
        );
    }
    assert_eq!(count(&subject).await, 0);
    assert!(subject.database.query(statement("SELECT id FROM more", &[])).await.is_err());
}

async fn what_cannot_be_opened_replaces_nothing(subject: Subject) {
    let databases = Databases::default();
    let open = |config: &DatabaseConfig| {
        let configs = BTreeMap::from([("notes".to_owned(), config.clone())]);
        std::thread::scope(|scope| scope.spawn(|| databases.open(&configs, PATIENCE)).join().unwrap())
    };
    databases.replace(open(&subject.config).unwrap());
    let mut config = subject.config.clone();
    config.migrations.push(Migration::new("900.sql", "INSERT INTO nowhere VALUES (1)".into()));
    let wrong = open(&config).unwrap_err();
    assert!(wrong[0].0 == "notes" && wrong[0].1.contains("900.sql"), "{wrong:?}");
    let running = databases.get("notes").unwrap();
    running.execute(statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[])).await.unwrap();
    config.migrations[2] = Migration::new("900.sql", "INSERT INTO notes (id, text) VALUES (2, 'b')".into());
    let opened = open(&config).unwrap();
    assert_eq!(opened.news, [("notes".to_owned(), Start::Ready(vec!["900.sql".to_owned()]))]);
    databases.replace(opened);
    assert_eq!(count(&subject).await, 2);
}

#[tokio::test]
async fn what_needs_another_migration_to_be_committed_is_not_wrong() {
    let kinds = ["CREATE TYPE kind AS ENUM ('a')"];
    let subject = postgres("kinds", Limits::default(), &kinds).await;
    let mut config = subject.config.clone();
    config.migrations.push(Migration::new("900.sql", "ALTER TYPE kind ADD VALUE 'b'".into()));
    config.migrations.push(Migration::new("901.sql", "CREATE TABLE t (k kind DEFAULT 'b')".into()));
    let trial = try_out(&config);
    assert!(matches!(&trial, Trial::Unknown(text) if text.contains("901.sql")), "{trial:?}");
    expect_ready(&Database::open("again", &config).unwrap()).await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not_wrong() {
    let mut server = Postgres::start();
    server.kill();
    let trial = try_out(&config(backend(&server.url()), Limits::default(), NOTES));
    assert!(matches!(&trial, Trial::Unknown(text) if text.contains("cannot connect")), "{trial:?}");
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_named_at_once() {
    let server = server();
    for (from, to, part) in [
        ("/postgres?", "/nowhere?", "database \"nowhere\" does not exist"),
        ("postgres@", "nobody:secret@", "role \"nobody\" does not exist"),
    ] {
        let config = config(backend(&server.url().replace(from, to)), Limits::default(), NOTES);
        let databases = Databases::default();
        let configs = BTreeMap::from([("notes".to_owned(), config.clone())]);
        let begin = Instant::now();
        // It waits for nothing that only the operator can mend.
        let open = || databases.open(&configs, Duration::from_secs(3600));
        let news = std::thread::scope(|scope| scope.spawn(open).join().unwrap()).unwrap().news;
        let [(_, Start::Pending(Some(problem)))] = &news[..] else { panic!("{news:?}") };
        let port = server.url().split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
        assert!(
            problem.contains(part) && problem.contains(&port) && problem.contains("in `url`"),
            "{problem}"
        );
        assert!(!problem.contains("secret") && begin.elapsed() < PATIENCE, "{problem}");
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Postgres::start();
    server.kill();
    let database = Database::open("test", &config(backend(&server.url()), Limits::default(), NOTES)).unwrap();
    let error = database.query(statement("SELECT 1", &[])).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(text) if text.contains("connect")), "{error:?}");
    server.resume();
    expect_ready(&database).await;
    for round in 0..2 {
        let insert = format!("INSERT INTO notes (id, text) VALUES ({round}, '{round}')");
        database.execute(statement(&insert, &[])).await.unwrap();
        let transaction = database.begin().await.unwrap();
        server.kill();
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let error = database.query(statement("SELECT 1", &[])).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        server.resume();
        let count = database.query(statement("SELECT count(*) FROM notes", &[])).await.unwrap();
        assert_eq!(count.rows, [[Integer(round + 1)]]);
    }
}

#[tokio::test]
async fn sqlite_reaches_no_other_file_and_no_setting() {
    let subject = sqlite(Limits { database_bytes: 1 << 20, ..Limits::default() }, NOTES).await;
    for sql in [
        "SELECT load_extension('/tmp/x')",
        "SELECT * FROM pragma_journal_mode('delete')",
        "EXPLAIN ATTACH '/tmp/x' AS x",
        "UPDATE sqlite_master SET sql = ''",
    ] {
        assert!(subject.database.execute(statement(sql, &[])).await.is_err(), "{sql}");
    }
    let columns = rows(&subject, "SELECT name FROM pragma_table_info('notes')").await;
    assert_eq!(columns.len(), 3);
    let mut id = 0;
    let error = loop {
        id += 1;
        assert!(id < 100, "the database grows without end");
        if let Err(error) = insert(&subject, id, &format!("{id}{}", "x".repeat(50_000))).await {
            break error;
        }
    };
    assert!(matches!(&error, Error::TooLarge(text) if text.contains("database_bytes")), "{error:?}");
    assert_eq!(count(&subject).await, id - 1);
}

#[tokio::test]
async fn a_write_beside_the_own_transaction_says_so() {
    let hour = Duration::from_secs(3600);
    let limits = Limits { statement_timeout: hour, transaction_timeout: hour, ..short() };
    let subject = sqlite(limits, NOTES).await;
    let transaction = subject.database.begin().await.unwrap();
    transaction.execute(statement("INSERT INTO notes (id, text) VALUES (1, 'a')", &[])).await.unwrap();
    // Long before a statement would have to end.
    let returning = statement("INSERT INTO notes (id, text) VALUES (2, 'b') RETURNING id", &[]);
    let beside = [
        tokio::time::timeout(PATIENCE, insert(&subject, 2, "b")).await.unwrap().unwrap_err(),
        tokio::time::timeout(PATIENCE, subject.database.query(returning)).await.unwrap().unwrap_err(),
        tokio::time::timeout(PATIENCE, subject.database.begin()).await.unwrap().unwrap_err(),
    ];
    for error in beside {
        assert!(
            matches!(&error, Error::Unavailable(text) if text.contains("wait_timeout") && text.contains("of this call's own")),
            "{error:?}"
        );
    }
    // Who only reads does not wait, and the transaction is as it was.
    assert_eq!(count(&subject).await, 0);
    transaction.commit().await.unwrap();
    assert_eq!(count(&subject).await, 1);
}

#[tokio::test]
async fn sqlite_files_are_for_no_other_user() {
    use std::os::unix::fs::PermissionsExt as _;

    let subject = sqlite(Limits::default(), NOTES).await;
    insert(&subject, 1, "a").await.unwrap();
    let Backend::Sqlite(path) = &subject.config.backend else { panic!() };
    let folder = path.parent().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_opened_is_named() {
    let config = config(Backend::Sqlite(Path::new("/proc/none/a.sqlite").to_owned()), Limits::default(), &[]);
    let failed = Database::open("test", &config).unwrap().start(PATIENCE).await;
    assert!(matches!(&failed, Start::Failed(text) if text.contains("/proc/none")), "{failed:?}");
}
