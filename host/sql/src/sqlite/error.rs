//! What SQLite says, in terms that both databases share.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{ErrorCode, ffi};

use crate::{ConstraintKind, Error, Limits};

/// How often the log is told that a file has failed.
const SAID_AT_MOST: Duration = Duration::from_secs(60);

/// What was said of files, and when: it is one thing that is wrong, whichever of the connections
/// finds it.
static SAID: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

/// The error for whoever asked; the log is told where it is the file at `path` that has failed.
pub(super) fn explain_of(path: &Path, limits: &Limits, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    // The disk has room, where the limit was reached.
    let is_limit =
        || std::fs::metadata(path).is_ok_and(|file| file.len() + PAGES_BYTES > limits.database_bytes);
    if let Some(remedy) = remedy(code)
        && !(code == Some(ErrorCode::DiskFull) && is_limit())
    {
        let text = format!("the database {} has failed: {error}; {remedy}", path.display());
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|(_, at)| at.elapsed() < SAID_AT_MOST);
        if !said.iter().any(|(said, _)| *said == text) {
            tracing::error!("{text}");
            said.push((text, Instant::now()));
        }
    }
    explain(error)
}

/// What to do about a file that has failed.
pub(super) fn remedy(code: Option<ErrorCode>) -> Option<&'static str> {
    match code? {
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => {
            Some("restore it from a backup, or move it away to begin anew")
        }
        ErrorCode::DiskFull => Some("make room on its disk"),
        ErrorCode::SystemIoFailure => {
            Some("its disk is full or broken: make room there, or see the kernel's log")
        }
        _ => None,
    }
}

/// By which a file that is full may fall short of its limit.
const PAGES_BYTES: u64 = 64 << 10;

/// The error for whoever asked.
pub(super) fn explain(error: rusqlite::Error) -> Error {
    let text = error.to_string();
    let rusqlite::Error::SqliteFailure(failure, _) = &error else {
        return Error::Invalid(text);
    };
    match failure.code {
        ErrorCode::ConstraintViolation => {
            Error::Constraint { kind: kind(failure.extended_code), message: text }
        }
        ErrorCode::OperationInterrupted => Error::statement_timeout(),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Conflict(text),
        ErrorCode::DiskFull => {
            Error::TooLarge("the database is full, or as large as database_bytes allows".to_owned())
        }
        ErrorCode::TooBig => {
            Error::TooLarge("a value is larger than value_bytes, or than query_bytes".to_owned())
        }
        ErrorCode::OutOfMemory => Error::TooLarge("SQLite has no memory left for the statement".to_owned()),
        ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::ParameterOutOfRange => Error::Invalid(text),
        ErrorCode::AuthorizationForStatementDenied => Error::Invalid(format!(
            "{text}: it reaches outside this database, or would leave something on its connection"
        )),
        _ => Error::Other(text),
    }
}

fn kind(code: i32) -> ConstraintKind {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => ConstraintKind::Unique,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        _ => ConstraintKind::Other,
    }
}
