//! Sessions of PostgreSQL: what one leaves behind, and how one ends.
//!
//! Every statement of a handler has a connection of the pool for itself, and the next has it
//! after it; here there is one, so that whatever is left would be found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use patchboard_sql::{Backend, Database, DatabaseConfig, Error, Limits, Migration, Start, Statement, Value};
use patchboard_tests::{PATIENCE, Postgres};

/// A server, and a database in it for all tests but the one that is looked at.
struct Subject {
    server: Postgres,
    beside: Database,
}

impl Subject {
    async fn start() -> Self {
        let server = Postgres::start();
        let beside = open(&server, Limits::default(), "").await;
        Self { server, beside }
    }

    /// Processes of the server's that are at something of ours, but for who asks.
    async fn at_work(&self) -> Vec<String> {
        let sql = "SELECT query FROM pg_stat_activity WHERE application_name = 'patchboard' \
                   AND state <> 'idle' AND pid <> pg_backend_pid()";
        texts(&self.beside, sql).await.unwrap()
    }

    async fn wait_until_nothing_runs(&self) {
        let begin = Instant::now();
        while let [sql, ..] = &self.at_work().await[..] {
            assert!(begin.elapsed() < PATIENCE, "it still runs: {sql}");
            tokio::task::yield_now().await;
        }
    }
}

async fn open(server: &Postgres, limits: Limits, schema: &str) -> Database {
    let config = DatabaseConfig {
        backend: Backend::Postgres(server.url().parse().unwrap()),
        migrations: [schema]
            .iter()
            .filter(|schema| !schema.is_empty())
            .map(|schema| Migration::new("1.sql", (*schema).to_owned()))
            .collect(),
        limits,
    };
    let database = Database::open("test", &config).unwrap();
    let start = database.start(PATIENCE).await;
    assert!(matches!(start, Start::Ready(_)), "{start:?}");
    database
}

fn one() -> Limits {
    Limits { connections: 1, ..Limits::default() }
}

fn statement(sql: &str) -> Statement {
    Statement::parse(sql.to_owned(), Vec::new()).unwrap()
}

/// The rows, each as one line.
async fn texts(database: &Database, sql: &str) -> Result<Vec<String>, Error> {
    let result = database.query(statement(sql)).await?;
    assert!(result.rest.is_none(), "{sql}");
    let value = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let line = |row: &Vec<Value>| row.iter().map(value).collect::<Vec<_>>().join(" | ");
    Ok(result.rows.iter().map(line).collect())
}

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER, name TEXT);
    CREATE SEQUENCE numbers;
    CREATE ROLE other;
    CREATE SCHEMA evil;
    CREATE TABLE evil.users (id INTEGER, name TEXT);
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TYPE size AS ENUM ('small', 'large');
    CREATE FUNCTION set_all() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        SET search_path = evil;
        PERFORM set_config('app.who', 'mallory', false);
    END $$;
    CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM set_config('search_path', 'evil', false), pg_advisory_lock(99);
        RETURN NEW;
    END $$;
    CREATE TABLE watched (id INTEGER);
    CREATE TRIGGER watch AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION on_change();
    CREATE PROCEDURE committed() LANGUAGE plpgsql AS $$ BEGIN
        SET search_path = evil; COMMIT; PERFORM pg_advisory_lock(98); COMMIT;
    END $$;
    DO $$ BEGIN END $$";

/// All that can be seen of a session.
const STATE: &[&str] = &[
    "SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%'",
    "SELECT current_user, session_user, current_setting('role'), array_remove(current_schemas(true), pg_my_temp_schema()::regnamespace::name)::text",
    "SELECT coalesce(nullif(current_setting('app.who', true), ''), 'unset')",
    "SELECT locktype, mode, objid FROM pg_locks WHERE pid = pg_backend_pid() \
     AND locktype NOT IN ('relation', 'virtualxid')",
    "SELECT name, statement FROM pg_prepared_statements WHERE from_sql",
    "SELECT name, statement FROM pg_cursors WHERE name <> ''",
    "SELECT pg_listening_channels()",
    "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() \
     UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema() \
     UNION ALL SELECT typname FROM pg_type WHERE typnamespace = pg_my_temp_schema()",
    "SELECT lastval()",
    "SELECT currval('numbers')",
    "INSERT INTO users VALUES (1, 'a') RETURNING tableoid::regclass::text",
];

/// Statements that leave something, by the pages of the manual that say so.
const LEAVING: &[&str] = &[
    // Functions: settings.
    "SELECT set_config('search_path', 'evil', false)",
    "SELECT set_config('app.who', 'mallory', false)",
    "SELECT set_config('role', 'other', false)",
    "SELECT set_config('session_authorization', 'other', false)",
    "SELECT set_config('statement_timeout', '1', false)",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT set_config('idle_in_transaction_session_timeout', '0', false)",
    "SELECT set_config('lock_timeout', '1', false)",
    "SELECT set_config('client_encoding', 'LATIN1', false)",
    "SELECT set_config('default_transaction_read_only', 'on', false)",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "SELECT set_config('application_name', 'other', false)",
    "SELECT set_config('bytea_output', 'escape', false), set_config('DateStyle', 'German', false)",
    // SET, ALTER, DO, CALL: the same by statements.
    "DO $$ BEGIN SET search_path = evil; SET app.who = 'mallory'; END $$",
    "DO $$ BEGIN SET ROLE other; END $$",
    "DO $$ BEGIN SET SESSION AUTHORIZATION other; END $$",
    "DO $$ BEGIN SET TIME ZONE 'Europe/Berlin'; SET DateStyle = 'SQL, DMY'; END $$",
    "DO $$ BEGIN SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE; END $$",
    "DO $$ BEGIN SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; END $$",
    "DO $$ BEGIN SET row_security = off; SET enable_seqscan = off; SET work_mem = '64kB'; END $$",
    "SELECT set_all()",
    "INSERT INTO watched VALUES (1)",
    "CALL committed()",
    // Functions: locks, sequences.
    "SELECT pg_advisory_lock(1), pg_advisory_lock(1, 2), pg_advisory_lock_shared(3), pg_try_advisory_lock(4)",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 7)",
    // PREPARE, DEALLOCATE, DECLARE, LISTEN.
    "DO $$ BEGIN EXECUTE 'PREPARE mine AS SELECT 1'; END $$",
    "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT name FROM pg_prepared_statements LOOP
        EXECUTE format('DEALLOCATE %I', r.name);
        EXECUTE format('PREPARE %I AS SELECT 1::name, 2::\"char\", 3::oid, 4::oid, 5::oid, 6::name, 7::oid', r.name);
    END LOOP; END $$",
    "DO $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'; END $$",
    "DO $$ BEGIN EXECUTE 'LISTEN news'; NOTIFY news; END $$",
    // CREATE: temporary objects.
    "CREATE TEMP TABLE users (id INTEGER, name TEXT)",
    "CREATE TEMP TABLE users AS SELECT 1 AS id, 'x' AS name",
    "SELECT 1 AS id, 'x' AS name INTO TEMP users",
    "CREATE TEMP VIEW users AS SELECT 1 AS id",
    "CREATE TEMP SEQUENCE numbers",
    "CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE pg_temp.t AS (a integer)",
    "CREATE TABLE pg_temp.users (id INTEGER, name TEXT)",
];

#[tokio::test]
async fn nothing_of_a_session_reaches_the_next() {
    let subject = Subject::start().await;
    let database = open(&subject.server, one(), SCHEMA).await;
    let state = async || {
        let mut all = Vec::new();
        for sql in STATE {
            match texts(&database, sql).await {
                Ok(lines) => all.push(lines),
                Err(error) => all.push(vec![error.to_string()]),
            }
        }
        all
    };
    // Which has the driver prepare statements of its own.
    assert_eq!(texts(&database, "SELECT 'sad'::mood").await.unwrap(), ["sad"]);
    let before = state().await;
    assert!(before[0].len() > 200 && before[8][0].contains("lastval is not yet defined"), "{before:?}");
    assert_eq!(before[10], ["users"]);
    let expect_as_before = async |what: &str| {
        for ((one, other), asked) in before.iter().zip(&state().await).zip(STATE) {
            let new: Vec<_> = other.iter().filter(|line| !one.contains(line)).collect();
            let gone: Vec<_> = one.iter().filter(|line| !other.contains(line)).collect();
            assert!(one == other, "after {what}, of {asked}: new {new:?}, gone {gone:?}");
        }
    };
    for sql in LEAVING {
        for round in ["alone", "committed", "rolled back", "dropped", "beside an error"] {
            if round == "alone" {
                database.query(statement(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            } else if !sql.starts_with("CALL") {
                let transaction = database.begin().await.unwrap();
                transaction.query(statement(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
                match round {
                    "committed" => transaction.commit().await.unwrap(),
                    "rolled back" => transaction.rollback().await.unwrap(),
                    "dropped" => drop(transaction),
                    _ => assert!(transaction.execute(statement("SELECT 1 / 0")).await.is_err()),
                }
            }
            expect_as_before(&format!("{sql}, {round}")).await;
            // A type that was not looked up yet, by statements that somebody may have replaced.
            assert_eq!(texts(&database, "SELECT 'large'::size").await.unwrap(), ["large"], "{sql}, {round}");
        }
    }
}

#[tokio::test]
async fn who_comes_next_has_the_same_connection_and_no_choice_of_its_random_numbers() {
    let subject = Subject::start().await;
    let database = open(&subject.server, one(), SCHEMA).await;
    let process = texts(&database, "SELECT pg_backend_pid()").await.unwrap();
    let mut random = Vec::new();
    for sql in ["SELECT setseed(0.5)", "DO $$ BEGIN SET seed = 0.5; END $$"] {
        for _ in 0..2 {
            texts(&database, sql).await.unwrap();
            random.push(texts(&database, "SELECT random()").await.unwrap());
        }
    }
    random.sort();
    random.dedup();
    assert_eq!(random.len(), 4);
    for sql in LEAVING {
        texts(&database, sql).await.unwrap();
    }
    assert_eq!(texts(&database, "SELECT pg_backend_pid()").await.unwrap(), process);
}

/// Goes on however often it is cancelled.
const STUBBORN: &str = "DO $$ BEGIN LOOP BEGIN
    PERFORM set_config('statement_timeout', '0', false), pg_sleep(600);
EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$";

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_at_the_server() {
    let subject = Subject::start().await;
    let limits = Limits { statement_timeout: Duration::from_millis(200), ..one() };
    let database = open(&subject.server, limits, SCHEMA).await;
    for sql in [
        "SELECT pg_sleep(600)",
        "SELECT set_config('statement_timeout', '0', false), pg_sleep(600)",
        STUBBORN,
    ] {
        for within in [false, true] {
            let result = if within {
                let transaction = database.begin().await.unwrap();
                transaction.execute(statement(sql)).await
            } else {
                database.execute(statement(sql)).await
            };
            assert!(
                matches!(&result, Err(Error::TimedOut(text)) if text.contains("statement_timeout")),
                "{result:?}"
            );
            // Its place is free when it is gone, not before.
            let begin = Instant::now();
            while let Err(error) = texts(&database, "SELECT 1").await {
                assert!(begin.elapsed() < PATIENCE, "{sql}: {error}");
            }
            assert_eq!(subject.at_work().await, [""; 0], "{sql}");
        }
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_ended_at_the_server() {
    let subject = Subject::start().await;
    let hour = Duration::from_secs(3600);
    let limits =
        Limits { statement_timeout: hour, transaction_timeout: hour, connections: 1, ..Limits::default() };
    let database = open(&subject.server, limits, SCHEMA).await;
    let started = async |part: &str| {
        let begin = Instant::now();
        while !subject.at_work().await.iter().any(|sql| sql.contains(part)) {
            assert!(begin.elapsed() < PATIENCE, "{part} does not run");
            tokio::task::yield_now().await;
        }
    };
    for sql in ["SELECT pg_sleep(600)", STUBBORN] {
        tokio::select! {
            _ = database.execute(statement(sql)) => panic!("it has ended"),
            () = started("pg_sleep") => {}
        }
        subject.wait_until_nothing_runs().await;
        tokio::select! {
            _ = database.query(statement(sql)) => panic!("it has ended"),
            () = started("pg_sleep") => {}
        }
        subject.wait_until_nothing_runs().await;
        let transaction = database.begin().await.unwrap();
        tokio::select! {
            _ = transaction.execute(statement(sql)) => panic!("it has ended"),
            () = started("pg_sleep") => {}
        }
        drop(transaction);
        subject.wait_until_nothing_runs().await;
    }
    // Rows that nobody reads: the server would wait for ever to send them.
    let rows =
        database.query(statement("SELECT repeat('x', 1000) FROM generate_series(1, 60000)")).await.unwrap();
    drop(rows);
    subject.wait_until_nothing_runs().await;
    assert_eq!(texts(&database, "SELECT 1").await.unwrap(), ["Integer(1)"]);
}

#[tokio::test]
async fn what_another_host_changes_is_seen_at_once() {
    let subject = Subject::start().await;
    let schema = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); CREATE TYPE k AS ENUM ('a');
        CREATE TABLE e (k k); INSERT INTO e VALUES ('a');
        CREATE FUNCTION all_t() RETURNS SETOF t LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM t; END $$";
    let database = open(&subject.server, one(), schema).await;
    let queries =
        ["SELECT * FROM t", "SELECT * FROM e", "TABLE t", "WITH x AS (SELECT * FROM t) SELECT * FROM x"];
    let read = async |database: &Database| {
        let mut all = Vec::new();
        for sql in queries {
            for _ in 0..3 {
                all.push(texts(database, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")));
            }
        }
        all.dedup();
        all
    };
    read(&database).await;
    for (change, first) in [
        ("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'new'", "Integer(1) | new"),
        ("ALTER TABLE t ALTER COLUMN a TYPE TEXT", "1 | new"),
        ("ALTER TABLE t RENAME COLUMN b TO c", "1 | new"),
        ("ALTER TABLE t DROP COLUMN c", "1"),
        ("DROP TABLE t CASCADE; CREATE TABLE t (z BIGINT); INSERT INTO t VALUES (7)", "Integer(7)"),
        (
            "DROP TABLE e; DROP TYPE k; CREATE TYPE k AS ENUM ('b'); CREATE TABLE e (k k); INSERT INTO e VALUES ('b')",
            "Integer(7)",
        ),
        ("ALTER TYPE k ADD VALUE 'c'", "Integer(7)"),
        ("DROP TABLE e; CREATE VIEW e AS SELECT 'b'::k AS k", "Integer(7)"),
    ] {
        // Once more just before, so that whatever can be kept is kept.
        read(&database).await;
        for part in change.split("; ") {
            subject.beside.execute(statement(part)).await.unwrap_or_else(|error| panic!("{part}: {error}"));
        }
        assert_eq!(read(&database).await[0], [first], "{change}");
        let transaction = database.begin().await.unwrap();
        assert_eq!(transaction.query(statement("SELECT * FROM t")).await.unwrap().rows.len(), 1, "{change}");
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn the_columns_of_an_empty_result_have_names() {
    let subject = Subject::start().await;
    let database = open(&subject.server, one(), SCHEMA).await;
    for (sql, columns) in [
        ("SELECT id, name AS n FROM users WHERE false", &["id", "n"][..]),
        ("DELETE FROM users WHERE false RETURNING name", &["name"]),
        ("SELECT 'sad'::mood AS mood WHERE false", &["mood"]),
        ("DELETE FROM users", &[]),
    ] {
        let result = database.query(statement(sql)).await.unwrap();
        assert_eq!(
            (result.columns.iter().map(String::as_str).collect::<Vec<_>>(), result.rows.len()),
            (columns.to_vec(), 0)
        );
    }
}

#[tokio::test]
async fn functions_that_keep_plans_end_in_one_conflict_at_most() {
    let subject = Subject::start().await;
    let schema = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1);
        CREATE FUNCTION first_t() RETURNS text LANGUAGE plpgsql AS $$
            DECLARE r record; BEGIN SELECT * INTO r FROM t; RETURN r::text; END $$;
        CREATE FUNCTION by_name() RETURNS text LANGUAGE plpgsql AS $$
            DECLARE r t; BEGIN SELECT * INTO r FROM t; RETURN r::text; END $$";
    let limits = Limits { connections: 4, ..Limits::default() };
    let database = Arc::new(open(&subject.server, limits, schema).await);
    let mut outcomes = BTreeMap::<String, usize>::new();
    for round in 0..5 {
        for function in ["first_t", "by_name"] {
            let sql = format!("SELECT {function}()");
            let mut last = None;
            for _ in 0..8 {
                let result = texts(&database, &sql).await;
                *outcomes.entry(format!("{:?}", result.as_ref().map(|_| ()))).or_default() += 1;
                last = Some(result);
            }
            assert!(matches!(last, Some(Ok(_))), "{function}: {last:?}");
        }
        subject
            .beside
            .execute(statement(&format!("ALTER TABLE t ADD COLUMN b{round} INTEGER")))
            .await
            .unwrap();
    }
    let failed: usize =
        outcomes.iter().filter(|(what, _)| !what.starts_with("Ok")).map(|(_, times)| times).sum();
    assert!(failed <= 4 * 5, "{outcomes:?}");
}
