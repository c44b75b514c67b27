//! `patchboard:handler/sql`: the databases a handler was granted.
//!
//! A transaction and the unread rows of a query belong to the call that asked for them,
//! which is found at the import's entry, and end with it at the latest.

use std::sync::Arc;

use patchboard_sql as db;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceTable, ResourceTableError};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::{Cursor, Granted, Transaction};
use crate::config::Isolation;
use crate::handlers::bindings::sql_types::{ConstraintError, ConstraintKind, Error, Value};
use crate::handlers::grants::held::Held;
use crate::handlers::grants::logging::{FRAME_BYTES, NAME_BYTES, cut};
use crate::handlers::imports::awaited::{as_it_is, link_both};
use crate::handlers::imports::weight::{Weight, weightless};
use crate::handlers::state::{CallRecord, State, current_record};

type GuestResult<T> = Result<T, Error>;
type Database = Resource<db::Database>;
type Call = Option<Arc<CallRecord>>;

/// `query-result` of both interfaces.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct QueryResult {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    rest: Option<Resource<Cursor>>,
}

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    link_both(linker, "sql", |interface| {
        interface.resource::<Cursor>("cursor", |_, cursor| cursor.end())?;
        interface.awaited("[method]cursor.next", next, as_it_is)?;
        interface.resource::<db::Database>("database", |_, _| {})?;
        interface.function("[static]database.open", open)?;
        interface.awaited("[method]database.execute", execute, as_it_is)?;
        interface.awaited("[method]database.query", query, result)?;
        interface.awaited("[method]database.begin", begin, begun)?;
        interface.resource::<Transaction>("transaction", |_, transaction| transaction.end())?;
        interface.awaited("[method]transaction.execute", execute_within, as_it_is)?;
        interface.awaited("[method]transaction.query", query_within, result)?;
        interface.awaited("[method]transaction.commit", commit, as_it_is)?;
        interface.awaited("[method]transaction.rollback", rollback, as_it_is)
    })
}

fn open(
    mut store: StoreContextMut<'_, State>,
    (name,): (String,),
) -> wasmtime::Result<GuestResult<Database>> {
    let state = store.data_mut();
    let Granted { names, open } = &state.grants.sql;
    let granted = names.contains(&name);
    let found = open.get(&name).filter(|_| granted);
    let Some(database) = found else {
        let handler = &state.handler;
        if !granted && state.grants.logging.admit(handler, FRAME_BYTES + name.len().min(NAME_BYTES)) {
            let name = cut(&name, NAME_BYTES).escape_debug();
            tracing::warn!(
                %handler,
                "the database {name} is not granted; add sql = \"{name}\" to [handlers.{handler}]"
            );
        }
        return Ok(Err(Error::NoSuchDatabase(name)));
    };
    push(state, database)
}

fn execute(
    store: StoreContextMut<'_, State>,
    (database, sql, parameters): (Database, String, Vec<Value>),
) -> wasmtime::Result<impl Future<Output = GuestResult<u64>> + Send + use<>> {
    let (database, _) = enter(store, |table| table.get(&database).cloned())?;
    Ok(async move { Ok(database.execute(statement(sql, parameters)?).await?) })
}

fn query(
    store: StoreContextMut<'_, State>,
    (database, sql, parameters): (Database, String, Vec<Value>),
) -> wasmtime::Result<impl Future<Output = (GuestResult<db::Rows>, Call)> + Send + use<>> {
    let (database, call) = enter(store, |table| table.get(&database).cloned())?;
    let rows = async move { Ok(database.query(statement(sql, parameters)?).await?) };
    Ok(async move { (rows.await, call) })
}

fn begin(
    store: StoreContextMut<'_, State>,
    (database,): (Database,),
) -> wasmtime::Result<impl Future<Output = (GuestResult<db::Transaction>, Call)> + Send + use<>> {
    let (database, call) = enter(store, |table| table.get(&database).cloned())?;
    Ok(async move { (database.begin().await.map_err(Error::from), call) })
}

/// A transaction, which ends with its call.
fn begun(
    mut store: StoreContextMut<'_, State>,
    (transaction, call): (GuestResult<db::Transaction>, Call),
) -> wasmtime::Result<GuestResult<Resource<Transaction>>> {
    match transaction {
        Ok(transaction) => push(store.data_mut(), held(transaction, call.as_deref())),
        Err(error) => Ok(Err(error)),
    }
}

fn execute_within(
    store: StoreContextMut<'_, State>,
    (transaction, sql, parameters): (Resource<Transaction>, String, Vec<Value>),
) -> wasmtime::Result<impl Future<Output = GuestResult<u64>> + Send + use<>> {
    let (held, _) = enter(store, |table| table.get(&transaction).map(get))?;
    Ok(async move { Ok(held?.execute(statement(sql, parameters)?).await?) })
}

fn query_within(
    store: StoreContextMut<'_, State>,
    (transaction, sql, parameters): (Resource<Transaction>, String, Vec<Value>),
) -> wasmtime::Result<impl Future<Output = (GuestResult<db::Rows>, Call)> + Send + use<>> {
    let (held, call) = enter(store, |table| table.get(&transaction).map(get))?;
    let rows = async move { Ok(held?.query(statement(sql, parameters)?).await?) };
    Ok(async move { (rows.await, call) })
}

fn commit(
    store: StoreContextMut<'_, State>,
    (transaction,): (Resource<Transaction>,),
) -> wasmtime::Result<impl Future<Output = GuestResult<()>> + Send + use<>> {
    let (held, _) = enter(store, |table| table.get(&transaction).map(get))?;
    Ok(async move { Ok(held?.commit().await?) })
}

fn rollback(
    store: StoreContextMut<'_, State>,
    (transaction,): (Resource<Transaction>,),
) -> wasmtime::Result<impl Future<Output = GuestResult<()>> + Send + use<>> {
    let (held, _) = enter(store, |table| table.get(&transaction).map(get))?;
    Ok(async move { Ok(held?.rollback().await?) })
}

fn next(
    store: StoreContextMut<'_, State>,
    (cursor,): (Resource<Cursor>,),
) -> wasmtime::Result<impl Future<Output = GuestResult<Vec<Vec<Value>>>> + Send + use<>> {
    let (held, _) = enter(store, |table| table.get(&cursor).cloned())?;
    Ok(async move {
        let mut rows = get(&held)?;
        let batch = rows.next().await;
        // At their end they hold no connection any more.
        held.set(rows);
        Ok(lowered(batch?))
    })
}

/// What every operation begins with: it is noted, and what it needs is looked up before
/// any await, with the call it belongs to.
fn enter<T>(
    mut store: StoreContextMut<'_, State>,
    find: impl FnOnce(&ResourceTable) -> Result<T, ResourceTableError>,
) -> wasmtime::Result<(T, Call)> {
    let call = current_record(store.as_context_mut())?;
    let state = store.data_mut();
    state.note_operation();
    Ok((find(state.ctx().table)?, call))
}

/// `value`, until `call` has ended.
fn held<T: Clone + Send + 'static>(value: T, call: Option<&CallRecord>) -> Held<T> {
    let held = Held::new(value);
    if let Some(call) = call {
        call.hold(&held);
    }
    held
}

fn get<T: Clone + Send + 'static>(held: &Held<T>) -> GuestResult<T> {
    held.get().ok_or_else(|| Error::Invalid("it has ended with its call".to_owned()))
}

fn statement(sql: String, parameters: Vec<Value>) -> GuestResult<db::Statement> {
    let parameters = parameters.into_iter().map(db::Value::from).collect();
    db::Statement::parse(sql, parameters).map_err(Error::from)
}

/// The first rows, and the rest, which ends with its call.
fn result(
    mut store: StoreContextMut<'_, State>,
    (rows, call): (GuestResult<db::Rows>, Call),
) -> wasmtime::Result<GuestResult<QueryResult>> {
    let db::Rows { columns, rows, rest } = match rows {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error)),
    };
    let rest = rest.map(|rest| push(store.data_mut(), held(rest, call.as_deref()))).transpose()?;
    Ok(rest.transpose().map(|rest| QueryResult { columns, rows: lowered(rows), rest }))
}

/// A handle of `entry`, unless the instance holds too many of the host's resources.
fn push<T: Send + 'static>(state: &mut State, entry: T) -> wasmtime::Result<GuestResult<Resource<T>>> {
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

impl Weight for Value {
    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Real(_) => 0,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
        }
    }
}

impl Weight for db::Value {
    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Real(_) => 0,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
        }
    }
}

impl Weight for db::Rows {
    fn weight(&self) -> usize {
        self.columns.weight() + self.rows.weight()
    }
}

impl Weight for Error {
    fn weight(&self) -> usize {
        match self {
            Self::Constraint(ConstraintError { message, .. }) => message.len(),
            Self::NoSuchDatabase(text)
            | Self::Unavailable(text)
            | Self::TimedOut(text)
            | Self::TooLarge(text)
            | Self::Conflict(text)
            | Self::Invalid(text)
            | Self::Other(text) => text.len(),
        }
    }
}

weightless!(db::Transaction, Arc<CallRecord>);

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
