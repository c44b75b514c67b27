//! Folders that a configuration names.

use std::path::Path;

/// How a folder is not there.
pub(crate) fn absent(dir: &Path) -> &'static str {
    match dir.exists() {
        true => "is a file",
        false => "does not exist",
    }
}
