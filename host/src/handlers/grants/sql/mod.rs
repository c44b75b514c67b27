//! Databases: what a handler was granted of them, and what it holds.

pub(super) mod host;
pub(crate) mod keys;
mod shared;

use std::sync::Arc;

use patchboard_sql::{self as db, Databases};

use super::grant::{Grant, Grantee, Wanted, begins_with_any};
use super::held::Held;

/// A transaction, until it or its call has ended.
pub(super) type Transaction = Held<db::Transaction>;
/// The unread rows of a query, until they or their call have ended.
pub(super) type Cursor = Held<db::Cursor>;

/// The databases that a handler was granted.
pub(in crate::handlers) struct Granted {
    names: Vec<String>,
    /// All that are open.
    open: Arc<Databases>,
}

impl Grant for Granted {
    const IMPORTS: &'static [&'static str] = &["patchboard:handler/sql@", "patchboard:handler/sql-futures@"];
    type Shared = Arc<Databases>;

    fn check(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted
            .list(|name| begins_with_any(name, Self::IMPORTS))
            .filter(|_| wanted.config.sql.names.is_empty())
        {
            Some(list) => Err(wanted.not_granted(&list, &format!("sql = \"{}\"", wanted.handler))),
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>, shared: &Arc<Databases>) -> Self {
        Self { names: to.config.sql.names.clone(), open: shared.clone() }
    }
}
