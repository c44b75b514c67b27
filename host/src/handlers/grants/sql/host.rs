//! `patchboard:handler/sql`: the databases a handler was granted.
//!
//! A transaction and the unread rows of a query belong to the call that asked for them,
//! which is found at the import's entry, and end with it at the latest.

#![allow(unreachable_pub, reason = "the generated bindings export the types of resources")]

use std::sync::Arc;

use patchboard_sql as db;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, Accessor, HasSelf, Linker, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::WasiView as _;

use super::{Cursor, Granted, Transaction};
use crate::config::Isolation;
use crate::handlers::bindings;
use crate::handlers::bindings::sql::{
    ConstraintError, ConstraintKind, Error, Host, HostCursor, HostCursorWithStore, HostDatabase,
    HostDatabaseWithStore, HostTransaction, HostTransactionWithStore, QueryResult, Value,
};
use crate::handlers::grants::held::Held;
use crate::handlers::state::{CallRecord, State, current_record};

type GuestResult<T> = wasmtime::Result<Result<T, Error>>;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    bindings::sql::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl Host for State {}

impl HostDatabase for State {}

impl HostTransaction for State {}

impl HostCursor for State {}

impl HostDatabaseWithStore<State> for HasSelf<State> {
    fn drop(mut access: Access<'_, State, Self>, database: Resource<db::Database>) -> wasmtime::Result<()> {
        access.get().ctx().table.delete(database)?;
        Ok(())
    }

    fn open(mut access: Access<'_, State, Self>, name: String) -> GuestResult<Resource<db::Database>> {
        let state = access.get();
        let Granted { names, open } = &state.grants.sql;
        let granted = names.contains(&name);
        let found = open.get(&name).filter(|_| granted);
        let Some(database) = found else {
            let handler = &state.handler;
            if !granted {
                tracing::warn!(
                    %handler,
                    "the database {name} is not granted; add sql = \"{name}\" to [handlers.{handler}]"
                );
            }
            return Ok(Err(Error::NoSuchDatabase(name)));
        };
        push(state, database)
    }

    async fn execute(
        accessor: &Accessor<State, Self>,
        database: Resource<db::Database>,
        sql: String,
        parameters: Vec<Value>,
    ) -> GuestResult<u64> {
        let (database, _) = enter(accessor, |table| table.get(&database).cloned())?;
        let statement = match statement(sql, parameters) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error)),
        };
        Ok(database.execute(statement).await.map_err(Error::from))
    }

    async fn query(
        accessor: &Accessor<State, Self>,
        database: Resource<db::Database>,
        sql: String,
        parameters: Vec<Value>,
    ) -> GuestResult<QueryResult> {
        let (database, call) = enter(accessor, |table| table.get(&database).cloned())?;
        let statement = match statement(sql, parameters) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error)),
        };
        result(accessor, database.query(statement).await, call.as_deref())
    }

    async fn begin(
        accessor: &Accessor<State, Self>,
        database: Resource<db::Database>,
    ) -> GuestResult<Resource<Transaction>> {
        let (database, call) = enter(accessor, |table| table.get(&database).cloned())?;
        match database.begin().await {
            Ok(transaction) => {
                let held = held(transaction, call.as_deref());
                accessor.with(|mut access| push(access.get(), held))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl HostTransactionWithStore<State> for HasSelf<State> {
    fn drop(mut access: Access<'_, State, Self>, transaction: Resource<Transaction>) -> wasmtime::Result<()> {
        access.get().ctx().table.delete(transaction)?.end();
        Ok(())
    }

    async fn execute(
        accessor: &Accessor<State, Self>,
        transaction: Resource<Transaction>,
        sql: String,
        parameters: Vec<Value>,
    ) -> GuestResult<u64> {
        let (held, _) = enter(accessor, |table| table.get(&transaction).map(get))?;
        Ok(match (held, statement(sql, parameters)) {
            (Ok(transaction), Ok(statement)) => transaction.execute(statement).await.map_err(Error::from),
            (Err(error), _) | (_, Err(error)) => Err(error),
        })
    }

    async fn query(
        accessor: &Accessor<State, Self>,
        transaction: Resource<Transaction>,
        sql: String,
        parameters: Vec<Value>,
    ) -> GuestResult<QueryResult> {
        let (held, call) = enter(accessor, |table| table.get(&transaction).map(get))?;
        match (held, statement(sql, parameters)) {
            (Ok(transaction), Ok(statement)) => {
                result(accessor, transaction.query(statement).await, call.as_deref())
            }
            (Err(error), _) | (_, Err(error)) => Ok(Err(error)),
        }
    }

    async fn commit(accessor: &Accessor<State, Self>, transaction: Resource<Transaction>) -> GuestResult<()> {
        let (held, _) = enter(accessor, |table| table.get(&transaction).map(get))?;
        Ok(match held {
            Ok(transaction) => transaction.commit().await.map_err(Error::from),
            Err(error) => Err(error),
        })
    }

    async fn rollback(
        accessor: &Accessor<State, Self>,
        transaction: Resource<Transaction>,
    ) -> GuestResult<()> {
        let (held, _) = enter(accessor, |table| table.get(&transaction).map(get))?;
        Ok(match held {
            Ok(transaction) => transaction.rollback().await.map_err(Error::from),
            Err(error) => Err(error),
        })
    }
}

impl HostCursorWithStore<State> for HasSelf<State> {
    fn drop(mut access: Access<'_, State, Self>, cursor: Resource<Cursor>) -> wasmtime::Result<()> {
        access.get().ctx().table.delete(cursor)?.end();
        Ok(())
    }

    async fn next(
        accessor: &Accessor<State, Self>,
        cursor: Resource<Cursor>,
    ) -> GuestResult<Vec<Vec<Value>>> {
        let (held, _) = enter(accessor, |table| table.get(&cursor).map(get))?;
        let mut rows = match held {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let batch = rows.next().await;
        // At their end they hold no connection any more.
        accessor.with(|mut access| {
            wasmtime::error::Ok(access.get().ctx().table.get(&cursor).map(|held| held.set(rows)).ok())
        })?;
        Ok(batch.map(lowered).map_err(Error::from))
    }
}

/// What every operation begins with: it is noted, and what it needs is looked up before
/// any await, with the call it belongs to.
fn enter<T>(
    accessor: &Accessor<State, HasSelf<State>>,
    find: impl FnOnce(&ResourceTable) -> Result<T, ResourceTableError>,
) -> wasmtime::Result<(T, Option<Arc<CallRecord>>)> {
    accessor.with(|mut access| {
        let call = current_record(access.as_context_mut())?;
        let state = access.get();
        state.note_operation();
        Ok((find(state.ctx().table)?, call))
    })
}

/// `value`, until `call` has ended.
fn held<T: Clone + Send + 'static>(value: T, call: Option<&CallRecord>) -> Held<T> {
    let held = Held::new(value);
    if let Some(call) = call {
        call.hold(&held);
    }
    held
}

fn get<T: Clone + Send + 'static>(held: &Held<T>) -> Result<T, Error> {
    held.get().ok_or_else(|| Error::Invalid("it has ended with its call".to_owned()))
}

fn statement(sql: String, parameters: Vec<Value>) -> Result<db::Statement, Error> {
    let parameters = parameters.into_iter().map(db::Value::from).collect();
    db::Statement::parse(sql, parameters).map_err(Error::from)
}

fn result(
    accessor: &Accessor<State, HasSelf<State>>,
    rows: db::Result<db::Rows>,
    call: Option<&CallRecord>,
) -> GuestResult<QueryResult> {
    let db::Rows { columns, rows, rest } = match rows {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error.into())),
    };
    let rest = rest.map(|rest| held(rest, call));
    let rest = rest.map(|held| accessor.with(|mut access| push(access.get(), held))).transpose()?;
    Ok(rest.transpose().map(|rest| QueryResult { columns, rows: lowered(rows), rest }))
}

/// A handle of `entry`, unless the instance holds too many of the host's resources.
fn push<T: Send + 'static>(state: &mut State, entry: T) -> GuestResult<Resource<T>> {
    match state.ctx().table.push(entry) {
        Ok(handle) => Ok(Ok(handle)),
        Err(ResourceTableError::Full) => Ok(Err(Error::Other(
            "the instance holds too many resources of the host (limits.handles); drop some".to_owned(),
        ))),
        Err(error) => Err(error.into()),
    }
}

fn lowered(rows: Vec<db::Row>) -> Vec<Vec<Value>> {
    rows.into_iter().map(|row| row.into_iter().map(Value::from).collect()).collect()
}

impl From<Value> for db::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Real(value) => Self::Real(value),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<db::Value> for Value {
    fn from(value: db::Value) -> Self {
        match value {
            db::Value::Null => Self::Null,
            db::Value::Boolean(value) => Self::Boolean(value),
            db::Value::Integer(value) => Self::Integer(value),
            db::Value::Real(value) => Self::Real(value),
            db::Value::Text(text) => Self::Text(text),
            db::Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unavailable(text) => Self::Unavailable(text),
            db::Error::TimedOut(text) => Self::TimedOut(text),
            db::Error::TooLarge(text) => Self::TooLarge(text),
            db::Error::Constraint { kind, message } => {
                let kind = match kind {
                    db::ConstraintKind::Unique => ConstraintKind::Unique,
                    db::ConstraintKind::ForeignKey => ConstraintKind::ForeignKey,
                    db::ConstraintKind::NotNull => ConstraintKind::NotNull,
                    db::ConstraintKind::Check => ConstraintKind::Check,
                    db::ConstraintKind::Other => ConstraintKind::Other,
                };
                Self::Constraint(ConstraintError { kind, message })
            }
            db::Error::Conflict(text) => Self::Conflict(text),
            db::Error::Invalid(text) => Self::Invalid(text),
            db::Error::Other(text) => Self::Other(text),
        }
    }
}
