//! What SQLite says, in terms that both databases share.

use rusqlite::{ErrorCode, ffi};

use crate::{ConstraintKind, Error};

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
        ErrorCode::TooBig => Error::TooLarge("a value is larger than query_bytes".to_owned()),
        ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::ParameterOutOfRange => Error::Invalid(text),
        ErrorCode::AuthorizationForStatementDenied => {
            Error::Invalid(format!("{text}: it reaches outside this database"))
        }
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
