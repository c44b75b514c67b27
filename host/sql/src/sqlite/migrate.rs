//! Migrations of a SQLite database: applied, or tried and undone.

use std::path::Path;
use std::time::Instant;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connection::{cannot_open, set_up};
use crate::PATIENCE;
use crate::migrations::{self, Migration};
use crate::{DatabaseConfig, Trial};

/// How many instructions SQLite runs between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;

/// Why migrations were not applied.
enum Failure {
    /// Somebody else has the database, or it takes too long.
    Later(String),
    Wrong(String),
}

/// Applies what is pending, each migration with its entry in one transaction. Another
/// process may be about to do the same, so what is pending is asked within. Who gets an
/// error drops the connection, and so what was begun.
pub(super) fn migrate(connection: &mut Connection, all: &[Migration]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let fail = |error: rusqlite::Error| format!("cannot apply the migrations: {error}");
    while !all.is_empty() {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
        connection.execute_batch(migrations::TABLE).map_err(fail)?;
        let applied = applied(connection).map_err(fail)?;
        let pending = migrations::pending(all, &applied)?;
        let Some(next) = pending.first() else {
            connection.execute_batch("ROLLBACK").map_err(fail)?;
            break;
        };
        apply(connection, next)
            .and_then(|()| connection.execute_batch("COMMIT"))
            .map_err(|error| failed(next, &error))?;
        names.push(next.name.clone());
    }
    Ok(names)
}

/// Applies all that is pending to the file at `path`, or to an empty database where there is
/// none, and undoes it.
pub(crate) fn try_out(path: &Path, config: &DatabaseConfig) -> Trial {
    match attempt(path, config) {
        Ok(pending) => Trial::Fits(pending),
        Err(Failure::Later(reason)) => Trial::Unknown(reason),
        Err(Failure::Wrong(problem)) => Trial::Wrong(problem),
    }
}

fn attempt(path: &Path, config: &DatabaseConfig) -> Result<Vec<String>, Failure> {
    let all = &config.migrations;
    let opening = |error: rusqlite::Error| classify(&error, cannot_open(path, &error));
    let trying = |error: rusqlite::Error| classify(&error, format!("cannot try the migrations: {error}"));
    let is_new = !path.exists();
    let mut connection = match is_new {
        true => Connection::open_in_memory(),
        // Without the mode of its journal, which is a change of the file.
        false => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(path, flags)
        }
    }
    .map_err(opening)?;
    set_up(&connection, &config.limits).map_err(opening)?;
    let deadline = Instant::now() + PATIENCE;
    connection.progress_handler(INSTRUCTIONS, Some(move || Instant::now() > deadline)).map_err(opening)?;
    // Who applies them looks again, behind the lock.
    let already = applied(&connection).map_err(opening)?;
    if connection.is_readonly("main").map_err(opening)? {
        let reason = "it may not be written to; correct the rights of the file and its folder";
        return Err(Failure::Wrong(format!("cannot open {}: {reason}", path.display())));
    }
    if migrations::pending(all, &already).map_err(Failure::Wrong)?.is_empty() {
        return Ok(Vec::new());
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(trying)?;
    connection.execute_batch(migrations::TABLE).map_err(trying)?;
    let already = applied(&connection).map_err(trying)?;
    let mut names = Vec::new();
    for next in migrations::pending(all, &already).map_err(Failure::Wrong)? {
        apply(&mut connection, next).map_err(|error| classify(&error, failed(next, &error)))?;
        names.push(next.name.clone());
    }
    connection.execute_batch("ROLLBACK").map_err(trying)?;
    Ok(names)
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let known = "SELECT count(*) FROM sqlite_schema WHERE name = 'patchboard_migrations'";
    if connection.query_row(known, [], |row| row.get::<_, u32>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut all = connection.prepare(migrations::APPLIED)?;
    all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Applies one within the transaction that was begun, and enters it.
fn apply(connection: &mut Connection, migration: &Migration) -> rusqlite::Result<()> {
    let Migration { name, sql, digest } = migration;
    connection.authorizer(Some(authorize))?;
    let done = connection.execute_batch(sql);
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    done?;
    connection.execute(migrations::REMEMBER, (name, digest)).map(drop)
}

/// A migration that ended its transaction, or wrote to another file, could not be undone.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Transaction { .. } | AuthAction::Attach { .. } | AuthAction::Detach { .. } => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

fn failed(Migration { name, sql, .. }: &Migration, error: &rusqlite::Error) -> String {
    // Which repeats the rest of the file.
    if let rusqlite::Error::SqlInputError { msg, sql: rest, offset, .. } = error {
        let begin = sql.len().saturating_sub(rest.len());
        let line = migrations::line(sql, begin + usize::try_from(*offset).unwrap_or_default());
        return format!("migration {name} failed{line}: {msg}");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => format!(
            "migration {name} failed: it begins or ends a transaction, or reaches for another file; \
             it is applied in a transaction of its own, so leave BEGIN, COMMIT, ROLLBACK and ATTACH out of it"
        ),
        _ => format!("migration {name} failed: {error}"),
    }
}

fn classify(error: &rusqlite::Error, text: String) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Later(text),
        Some(ErrorCode::OperationInterrupted) => {
            Failure::Later(format!("{text}: it takes longer than {PATIENCE:?}"))
        }
        _ => Failure::Wrong(text),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::{Backend, Limits};

    fn config(path: &Path, migrations: &[&str]) -> DatabaseConfig {
        let migration =
            |(number, sql): (usize, &&str)| Migration::new(&format!("{number}.sql"), (*sql).into());
        DatabaseConfig {
            backend: Backend::Sqlite(path.to_owned()),
            migrations: migrations.iter().enumerate().map(migration).collect(),
            limits: Limits { wait_timeout: Duration::from_millis(50), ..Limits::default() },
        }
    }

    #[track_caller]
    fn wrong(path: &Path, migrations: &[&str], parts: &[&str]) {
        match try_out(path, &config(path, migrations)) {
            Trial::Wrong(problem) => {
                assert!(parts.iter().all(|part| problem.contains(part)), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.sqlite");
        let good = ["CREATE TABLE a (b INTEGER)", "INSERT INTO a VALUES (1)"];
        assert_eq!(
            try_out(&path, &config(&path, &good)),
            Trial::Fits(vec!["0.sql".to_owned(), "1.sql".to_owned()])
        );
        wrong(
            &path,
            &["CREATE TABLE a (b INTEGER)", "INSERT INTO c VALUES (1)"],
            &["1.sql", "no such table"],
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let mut raw = Connection::open(&path).unwrap();
        let first = config(&path, &["CREATE TABLE a (b INTEGER)"]);
        migrate(&mut raw, &first.migrations).unwrap();
        let state = || {
            let names = "SELECT group_concat(name) || (SELECT count(*) FROM a) FROM sqlite_schema";
            raw.query_row(names, [], |row| row.get::<_, String>(0)).unwrap()
        };
        let before = state();
        let a = "CREATE TABLE a (b INTEGER)";
        assert_eq!(try_out(&path, &first), Trial::Fits(Vec::new()));
        let more = config(&path, &[a, "INSERT INTO a VALUES (1); CREATE TABLE c (d INTEGER)"]);
        assert_eq!(try_out(&path, &more), Trial::Fits(vec!["1.sql".to_owned()]));
        wrong(&path, &[a, "INSERT INTO a VALUES (1); nonsense"], &["1.sql", "nonsense"]);
        wrong(&path, &["CREATE TABLE e (f INTEGER)"], &["0.sql was changed"]);
        // What ends the transaction would keep what was only tried.
        for sql in ["COMMIT", "ROLLBACK; CREATE TABLE c (d INTEGER)", "END", "ATTACH 'other.sqlite' AS other"]
        {
            wrong(
                &path,
                &[a, &format!("INSERT INTO a VALUES (1); {sql}")],
                &["1.sql", "leave BEGIN, COMMIT"],
            );
        }
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END; SAVEPOINT s; RELEASE s";
        assert_eq!(try_out(&path, &config(&path, &[a, trigger])), Trial::Fits(vec!["1.sql".to_owned()]));
        assert_eq!(state(), before);
    }

    #[test]
    fn who_is_at_it_is_no_mistake_of_the_migrations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let raw = Connection::open(&path).unwrap();
        raw.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE a (b INTEGER); BEGIN IMMEDIATE").unwrap();
        let trial = try_out(&path, &config(&path, &["CREATE TABLE c (d INTEGER)"]));
        assert!(matches!(&trial, Trial::Unknown(reason) if reason.contains("locked")), "{trial:?}");
    }

    #[test]
    fn what_is_no_database_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        fs::write(&path, "x".repeat(4096)).unwrap();
        wrong(&path, &[], &["a.sqlite", "not a database", "restore it from a backup"]);
        wrong(folder.path(), &[], &["correct `path`"]);
    }
}
