//! Databases: what a handler was granted of them, and what it holds.

#![allow(unreachable_pub, reason = "the generated bindings export the types of resources")]

mod held;
pub(super) mod host;
pub(crate) mod keys;

use std::sync::Arc;

use patchboard_sql::Databases;

use super::grant::{Grant, Grantee, Wanted, begins_with_any};

pub(in crate::handlers) use self::held::End;
pub use self::held::{Cursor, Held, Transaction};

/// The databases that a handler was granted.
pub(in crate::handlers) struct Granted {
    names: Vec<String>,
    /// All that are open.
    open: Arc<Databases>,
}

impl Grant for Granted {
    const IMPORTS: &'static [&'static str] = &["patchboard:handler/sql@"];

    fn check(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list(|name| begins_with_any(name, Self::IMPORTS)).filter(|_| wanted.config.sql.names.is_empty()) {
            Some(list) => Err(wanted.not_granted(&list, &format!("sql = \"{}\"", wanted.handler))),
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>) -> Self {
        Self { names: to.config.sql.names.clone(), open: to.shared.databases.clone() }
    }
}
