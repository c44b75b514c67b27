//! What a database is opened with.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::migrations::Migration;

/// A database, as the operator has described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// Where its data is.
    pub backend: Backend,
    /// What brings its schema up to date, in the order in which it is applied.
    pub migrations: Vec<Migration>,
    /// Its limits.
    pub limits: Limits,
}

/// Where the data of a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// What the statements of a database may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; those of SQLite that read, beside the one that writes.
    pub connections: u32,
    /// Statements and transactions that wait for a connection.
    pub queue: u32,
    /// How long one may wait there, and for a new connection.
    pub wait_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a transaction, or a query whose rows are not all read, may be open.
    pub transaction_timeout: Duration,
    /// The rows of one query.
    pub query_rows: u64,
    /// The values of one query's rows, or of one statement's parameters, in bytes.
    pub query_bytes: u64,
    /// One text or blob of a SQLite database, in bytes: functions work for as long as these
    /// are large, and cannot be interrupted.
    pub value_bytes: u64,
    /// The size of a SQLite database, in bytes.
    pub database_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8,
            queue: 1024,
            wait_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(10),
            query_rows: 100_000,
            query_bytes: 64 << 20,
            value_bytes: 4 << 20,
            database_bytes: 4 << 30,
        }
    }
}

/// `postgres://user:password@host/database?sslmode=require`; shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Box<tokio_postgres::Config>);

impl PostgresUrl {
    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.0
    }
}

impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated, since it may have a password in it.
        let example = "write a URL such as postgres://user@host/database";
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(example.to_owned());
        }
        let config: tokio_postgres::Config =
            text.parse().map_err(|error| format!("the URL of a PostgreSQL server: {error}; {example}"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("the URL of a PostgreSQL server has no host; {example}"));
        }
        Ok(Self(Box::new(config)))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        for (index, host) in self.0.get_hosts().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            match host {
                tokio_postgres::config::Host::Tcp(name) => f.write_str(name)?,
                tokio_postgres::config::Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            if let Some(port) = self.0.get_ports().get(index).or_else(|| self.0.get_ports().first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: PostgresUrl =
            "postgres://bob:s3cret@db.example.com:5433/app?sslmode=require".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.example.com:5433/app");
        assert_eq!(format!("{url:?}"), "PostgresUrl(postgres://db.example.com:5433/app)");
        for wrong in ["mysql://bob:s3cret@host", "postgres://", "postgres://bob:s3cret@host:port/x", "s3cret"]
        {
            let error = wrong.parse::<PostgresUrl>().unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
