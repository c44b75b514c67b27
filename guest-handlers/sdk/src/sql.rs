//! SQL databases that the operator has granted this handler: SQLite or PostgreSQL.
//!
//! The grant is in the server's configuration, `sql = "notes"` in `[handlers.NAME]`.
//! Write `$1`, `$2`, … for parameters: they are never read as SQL. A row becomes
//! whatever type implements [`Deserialize`](serde::Deserialize): a struct by the names
//! of the columns, a tuple by their order, or a single value.
//!
//! ```
//! use patchboard::{Json, Path, get, sql};
//! # use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, Serialize)]
//! struct Note {
//!     id: i64,
//!     text: String,
//! }
//!
//! #[get("/notes/{author}")]
//! async fn notes(Path(author): Path<String>) -> sql::Result<Json<Vec<Note>>> {
//!     let notes = sql::open("notes")?.query("SELECT id, text FROM notes WHERE author = $1");
//!     Ok(Json(notes.bind(author).all().await?))
//! }
//!
//! /// Both or none.
//! async fn give(from: i64, to: &str) -> sql::Result<()> {
//!     let transaction = sql::open("notes")?.begin().await?;
//!     transaction.query("UPDATE notes SET author = $1 WHERE id = $2").bind(to).bind(from).execute().await?;
//!     transaction.query("INSERT INTO gifts (note) VALUES ($1)").bind(from).execute().await?;
//!     transaction.commit().await
//! }
//! # async fn test() -> sql::Result<()> {
//! # patchboard::testing::set_database(
//! #     "notes",
//! #     "CREATE TABLE notes (id INTEGER PRIMARY KEY, author TEXT, text TEXT);
//! #      CREATE TABLE gifts (note INTEGER)",
//! # );
//! # let database = sql::open("notes")?;
//! # let insert = database.query("INSERT INTO notes (author, text) VALUES ($1, $2) RETURNING id");
//! # let id: i64 = insert.bind("ann").bind("hello").one().await?;
//! # give(id, "bob").await?;
//! # assert_eq!(notes(Path("bob".to_owned())).await?.0.len(), 1);
//! # assert_eq!(notes(Path("ann".to_owned())).await?.0.len(), 0);
//! # let (count, note): (i64, i64) = database.query("SELECT count(*), max(note) FROM gifts").one().await?;
//! # assert_eq!((count, note), (1, id));
//! # Ok(())
//! # }
//! # futures_executor::block_on(test()).unwrap();
//! ```
//!
//! An [`Error`] is a response as well: 503 where the database is unavailable, 500
//! otherwise, and the details go to the log alone.
//!
//! In unit tests, [`testing::set_database`](crate::testing::set_database) makes one.

mod error;
mod row;
mod value;

#[cfg(target_family = "wasm")]
#[path = "sql/component.rs"]
mod backend;
#[cfg(not(target_family = "wasm"))]
#[path = "sql/native.rs"]
pub(crate) mod backend;
#[cfg(target_family = "wasm")]
mod bindings;

use serde::de::DeserializeOwned;
use std::rc::Rc;

pub use self::error::{ConstraintKind, Error, Result};
pub use self::value::Value;

/// A database. See [`open`].
#[derive(Clone, Debug)]
pub struct Database(Rc<backend::Database>);

/// A transaction, in which all is done or nothing.
///
/// It is rolled back when it is dropped, when its call ends, and by the first statement
/// of it that fails. It has a connection to itself, so it should be short.
#[derive(Debug)]
pub struct Transaction(backend::Transaction);

/// A statement and its parameters, to be run by one of its methods.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is executed"]
pub struct Query<'a> {
    on: On<'a>,
    sql: &'a str,
    parameters: Vec<Value>,
}

#[derive(Debug)]
enum On<'a> {
    Database(Rc<backend::Database>),
    Transaction(&'a backend::Transaction),
}

/// The rows of a query, one after the other, without all being in memory at once.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<String>,
    rows: std::vec::IntoIter<Vec<Value>>,
    rest: Option<backend::Cursor>,
}

/// The database that is granted under `name`.
///
/// # Errors
///
/// If none is.
pub fn open(name: &str) -> Result<Database> {
    backend::Database::open(name).map(|database| Database(Rc::new(database)))
}

impl Database {
    /// The statement `sql`, a transaction of its own.
    pub fn query<'a>(&self, sql: &'a str) -> Query<'a> {
        Query { on: On::Database(self.0.clone()), sql, parameters: Vec::new() }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// If no connection can be had.
    pub async fn begin(&self) -> Result<Transaction> {
        self.0.begin().await.map(Transaction)
    }
}

impl Transaction {
    /// The statement `sql`, in this transaction.
    pub fn query<'a>(&'a self, sql: &'a str) -> Query<'a> {
        Query { on: On::Transaction(&self.0), sql, parameters: Vec::new() }
    }

    /// Makes it permanent: once this returns without an error, it is durable.
    ///
    /// # Errors
    ///
    /// If a statement of it has failed, or the database has.
    pub async fn commit(self) -> Result<()> {
        self.0.commit().await
    }

    /// Undoes it.
    ///
    /// # Errors
    ///
    /// If it had ended already.
    pub async fn rollback(self) -> Result<()> {
        self.0.rollback().await
    }
}

impl Query<'_> {
    /// Gives the next parameter its value; the first is `$1`.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.parameters.push(value.into());
        self
    }

    /// Runs it; gives the number of rows it has changed.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn execute(self) -> Result<u64> {
        let Self { on, sql, parameters } = self;
        match on {
            On::Database(database) => database.execute(sql, parameters).await,
            On::Transaction(transaction) => transaction.execute(sql, parameters).await,
        }
    }

    /// Runs it, for its rows one after the other.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database.
    pub async fn rows(self) -> Result<Rows> {
        let Self { on, sql, parameters } = self;
        let (columns, rows, rest) = match on {
            On::Database(database) => database.query(sql, parameters).await?,
            On::Transaction(transaction) => transaction.query(sql, parameters).await?,
        };
        Ok(Rows { columns, rows: rows.into_iter(), rest })
    }

    /// Runs it, for all its rows.
    ///
    /// # Errors
    ///
    /// What is wrong with the statement or the database, or a row that is no `T`.
    pub async fn all<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        let mut rows = self.rows().await?;
        let mut all = Vec::with_capacity(rows.rows.len());
        while let Some(row) = rows.next().await? {
            all.push(row);
        }
        Ok(all)
    }

    /// Runs it, for its first row.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub async fn optional<T: DeserializeOwned>(self) -> Result<Option<T>> {
        self.rows().await?.next().await
    }

    /// Runs it, for its first row, which has to be there.
    ///
    /// # Errors
    ///
    /// Likewise, and if there is none.
    pub async fn one<T: DeserializeOwned>(self) -> Result<T> {
        let sql = self.sql;
        let none = || Error::Invalid(format!("`{sql}` has no rows"));
        self.optional().await?.ok_or_else(none)
    }
}

impl Rows {
    /// The next row.
    ///
    /// # Errors
    ///
    /// If it cannot be had, or is no `T`.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(row) = self.rows.next() {
                return row::read(&self.columns, row).map(Some);
            }
            let Some(rest) = &mut self.rest else { return Ok(None) };
            let batch = rest.next().await?;
            if batch.is_empty() {
                self.rest = None;
            }
            self.rows = batch.into_iter();
        }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
}
