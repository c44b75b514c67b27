//! A statement with its parameters, and the rows that come of it.
//!
//! Only statements that work on data and tables are let through. One that begins or
//! ends a transaction, or changes the connection, would reach into the next user's
//! work on it; so the first word decides, and what is not known is refused.

use crate::{Error, Limits, Result};

/// A value of a row, or of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false; SQLite has 1 and 0 for them.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number in floating point.
    Real(f64),
    /// Text, and whatever has no case of its own.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The values of a row, in the order of the columns.
pub type Row = Vec<Value>;

/// A statement with its parameters: `$1` is the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Value>,
}

/// The longest statement, in bytes.
const LONGEST: usize = 1 << 20;

/// The first words of statements that are let through.
const KNOWN: [&str; 20] = [
    "ALTER", "ANALYZE", "CALL", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "EXPLAIN", "INSERT", "MERGE",
    "REFRESH", "REINDEX", "REPLACE", "SELECT", "TABLE", "TRUNCATE", "UPDATE", "VALUES", "WITH",
];

/// Those that begin or end a transaction, for a better message.
const OF_TRANSACTIONS: [&str; 7] = ["BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"];

impl Statement {
    /// The statement `sql`.
    ///
    /// # Errors
    ///
    /// If its first word is none that a handler may use, or if it is too long.
    pub fn parse(sql: String, parameters: Vec<Value>) -> Result<Self> {
        if sql.len() > LONGEST {
            return Err(Error::TooLarge(format!(
                "the statement is longer than {LONGEST} bytes; give its values as parameters"
            )));
        }
        let word = first_word(&sql).to_ascii_uppercase();
        if KNOWN.contains(&&*word) {
            return Ok(Self { sql, parameters });
        }
        Err(Error::Invalid(if word.is_empty() {
            "the statement is empty".to_owned()
        } else if OF_TRANSACTIONS.contains(&&*word) {
            format!("{word} is not for statements; use begin, commit and rollback of the interface")
        } else {
            format!("statements that begin with {word} are not for handlers")
        }))
    }

    /// Whether its parameters are not too large together.
    pub(crate) fn check_bytes(&self, limits: &Limits) -> Result<()> {
        check_bytes(self.parameters.iter().map(Value::bytes).sum(), limits)
    }

    /// Whether it was given as many values as the database has found parameters.
    pub(crate) fn check_count(&self, wanted: usize) -> Result<()> {
        let given = self.parameters.len();
        if wanted == given {
            return Ok(());
        }
        Err(Error::Invalid(format!("the statement has {wanted} parameters, and {given} values were given")))
    }
}

impl Value {
    /// Roughly what it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let content = match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        (size_of::<Self>() + content) as u64
    }
}

/// Holds the size of a query's values, or of a statement's parameters, against the limit.
pub(crate) fn check_bytes(bytes: u64, limits: &Limits) -> Result<()> {
    if bytes > limits.query_bytes {
        return Err(Error::TooLarge("the values are larger than query_bytes".to_owned()));
    }
    Ok(())
}

/// The first word after white space, comments and opening parentheses.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = after_comment(comment);
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            return rest.get(..end).unwrap_or_default();
        }
    }
}

/// What comes after a comment that was opened. PostgreSQL nests comments and SQLite
/// does not; one with another in it ends the search, so that both agree.
fn after_comment(comment: &str) -> &str {
    match comment.split_once("*/") {
        Some((inside, after)) if !inside.contains("/*") => after,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Result<Statement> {
        Statement::parse(sql.to_owned(), Vec::new())
    }

    #[test]
    fn statements_on_data_and_tables_are_let_through() {
        for sql in [
            "SELECT 1",
            "  select 1",
            "-- why\nSELECT 1",
            "/* why */ (SELECT 1) UNION SELECT 2",
            "with a as (select 1) select * from a",
            "INSERT INTO a VALUES ($1)",
            "create table a (b int)",
        ] {
            assert!(parse(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn others_are_refused() {
        for (sql, word) in [
            ("BEGIN", "use begin"),
            ("commit", "use begin"),
            ("/**/ROLLBACK", "use begin"),
            (";; SAVEPOINT a", "use begin"),
            ("SET statement_timeout = 0", "SET"),
            ("PRAGMA synchronous = off", "PRAGMA"),
            ("ATTACH '/etc/passwd' AS a", "ATTACH"),
            ("COPY a TO PROGRAM 'sh'", "COPY"),
            ("LISTEN a", "LISTEN"),
            ("VACUUM INTO '/tmp/a'", "VACUUM"),
            ("", "empty"),
            ("-- only", "empty"),
            // What is a comment for one is not for the other.
            ("/* /* */ SELECT 1; */ COMMIT", "empty"),
        ] {
            let error = parse(sql).unwrap_err().to_string();
            assert!(error.contains(word), "{sql}: {error}");
        }
    }
}
