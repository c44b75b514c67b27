//! What projects and handlers are made of: files with `@name@` and the like in them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use toml::Table;

use crate::folder::write;
use crate::python::package;
use crate::sdk;

/// What a new handler begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// One route that answers with a text
    Hello,
    /// Items as JSON, in a key-value bucket
    Api,
    /// A page, a form, a database and a style sheet
    Site,
    /// Files of any size, kept and given back
    Upload,
    /// Server-sent events, and a page that shows them
    Sse,
}

/// Files, with what they say.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($to:literal = $from:literal,)*) => {
        &[$(($to, include_str!(concat!("../templates/", $folder, "/", $from))),)*]
    };
}

/// A project without handlers, but for its `Cargo.lock`.
const PROJECT: Files = files! { "project":
    ".gitignore" = "gitignore.txt",
    "Cargo.toml" = "manifest.toml",
    "README.md" = "readme.txt",
    "handlers/.gitignore" = "handlers.gitignore.txt",
    "patchboard.toml" = "patchboard.toml",
};

/// A project of handlers in Python, without one.
const PYTHON_PROJECT: Files = &[
    (".gitignore", include_str!("../templates/python/gitignore.txt")),
    ("README.md", include_str!("../templates/python/readme.txt")),
    ("handlers/.gitignore", include_str!("../templates/project/handlers.gitignore.txt")),
    ("patchboard.toml", include_str!("../templates/project/patchboard.toml")),
    ("pyrightconfig.json", include_str!("../templates/python/pyrightconfig.json")),
];

/// A handler in Python.
const PYTHON: Files = &[
    ("server.py", include_str!("../templates/python/server.py")),
    ("requirements.txt", include_str!("../templates/python/requirements.txt")),
    ("tests/@name@.http", include_str!("../templates/hello/http.txt")),
];

impl Template {
    fn files(self) -> Files {
        match self {
            Self::Hello => files! { "hello":
                "Cargo.toml" = "manifest.toml", "src/lib.rs" = "lib.rs", "tests/@name@.http" = "http.txt",
            },
            Self::Api => files! { "api":
                "Cargo.toml" = "manifest.toml", "src/lib.rs" = "lib.rs", "tests/@name@.http" = "http.txt",
            },
            Self::Site => files! { "site":
                "Cargo.toml" = "manifest.toml",
                "migrations/001_notes.sql" = "migrations/001_notes.sql",
                "src/lib.rs" = "lib.rs",
                "src/notes.html" = "notes.html",
                "static/site.css" = "static/site.css",
                "tests/@name@.http" = "http.txt",
            },
            Self::Upload => files! { "upload":
                "Cargo.toml" = "manifest.toml",
                "src/form.html" = "form.html",
                "src/lib.rs" = "lib.rs",
                "tests/@name@.http" = "http.txt",
            },
            Self::Sse => files! { "sse":
                "Cargo.toml" = "manifest.toml",
                "src/lib.rs" = "lib.rs",
                "src/page.html" = "page.html",
                "tests/@name@.http" = "http.txt",
            },
        }
    }

    /// What the handler needs in `patchboard.toml`; nothing where it needs nothing.
    fn configuration(self) -> &'static str {
        match self {
            Self::Hello => "",
            Self::Api => include_str!("../templates/api/patchboard.toml"),
            Self::Site => include_str!("../templates/site/patchboard.toml"),
            Self::Upload => include_str!("../templates/upload/patchboard.toml"),
            Self::Sse => include_str!("../templates/sse/patchboard.toml"),
        }
    }

    /// The name that `--template` has for it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What stands in the places of a template.
pub(crate) struct Places<'a> {
    /// The handler's name.
    pub(crate) name: &'a str,
    /// What its paths begin with: nothing, or a slash and a name.
    pub(crate) base: String,
}

impl Places<'_> {
    fn fill(&self, text: &str) -> String {
        let root = if self.base.is_empty() { "/" } else { &self.base };
        text.replace("@name@", self.name)
            .replace("@base@", &self.base)
            .replace("@root@", root)
            .replace("@sdk@", &sdk::folder())
            .replace("@package@", &package::folder())
            .replace("@version@", sdk::VERSION)
            .replace("@rust@", env!("CARGO_PKG_RUST_VERSION"))
            .replace("@repository@", env!("CARGO_PKG_REPOSITORY"))
    }

    /// Writes a project without handlers to `folder`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put_project(&self, folder: &Path) -> Result<()> {
        self.put(PROJECT, folder)
    }

    /// Writes a handler to `folder`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put_handler(&self, template: Template, folder: &Path) -> Result<()> {
        self.put(template.files(), folder)
    }

    /// Writes a project of handlers in Python to `folder`, without one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put_python_project(&self, folder: &Path) -> Result<()> {
        self.put(PYTHON_PROJECT, folder)
    }

    /// Writes a handler in Python to `folder`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn put_python(&self, folder: &Path) -> Result<()> {
        self.put(PYTHON, folder)
    }

    fn put(&self, files: Files, folder: &Path) -> Result<()> {
        files.iter().try_for_each(|(file, text)| write(&folder.join(self.fill(file)), &self.fill(text)))
    }

    /// What the handler needs in `patchboard.toml`.
    pub(crate) fn configuration(&self, template: Template) -> String {
        self.fill(template.configuration())
    }
}

/// The crates that a handler depends on, also for its tests.
///
/// # Errors
///
/// If its manifest is none, which the tests would have found.
pub(crate) fn dependencies(template: Template) -> Result<BTreeSet<String>> {
    let manifest =
        template.files().iter().find(|(file, _)| *file == "Cargo.toml").map_or("", |(_, text)| text);
    let manifest: Table = manifest.parse()?;
    let tables =
        ["dependencies", "dev-dependencies"].map(|key| manifest.get(key).and_then(toml::Value::as_table));
    Ok(tables.into_iter().flatten().flat_map(Table::keys).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_file_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut places: BTreeSet<String> = BTreeSet::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => _ = places.insert(fs::read_to_string(path).unwrap()),
                }
            }
        }
        let all = Template::value_variants().iter();
        let carried = all.flat_map(|template| {
            template.files().iter().map(|(_, text)| *text).chain([template.configuration()])
        });
        let carried: BTreeSet<_> = carried
            .chain([PROJECT, PYTHON_PROJECT, PYTHON].into_iter().flatten().map(|(_, text)| *text))
            .filter(|text| !text.is_empty())
            .collect();
        assert_eq!(carried, places.iter().map(String::as_str).collect());
    }

    #[test]
    fn all_places_are_filled() {
        for base in ["", "/shop"] {
            let places = Places { name: "shop", base: base.to_owned() };
            for template in Template::value_variants() {
                for (file, text) in PROJECT
                    .iter()
                    .chain(PYTHON_PROJECT)
                    .chain(template.files())
                    .chain([&("", template.configuration())])
                {
                    // In tests, `@` has a meaning of its own.
                    let filled = places.fill(text).replace("# @", "");
                    let places = filled.lines().filter(|line| !line.starts_with('@')).collect::<String>();
                    assert!(!places.contains('@'), "{template:?} {file}");
                }
                places.configuration(*template).parse::<Table>().unwrap();
            }
        }
    }
}
