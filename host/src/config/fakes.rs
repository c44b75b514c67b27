//! What stands in for what only a real server has, where a configuration is tested: its
//! secrets, the variables of its environment, and all that handlers keep.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a test has in their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fakes {
    /// Secrets by name. One that is not here is `fake NAME`.
    pub secrets: BTreeMap<String, String>,
    /// Variables by name. One that is not here is `fake NAME`.
    pub variables: BTreeMap<String, String>,
    /// An empty folder, for what handlers keep.
    pub folder: PathBuf,
}

impl Fakes {
    pub(super) fn secret(&self, name: &str) -> String {
        found(&self.secrets, name)
    }

    pub(super) fn variable(&self, name: &str) -> String {
        found(&self.variables, name)
    }
}

fn found(values: &BTreeMap<String, String>, name: &str) -> String {
    values.get(name).cloned().unwrap_or_else(|| format!("fake {name}"))
}
