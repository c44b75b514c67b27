//! What a session of SQLite's leaves, and that each of its statements ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::connection::{Access, Connection};
use crate::session::{Command, Job};
use crate::{Error, Limits, Result, Row, Statement, Value};

/// How long a statement may take on the slowest machine. Only failures wait so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Subject {
    pub(super) connection: Connection,
    _folder: tempfile::TempDir,
}

/// Sessions end soon, where nothing comes from who has begun them.
pub(super) fn subject(limits: Limits) -> Subject {
    let limits = Limits { transaction_timeout: Duration::from_millis(20), ..limits };
    let folder = tempfile::tempdir().unwrap();
    let connection =
        Connection::open(&folder.path().join("a.sqlite"), &limits.into(), Access::Write, Arc::default())
            .unwrap();
    let subject = Subject { connection, _folder: folder };
    for sql in ["CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE others (id INTEGER)"]
    {
        subject.query(sql).unwrap();
    }
    subject
}

fn statement(sql: &str) -> Result<Statement> {
    Statement::parse(sql.to_owned(), Vec::new())
}

impl Subject {
    fn serve(&self, first: Command, rest: Vec<Command>) {
        let (sender, receiver) = mpsc::channel(8);
        for command in rest {
            sender.try_send(command).unwrap();
        }
        let asker = sender.downgrade();
        assert!(
            self.connection
                .serve(Job { first, rest: receiver, taken: None, asker, since: Instant::now() })
                .is_none()
        );
        drop(sender);
    }

    /// A session of one statement.
    pub(super) fn query(&self, sql: &str) -> Result<Vec<Row>> {
        let (reply, mut answer) = oneshot::channel();
        self.serve(Command::Query(statement(sql)?, reply), Vec::new());
        answer.try_recv().unwrap().map(|page| page.rows)
    }

    /// A transaction of some statements, and what comes of the last.
    fn transact(&self, all: &[&str], commit: bool) -> Result<Vec<Row>> {
        let (mut rest, mut last) = (Vec::new(), None);
        for sql in all {
            let (reply, answer) = oneshot::channel();
            rest.push(Command::Query(statement(sql)?, reply));
            last = Some(answer);
        }
        let ((begin, _begun), (end, _ended)) = (oneshot::channel(), oneshot::channel());
        if commit {
            rest.push(Command::Commit(end));
        } else {
            rest.push(Command::Rollback(end));
        }
        self.serve(Command::Begin(begin), rest);
        last.unwrap().try_recv().unwrap().map(|page| page.rows)
    }

    /// All that can be seen of the connection.
    fn state(&self) -> Vec<String> {
        let mut all = self.connection.pragmas();
        all.push(format!("{:?}", self.query("SELECT last_insert_rowid(), changes()")));
        all.push(format!("{:?}", self.transact(&["SELECT last_insert_rowid(), changes()"], true)));
        all.push(format!("{:?}", self.query("SELECT group_concat(name) FROM pragma_table_list")));
        all.push(format!("{:?}", self.query("SELECT id FROM temp.patchboard_as_new")));
        all
    }
}

fn changed(before: &[String], after: &[String]) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    before.iter().zip(after).filter(|(a, b)| a != b).map(|(a, b)| format!("{a} became {b}")).collect()
}

/// Statements that would leave something, by the pages of the manual that say so.
const LEAVING: &[&str] = &[
    "CREATE TEMP TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TEMPORARY TABLE t AS SELECT 1",
    "CREATE TABLE temp.users (id INTEGER)",
    "CREATE TEMP VIEW users AS SELECT 1",
    "CREATE VIEW temp.users AS SELECT 1",
    "CREATE TEMP TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM users; END",
    "CREATE TRIGGER temp.t AFTER INSERT ON main.users BEGIN DELETE FROM users; END",
    "CREATE INDEX temp.i ON patchboard_as_new (id)",
    "CREATE VIRTUAL TABLE temp.f USING fts5(a)",
    "CREATE VIRTUAL TABLE f USING fts5(a)",
    "DROP TABLE temp.patchboard_as_new",
    "DROP TABLE patchboard_as_new",
    "ALTER TABLE patchboard_as_new RENAME TO users",
    "ALTER TABLE temp.patchboard_as_new ADD COLUMN a",
    "INSERT INTO patchboard_as_new VALUES (7)",
    "UPDATE temp.patchboard_as_new SET id = 7",
    "DELETE FROM temp.patchboard_as_new",
    "REPLACE INTO patchboard_as_new VALUES (7)",
    "INSERT INTO temp.sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (a)')",
    "INSERT INTO users (name) VALUES ('a'), ('b')",
    "REPLACE INTO users VALUES (7, 'c')",
    "UPDATE users SET name = 'd'",
    "DELETE FROM users",
    "INSERT INTO users SELECT 77, 'e' RETURNING id",
    "SELECT total_changes()",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple', x'00')",
    "SELECT sqlite_log(1, 'x')",
    "SELECT * FROM pragma_foreign_keys",
    "SELECT * FROM pragma_case_sensitive_like(1)",
    "SELECT * FROM pragma_synchronous('off')",
    "SELECT * FROM pragma_cache_size(1)",
    "SELECT * FROM pragma_temp_store(2)",
    "SELECT * FROM pragma_hard_heap_limit(1)",
    "SELECT * FROM pragma_busy_timeout(0)",
    "SELECT * FROM pragma_query_only(1)",
    "SELECT * FROM pragma_wal_checkpoint",
    "PRAGMA foreign_keys = off",
    "PRAGMA recursive_triggers = on",
    "ATTACH ':memory:' AS evil",
    "DETACH temp",
    "SAVEPOINT s",
    "BEGIN",
    "EXPLAIN PRAGMA foreign_keys = off",
    "EXPLAIN ATTACH ':memory:' AS evil",
    "VACUUM",
    "ANALYZE temp",
    "REINDEX temp.patchboard_as_new",
];

#[test]
fn nothing_of_a_session_reaches_the_next() {
    let subject = subject(Limits::default());
    let before = subject.state();
    assert!(before.iter().any(|line| line == "foreign_keys 1"), "{before:?}");
    assert!(before.iter().any(|line| line.contains("[[Integer(0), Integer(0)]]")), "{before:?}");
    for sql in LEAVING {
        let _ = subject.query(sql);
        assert_eq!(changed(&before, &subject.state()), [""; 0], "{sql}");
        for commit in [true, false] {
            let _ = subject.transact(&[sql], commit);
            assert_eq!(changed(&before, &subject.state()), [""; 0], "{sql} in a transaction");
        }
    }
    // Within a session they are what they are.
    let rows = subject
        .transact(&["INSERT INTO users VALUES (41, 'x')", "SELECT last_insert_rowid(), changes()"], true);
    assert_eq!(rows, Ok(vec![vec![Value::Integer(41), Value::Integer(1)]]));
}

/// `{x}` is as long a text as there can be, `{y}` half of it, and a character that is not in it.
const HEAVY: &[&str] = &[
    "SELECT instr({x}, {y})",
    "SELECT replace({x}, {y}, 'c')",
    "SELECT replace({x}, 'a', {x})",
    "SELECT trim({x}, {y})",
    "SELECT trim({x}, (SELECT group_concat(char(i), '') || 'a' FROM n WHERE i BETWEEN 1000 AND 55000))",
    "SELECT {x} LIKE '%' || {y}",
    "SELECT {x} LIKE '%' || substr({x}, 1, 120) || 'b'",
    "SELECT {x} GLOB '*' || substr({x}, 1, 60) || '*' || substr({x}, 1, 60) || 'b'",
    "SELECT {x} GLOB '*' || replace(printf('%.*c', 30, 'a'), 'a', '[ab]') || 'c'",
    "SELECT like({y}, {x}), glob({y}, {x})",
    "SELECT unhex(replace({x}, 'a', '-'), {y} || '-')",
    "SELECT json_patch(o, o), jsonb_patch(o, o) FROM (SELECT json_group_object(i, i) AS o FROM n)",
    "SELECT json_pretty(json_group_array(i), {x}) FROM n",
    "SELECT length(json_group_array({x})) FROM n",
    "SELECT length(json_group_object(i, {x})) FROM n",
    "SELECT json_remove((SELECT json_group_array(i) FROM n WHERE i < 500000), {paths})",
    "SELECT json_set((SELECT json_group_array(i) FROM n WHERE i < 500000), {pairs})",
    "SELECT length(group_concat({x})) FROM n",
    "SELECT printf('%.*c%.*c', 1000000000, 'a', 1000000000, 'b'), zeroblob(1000000000), randomblob(1000000000)",
    "SELECT printf('%1000000000d', 1), printf('%.1000000000f', 1.5), hex({x}), quote({x})",
    "SELECT count(*) FROM n WHERE length(randomblob(4000000)) + length(upper({x})) < 0",
    "SELECT {calls}",
    "SELECT * FROM dbstat",
    "SELECT count(*) FROM n a, n b, n c",
];

#[test]
fn every_statement_ends() {
    let limits = Limits { statement_timeout: Duration::from_millis(200), ..Limits::default() };
    let (ask, asked) = std::sync::mpsc::channel::<String>();
    let (tell, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let subject = subject(limits);
        while let Ok(sql) = asked.recv() {
            tell.send(subject.query(&sql)).unwrap();
        }
    });
    let list = |one: &dyn Fn(usize) -> String, count| (0..count).map(one).collect::<Vec<_>>().join(", ");
    for sql in HEAVY {
        let sql = sql
            .replace("{x}", "printf('%.*c', 4000000, 'a')")
            .replace("{y}", "(printf('%.*c', 2000000, 'a') || 'b')")
            .replace("{paths}", &list(&|index| format!("'$[{index}]'"), 98))
            .replace("{pairs}", &list(&|index| format!("'$[{index}]', 'x'"), 49))
            .replace("{calls}", &list(&|_| "length(upper(printf('%.*c', 4000000, 'a')))".to_owned(), 166));
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000) ";
        ask.send(format!("{numbers}{sql}")).unwrap();
        // It ends, one way or another; by itself it would in hours.
        match answer.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it does not end: {sql:.90}")) {
            Ok(_) | Err(Error::TimedOut(_) | Error::TooLarge(_) | Error::Invalid(_)) => {}
            Err(other) => panic!("{sql:.90}: {other}"),
        }
    }
    assert!(matches!(statement(&format!("SELECT '{}'", "x".repeat(2 << 20))), Err(Error::TooLarge(_))));
}

/// What takes the place of functions gives the same results.
#[test]
fn functions_that_are_replaced_give_the_same() {
    let subject = subject(Limits::default());
    let plain = rusqlite::Connection::open_in_memory().unwrap();
    let values = [
        "NULL",
        "''",
        "'a'",
        "'aa'",
        "'abcabc'",
        "'bc'",
        "'é'",
        "'aéé日本é'",
        "'日本'",
        "'a b  '",
        "' '",
        "12",
        "-1.5",
        "1e300",
        "0.1",
        "x''",
        "x'00'",
        "x'6100'",
        "x'61C3A9'",
        "x'A9'",
        "x'C3A9A9'",
        "'x' || char(0) || 'y'",
        "char(0)",
        "'61-62'",
        "'6-1'",
        "'-日61日'",
        "x'2DFF36FF31'",
        "x'FFFE'",
        "x'EDA080'",
    ];
    let mut compared = 0;
    for a in values {
        for b in values {
            let mut calls: Vec<_> = ["instr", "trim", "ltrim", "rtrim", "unhex"]
                .iter()
                .map(|name| format!("{name}({a}, {b})"))
                .collect();
            calls.extend(values.iter().map(|c| format!("replace({a}, {b}, {c})")));
            for call in calls {
                let sql = format!("SELECT typeof({call}), hex({call})");
                let expected: (String, String) =
                    plain.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                let found = subject.query(&sql).unwrap();
                assert_eq!(found, [[Value::Text(expected.0), Value::Text(expected.1)]], "{call}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}
