//! Migrations of a PostgreSQL database, of which several hosts may be in charge.

use deadpool_postgres::Object;

use super::error::text;
use crate::migrations::{self, Migration};

/// Held while migrations are applied, so that of several hosts one does: any number
/// that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7235413990614163551)";

/// Why a schema is not up to date.
pub(super) enum Failure {
    /// The server went away.
    Lost(String),
    /// It will not get better by itself.
    Wrong(String),
}

/// Applies what is pending, and adds the names to `applied`.
pub(super) async fn migrate(
    connection: &mut Object,
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
async fn next<'a>(connection: &mut Object, all: &'a [Migration]) -> Result<Option<&'a str>, Failure> {
    let fail = |error| failure("cannot apply the migrations", &error);
    let transaction = connection.transaction().await.map_err(fail)?;
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(fail)?;
    transaction.batch_execute(LOCK).await.map_err(fail)?;
    transaction.batch_execute(migrations::TABLE).await.map_err(fail)?;
    let rows = transaction.query(migrations::APPLIED, &[]).await.map_err(fail)?;
    let applied: Vec<(String, String)> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    let pending = migrations::pending(all, &applied).map_err(Failure::Wrong)?;
    let Some(Migration { name, sql, digest }) = pending.first() else { return Ok(None) };
    let fail = |error| failure(&format!("migration {name} failed"), &error);
    transaction.batch_execute(sql).await.map_err(fail)?;
    transaction.execute(migrations::REMEMBER, &[name, digest]).await.map_err(fail)?;
    transaction.commit().await.map_err(fail)?;
    Ok(Some(name))
}

fn failure(what: &str, error: &tokio_postgres::Error) -> Failure {
    let problem = format!("{what}: {}", text(error));
    match error.code().and_then(|code| code.code().get(..2)) {
        None | Some("08" | "40" | "53" | "57") => Failure::Lost(problem),
        Some(_) => Failure::Wrong(problem),
    }
}
