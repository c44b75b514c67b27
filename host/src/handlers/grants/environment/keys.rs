//! `environment`, `folders` and `writable_folders` of a handler.

use std::path::{Path, PathBuf};

use crate::config::folder::absent;
use crate::config::key::{Key, Unset};
use crate::config::reader::Section;
use crate::config::value::{Value, values};
use crate::handlers::grants::grants_config::{Configured, Context};

/// Variables and folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) variables: Vec<(String, Value)>,
    pub(super) folders: Vec<FolderConfig>,
}

/// A folder that a handler is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderConfig {
    /// Its path in the guest, which begins with `/`.
    pub(super) path: String,
    /// The folder itself.
    pub(super) dir: PathBuf,
    /// Whether the guest may change it.
    pub(super) writable: bool,
}

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[
        Key::other(
            "environment",
            "a table of strings, or of secrets",
            Unset::Said("none"),
            "Its environment variables.",
        ),
        Key::other(
            "folders",
            "a table of folders, by their paths in the handler",
            Unset::Said("none"),
            "Folders that it may read, such as `{ \"/templates\" = \"templates\" }`; not with `isolation = \"shared\"`.",
        ),
        Key::other(
            "writable_folders",
            "a table of folders, by their paths in the handler",
            Unset::Said("none"),
            "Folders that it may read and change; likewise.",
        ),
    ];
    type Tables = ();

    fn fake(&mut self, folder: &Path) {
        for own in self.folders.iter_mut().filter(|own| own.writable) {
            own.dir = folder.join("folders").join(own.dir.display().to_string().replace('/', "-"));
            // Who is granted it says so where that has failed.
            std::fs::create_dir_all(&own.dir).ok();
        }
    }

    fn read(&mut self, section: &Section<'_, '_>, context: &Context<'_>, (): &()) {
        self.variables = values(&section.section("environment"), context.sources);
        self.folders = folders(section, context.folder);
    }
}

fn folders(section: &Section<'_, '_>, folder: &Path) -> Vec<FolderConfig> {
    let mut folders = Vec::new();
    for (key, writable) in [("folders", false), ("writable_folders", true)] {
        for (path, dir) in section.section(key).strings_by_key() {
            let dir = folder.join(dir);
            if !path.starts_with('/') {
                let wrong = format!("`{path}` is the guest's path and begins with `/`");
                section.problem_at(key, wrong);
            }
            if !dir.is_dir() {
                let dir = (dir.display(), absent(&dir));
                section.problem_at(
                    key,
                    format!("the folder {} {}; create it, or correct the path", dir.0, dir.1),
                );
            }
            folders.push(FolderConfig { path, dir, writable });
        }
    }
    folders
}
