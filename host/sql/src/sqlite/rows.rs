//! Values on their way into a statement and out of its rows.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Rows, ToSql};

use super::error::{explain, explain_of};
use crate::batch::Batch;
use crate::{Error, Limits, Result, Row, Statement, Value};

/// Binds the parameters; `$1` is the first, however often and wherever it stands.
pub(super) fn bind(
    prepared: &mut rusqlite::Statement<'_>,
    statement: &Statement,
    limits: &Limits,
) -> Result<()> {
    let given = &statement.parameters;
    statement.check_bytes(limits)?;
    let mut wanted = 0;
    for index in 1..=prepared.parameter_count() {
        let number = prepared
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok())
            .filter(|number| *number > 0)
            .ok_or_else(|| Error::Invalid("write $1, $2, … for the parameters of a statement".to_owned()))?;
        wanted = wanted.max(number);
        if let Some(value) = given.get(number - 1) {
            prepared.raw_bind_parameter(index, value).map_err(explain)?;
        }
    }
    statement.check_count(wanted)
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

/// A query's rows, as they are read.
pub(super) struct Reading<'a> {
    columns: Vec<(String, bool)>,
    rows: Rows<'a>,
    batch: Batch<'a>,
    limits: &'a Limits,
    path: &'a Path,
}

impl<'a> Reading<'a> {
    pub(super) fn new(prepared: &'a mut rusqlite::Statement<'_>, limits: &'a Limits, path: &'a Path) -> Self {
        let boolean = |declared: Option<&str>| declared.is_some_and(|ty| ty.eq_ignore_ascii_case("boolean"));
        let columns = prepared.columns();
        let columns = columns.map(|column| (column.name().to_owned(), boolean(column.decl_type()))).collect();
        Self { columns, rows: prepared.raw_query(), batch: Batch::new(limits), limits, path }
    }

    pub(super) fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The next rows, and whether there may be more.
    pub(super) fn batch(&mut self) -> Result<(Vec<Row>, bool)> {
        while !self.batch.is_full() {
            let next = self.rows.next().map_err(|error| explain_of(self.path, self.limits, error))?;
            let Some(row) = next else { return Ok((self.batch.take(), false)) };
            let mut values = Row::with_capacity(self.columns.len());
            for (index, (name, boolean)) in self.columns.iter().enumerate() {
                values.push(value(row.get_ref(index).map_err(explain)?, name, *boolean)?);
            }
            self.batch.add(values)?;
        }
        Ok((self.batch.take(), true))
    }
}

fn value(value: ValueRef<'_>, column: &str, boolean: bool) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value @ 0..=1) if boolean => Value::Boolean(value == 1),
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(
            std::str::from_utf8(text)
                .map_err(|_| Error::Other(format!("the text in column {column} is not UTF-8")))?
                .to_owned(),
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}
