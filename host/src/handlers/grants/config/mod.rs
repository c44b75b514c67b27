//! `wasi:config`: the values that the operator has given a handler.
//!
//! They are those of the version of the handler: a reload of the configuration, which
//! reads secrets and variables anew, makes another version where one has changed.

pub(super) mod host;
pub(crate) mod keys;

use super::grant::{Grant, Grantee};
use crate::config::value::Value;

/// The values, by key.
pub(in crate::handlers) struct Values(Vec<(String, Value)>);

impl Grant for Values {
    const IMPORTS: &'static [&'static str] = &["wasi:config/"];
    type Shared = ();

    fn grant(to: &Grantee<'_>, _: &()) -> Self {
        Self(to.config.config.values.clone())
    }
}
