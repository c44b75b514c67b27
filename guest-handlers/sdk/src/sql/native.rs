//! Databases in memory, for tests on the machine a handler is developed on.

use super::{ConstraintKind, Error, Result, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, ffi};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static DATABASES: RefCell<HashMap<String, Rc<Connection>>> = RefCell::default();
}

type Batch = (Vec<String>, Vec<Vec<Value>>, Option<Cursor>);

/// Makes a new database, with the tables that `schema` creates.
///
/// # Panics
///
/// If `schema` is wrong.
#[expect(clippy::panic, reason = "for tests")]
pub(crate) fn set(name: &str, schema: &str) {
    let made = Connection::open_in_memory().and_then(|database| {
        database.pragma_update(None, "foreign_keys", true)?;
        database.execute_batch(schema)?;
        Ok(database)
    });
    match made {
        Ok(database) => DATABASES.with_borrow_mut(|all| all.insert(name.to_owned(), database.into())),
        Err(error) => panic!("the schema of database {name}: {error}"),
    };
}

#[derive(Debug)]
pub(super) struct Database(Rc<Connection>);

#[derive(Debug)]
pub(super) struct Transaction(Rc<Connection>);

/// There is none here: all rows are in the first batch.
#[derive(Debug)]
pub(super) enum Cursor {}

impl Database {
    pub(super) fn open(name: &str) -> Result<Self> {
        let found = DATABASES.with_borrow(|all| all.get(name).cloned());
        found.map(Self).ok_or_else(|| Error::NoSuchDatabase(name.to_owned()))
    }

    pub(super) async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
        execute(&self.0, sql, &parameters)
    }

    pub(super) async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Batch> {
        query(&self.0, sql, &parameters)
    }

    pub(super) async fn begin(&self) -> Result<Transaction> {
        self.0.execute_batch("BEGIN").map_err(explain)?;
        Ok(Transaction(self.0.clone()))
    }
}

impl Transaction {
    pub(super) async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
        self.in_it(|database| execute(database, sql, &parameters))
    }

    pub(super) async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Batch> {
        self.in_it(|database| query(database, sql, &parameters))
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.in_it(|database| database.execute_batch("COMMIT").map_err(explain))
    }

    pub(super) async fn rollback(self) -> Result<()> {
        self.in_it(|database| database.execute_batch("ROLLBACK").map_err(explain))
    }

    /// Like the host's, it goes no further than its first error.
    fn in_it<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.0.is_autocommit() {
            return Err(Error::Invalid("a statement of this transaction has failed".to_owned()));
        }
        work(&self.0).inspect_err(|_| self.end())
    }

    fn end(&self) {
        if !self.0.is_autocommit() {
            // What cannot be rolled back has been already.
            self.0.execute_batch("ROLLBACK").ok();
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.end();
    }
}

impl Cursor {
    pub(super) async fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        match *self {}
    }
}

fn execute(database: &Connection, sql: &str, parameters: &[Value]) -> Result<u64> {
    let before = database.total_changes();
    query(database, sql, parameters)?;
    Ok(database.total_changes() - before)
}

fn query(database: &Connection, sql: &str, parameters: &[Value]) -> Result<Batch> {
    let mut statement = database.prepare(sql).map_err(explain)?;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).and_then(|name| name.strip_prefix('$'));
        let number = name.and_then(|name| name.parse::<usize>().ok()?.checked_sub(1));
        let value = number.and_then(|number| parameters.get(number));
        let value = value.ok_or_else(|| Error::Invalid(format!("a parameter of `{sql}` has no value")))?;
        statement.raw_bind_parameter(index, value).map_err(explain)?;
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let (mut rows, mut found) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next().map_err(explain)? {
        let value = |index| row.get_ref(index).map_err(explain).map(value);
        found.push((0..columns.len()).map(value).collect::<Result<_>>()?);
    }
    drop(rows);
    Ok((columns, found, None))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Boolean(value) => ValueRef::Integer((*value).into()),
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

fn explain(error: rusqlite::Error) -> Error {
    let text = error.to_string();
    match error.sqlite_error() {
        Some(failure) if failure.code == rusqlite::ErrorCode::ConstraintViolation => {
            let kind = match failure.extended_code {
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => ConstraintKind::Unique,
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
                ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
                ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
                _ => ConstraintKind::Other,
            };
            Error::Constraint(kind, text)
        }
        _ => Error::Invalid(text),
    }
}
