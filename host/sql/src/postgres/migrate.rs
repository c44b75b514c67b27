//! Migrations of a PostgreSQL database, of which several hosts may be in charge: applied,
//! or tried and undone.

use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, Transaction};

use super::error::text;
use crate::migrations::{self, Migration};
use crate::{PATIENCE, Trial};

/// Held while migrations are applied, so that of several hosts one does: any number
/// that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7235413990614163551)";

/// Makes a commit of the transaction fail: what is only tried must not be kept, whatever a
/// migration does.
const GUARD: &str = "CREATE TABLE patchboard_trial (
    once INTEGER CONSTRAINT patchboard_trial_end UNIQUE DEFERRABLE INITIALLY DEFERRED
); INSERT INTO patchboard_trial VALUES (1), (1)";

/// Makes every other transaction of the session one that changes nothing.
const READ_ONLY: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";

/// Why a schema is not up to date.
pub(super) enum Failure {
    /// The server went away.
    Lost(String),
    /// It will not get better by itself.
    Wrong(String),
}

/// Applies what is pending, and adds the names to `applied`.
pub(super) async fn migrate(
    connection: &mut Client,
    all: &[Migration],
    applied: &mut Vec<String>,
) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    // One at a time, each with its entry in one transaction.
    while let Some(name) = next(connection, all).await? {
        applied.push(name.to_owned());
    }
    Ok(())
}

/// Applies the first migration that is pending, and names it.
async fn next<'a>(connection: &mut Client, all: &'a [Migration]) -> Result<Option<&'a str>, Failure> {
    let fail = |error| failure("cannot apply the migrations", &error);
    let transaction = connection.transaction().await.map_err(fail)?;
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(fail)?;
    let pending = pending(&transaction, all).await?;
    let Some(next) = pending.first() else { return Ok(None) };
    apply(&transaction, next).await.map_err(|error| failed(next, &error))?;
    transaction.commit().await.map_err(|error| failed(next, &error))?;
    Ok(Some(&next.name))
}

/// Applies all that is pending, and undoes it.
pub(super) async fn try_out(connection: &mut Client, all: &[Migration]) -> Trial {
    let mut names = Vec::new();
    match attempt(connection, all, &mut names).await {
        Ok(()) => Trial::Fits(names),
        Err(Failure::Lost(reason)) => Trial::Unknown(reason),
        Err(Failure::Wrong(problem)) => Trial::Wrong(problem),
    }
}

async fn attempt(connection: &mut Client, all: &[Migration], names: &mut Vec<String>) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    let fail = |error| failure("cannot try the migrations", &error);
    // What rolls the transaction back goes on outside of it, and may change nothing there.
    connection.batch_execute(READ_ONLY).await.map_err(fail)?;
    let transaction = connection.build_transaction().read_only(false).start().await.map_err(fail)?;
    // Who waits for a lock lets others wait behind it.
    let (patience, lock) = (PATIENCE.as_millis(), PATIENCE.as_millis() / 2);
    let settings = format!("SET LOCAL statement_timeout = {patience}; SET LOCAL lock_timeout = {lock}");
    transaction.batch_execute(&settings).await.map_err(fail)?;
    let pending = pending(&transaction, all).await?;
    if !pending.is_empty() {
        transaction.batch_execute(GUARD).await.map_err(fail)?;
    }
    for next in pending {
        apply(&transaction, next).await.map_err(|error| match error.code() {
            Some(code) if code.code().starts_with("55") => {
                // Some changes need those before them to be committed, as they will be.
                Failure::Lost(format!("migration {} could not be tried: {}", next.name, text(&error)))
            }
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION || is_guard(&error) => {
                Failure::Wrong(format!(
                    "migration {} failed: it ends the transaction that it is applied in; leave COMMIT and \
                     ROLLBACK out of it",
                    next.name
                ))
            }
            _ => failed(next, &error),
        })?;
        names.push(next.name.clone());
    }
    transaction.rollback().await.map_err(fail)
}

/// Waits until no other host applies migrations; gives those that are left.
async fn pending<'a>(
    transaction: &Transaction<'_>,
    all: &'a [Migration],
) -> Result<Vec<&'a Migration>, Failure> {
    let fail = |error| failure("cannot apply the migrations", &error);
    transaction.batch_execute(LOCK).await.map_err(fail)?;
    transaction.batch_execute(migrations::TABLE).await.map_err(fail)?;
    let rows = transaction.query(migrations::APPLIED, &[]).await.map_err(fail)?;
    let applied: Vec<(String, String)> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    migrations::pending(all, &applied).map_err(Failure::Wrong)
}

async fn apply(
    transaction: &Transaction<'_>,
    Migration { name, sql, digest }: &Migration,
) -> Result<(), tokio_postgres::Error> {
    transaction.batch_execute(sql).await?;
    transaction.execute(migrations::REMEMBER, &[name, digest]).await.map(drop)
}

fn is_guard(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| error.constraint() == Some("patchboard_trial_end"))
}

fn failed(Migration { name, sql, .. }: &Migration, error: &tokio_postgres::Error) -> Failure {
    let line = match error.as_db_error().and_then(|error| error.position()) {
        // In characters, from one on.
        Some(ErrorPosition::Original(position)) => {
            let byte = sql.char_indices().nth((*position as usize).saturating_sub(1));
            migrations::line(sql, byte.map_or(sql.len(), |(byte, _)| byte))
        }
        _ => String::new(),
    };
    failure(&format!("migration {name} failed{line}"), error)
}

fn failure(what: &str, error: &tokio_postgres::Error) -> Failure {
    let problem = format!("{what}: {}", text(error));
    match error.code() {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => Failure::Lost(problem),
        code => match code.and_then(|code| code.code().get(..2)) {
            None | Some("08" | "40" | "53" | "57") => Failure::Lost(problem),
            Some(_) => Failure::Wrong(problem),
        },
    }
}
