//! Databases: what a handler holds of them.

#![allow(unreachable_pub, reason = "the generated bindings export the types of resources")]

mod held;
pub(super) mod host;

pub(in crate::handlers) use self::held::End;
pub use self::held::{Cursor, Held, Transaction};
