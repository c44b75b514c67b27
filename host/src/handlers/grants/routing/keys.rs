//! Nothing is to be configured of it.

use crate::handlers::grants::grants_config::Configured;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config;

impl Configured for Config {
    type Tables = ();
}
