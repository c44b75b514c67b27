//! The databases of the host.

use super::bindings::patchboard::handler::{sql as host, sql_types as types};
use super::{ConstraintKind, Error, Result, Value};

type Batch = (Vec<String>, Vec<Vec<Value>>, Option<Cursor>);

#[derive(Debug)]
pub(super) struct Database(host::Database);

#[derive(Debug)]
pub(super) struct Transaction(host::Transaction);

#[derive(Debug)]
pub(super) struct Cursor(host::Cursor);

/// What a database and a transaction have in common.
macro_rules! statements {
    () => {
        pub(super) async fn execute(&self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
            Ok(self.0.execute(sql.to_owned(), lowered(parameters)).await?)
        }

        pub(super) async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Batch> {
            let result = self.0.query(sql.to_owned(), lowered(parameters)).await?;
            Ok((result.columns, lifted(result.rows), result.rest.map(Cursor)))
        }
    };
}

impl Database {
    pub(super) fn open(name: &str) -> Result<Self> {
        Ok(Self(host::Database::open(name)?))
    }

    statements!();

    pub(super) async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction(self.0.begin().await?))
    }
}

impl Transaction {
    statements!();

    pub(super) async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }

    pub(super) async fn rollback(self) -> Result<()> {
        Ok(self.0.rollback().await?)
    }
}

impl Cursor {
    pub(super) async fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        Ok(lifted(self.0.next().await?))
    }
}

fn lowered(values: Vec<Value>) -> Vec<host::Value> {
    let lower = |value| match value {
        Value::Null => host::Value::Null,
        Value::Boolean(value) => host::Value::Boolean(value),
        Value::Integer(value) => host::Value::Integer(value),
        Value::Real(value) => host::Value::Real(value),
        Value::Text(text) => host::Value::Text(text),
        Value::Blob(bytes) => host::Value::Blob(bytes),
    };
    values.into_iter().map(lower).collect()
}

fn lifted(rows: Vec<Vec<host::Value>>) -> Vec<Vec<Value>> {
    let lift = |value| match value {
        host::Value::Null => Value::Null,
        host::Value::Boolean(value) => Value::Boolean(value),
        host::Value::Integer(value) => Value::Integer(value),
        host::Value::Real(value) => Value::Real(value),
        host::Value::Text(text) => Value::Text(text),
        host::Value::Blob(bytes) => Value::Blob(bytes),
    };
    rows.into_iter().map(|row| row.into_iter().map(lift).collect()).collect()
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::NoSuchDatabase(name) => Self::NoSuchDatabase(name),
            host::Error::Unavailable(text) => Self::Unavailable(text),
            host::Error::TimedOut(text) => Self::TimedOut(text),
            host::Error::TooLarge(text) => Self::TooLarge(text),
            host::Error::Constraint(types::ConstraintError { kind, message }) => {
                let kind = match kind {
                    types::ConstraintKind::Unique => ConstraintKind::Unique,
                    types::ConstraintKind::ForeignKey => ConstraintKind::ForeignKey,
                    types::ConstraintKind::NotNull => ConstraintKind::NotNull,
                    types::ConstraintKind::Check => ConstraintKind::Check,
                    types::ConstraintKind::Other => ConstraintKind::Other,
                };
                Self::Constraint(kind, message)
            }
            host::Error::Conflict(text) => Self::Conflict(text),
            host::Error::Invalid(text) => Self::Invalid(text),
            host::Error::Other(text) => Self::Other(text),
        }
    }
}
