//! The SQL databases of handlers: SQLite, embedded, and PostgreSQL.
//!
//! In: statements with their parameters, from any thread. Out: rows, a batch at a
//! time. [`Databases`] has all that are open. A [`Database`] brings its schema up to date and keeps connections; what is
//! asked of one goes to it through a `session`, which ends when its other side is
//! dropped: a transaction that nobody holds any more is rolled back.
//!
//! Nothing here knows of WebAssembly, so that the databases are tested by themselves.

mod batch;
mod config;
mod database;
mod databases;
mod error;
mod migrations;
mod postgres;
mod session;
mod sqlite;
mod start;
mod statement;
mod trial;

pub use config::{Backend, DatabaseConfig, Limits, PostgresUrl};
pub use database::Database;
pub use databases::{Databases, Opened, Wrong};
pub use error::{ConstraintKind, Error};
pub use migrations::{Migration, read as read_migrations};
pub use session::{Cursor, Rows, Transaction};
pub use sqlite::copy_sqlite;
pub use start::{PATIENCE, Start};
pub use statement::{Row, Statement, Value};
pub use trial::Trial;

/// What comes of a statement.
pub type Result<T> = std::result::Result<T, Error>;
