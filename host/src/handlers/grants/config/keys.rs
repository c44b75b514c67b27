//! `config` of a handler.

use crate::config::key::{Key, Unset};
use crate::config::reader::Section;
use crate::config::value::{Value, values};
use crate::handlers::grants::grants_config::{Configured, Context};

/// Values by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) values: Vec<(String, Value)>,
}

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[Key::other(
        "config",
        "a table of strings, or of secrets",
        Unset::Said("none"),
        "Its values of `wasi:config`.",
    )];
    type Tables = ();

    fn read(&mut self, section: &Section<'_, '_>, context: &Context<'_>, (): &()) {
        self.values = values(&section.section("config"), context.sources);
    }
}
