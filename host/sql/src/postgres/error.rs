//! What PostgreSQL and its pool say, in terms that both databases share.

use deadpool::managed::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use crate::{ConstraintKind, Error};

/// How the text begins of what may be wrong with how many parameters a statement has.
pub(super) const PARAMETERS: &str =
    "the parameters of the statement and the values that were given do not fit";

/// Why no connection came out of the pool.
pub(super) fn no_connection(error: PoolError<tokio_postgres::Error>) -> Error {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => Error::busy(),
        PoolError::Timeout(_) => {
            Error::Unavailable("the database server did not answer within wait_timeout".to_owned())
        }
        PoolError::Backend(error) => {
            let remedy = match error.code().and_then(|code| code.code().get(..2)) {
                Some("28" | "3D") => "; correct the user, the password or the database in `url`",
                _ => "",
            };
            Error::Unavailable(format!("cannot connect to the database: {}{remedy}", text(&error)))
        }
        other => Error::Unavailable(format!("cannot connect to the database: {other}")),
    }
}

/// What the server says, or what keeps it from saying something.
pub(super) fn text(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return match error.detail() {
            Some(detail) => format!("{}: {detail}", error.message()),
            None => error.message().to_owned(),
        };
    }
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What the server says, in terms that both databases share.
pub(super) fn explain(error: &tokio_postgres::Error) -> Error {
    let text = text(error);
    let Some(code) = error.code() else {
        return if error.is_closed() || is_io(error) {
            Error::Unavailable(format!("the connection to the database was lost: {text}"))
        } else {
            Error::Invalid(text)
        };
    };
    let constraint = |kind| Error::Constraint { kind, message: text.clone() };
    match *code {
        SqlState::UNIQUE_VIOLATION => constraint(ConstraintKind::Unique),
        SqlState::FOREIGN_KEY_VIOLATION => constraint(ConstraintKind::ForeignKey),
        SqlState::NOT_NULL_VIOLATION => constraint(ConstraintKind::NotNull),
        SqlState::CHECK_VIOLATION => constraint(ConstraintKind::Check),
        SqlState::QUERY_CANCELED => Error::statement_timeout(),
        SqlState::INDETERMINATE_DATATYPE | SqlState::PROTOCOL_VIOLATION => {
            Error::Invalid(format!("{PARAMETERS}: {text}"))
        }
        // A function has kept a plan of what another session has changed.
        SqlState::FEATURE_NOT_SUPPORTED if is_stale(error) => Error::Conflict(text),
        _ => match code.code().get(..2) {
            Some("23") => constraint(ConstraintKind::Other),
            Some("40") => Error::Conflict(text),
            Some("0A" | "21" | "22" | "2B" | "42" | "44") => Error::Invalid(text),
            Some("08" | "57" | "58") => Error::Unavailable(text),
            Some("53" | "54") => Error::TooLarge(text),
            _ => Error::Other(text),
        },
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Whether a plan that was kept does no longer fit; the routine is the same in all languages.
pub(super) fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().and_then(DbError::routine) == Some("RevalidateCachedQuery")
}
