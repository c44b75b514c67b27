//! `[blob.NAME]`: where the blob folder NAME is, its limits, and their defaults; and which
//! folders a handler is granted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use patchboard_blob::{FolderConfig, Limits};

use crate::config::key::{Key, Table, Unset};
use crate::config::reader::Section;
use crate::handlers::grants::grants_config::{Configured, Context, Visit};
use crate::name::check_name;

/// The folders of a handler, and how many operations it may have under way at once, on all
/// cores together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) folders: Vec<FolderConfig>,
    pub(super) calls: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { folders: Vec::new(), calls: 256 }
    }
}

/// What the key `blob` is.
const FOLDERS: &str = "the name of a folder such as \"uploads\", or { name = \"uploads\", read_only = true }, or a list of them";

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[Key::other(
        "blob",
        FOLDERS,
        Unset::Said("none"),
        "The blob folders that it may use; none needs a table `[blob.NAME]`.",
    )];
    const LIMITS: &'static [Key<Self>] = &[Key::count(
        "blob_calls",
        1,
        |c| &mut c.calls,
        "Objects that are put or read, and other blob operations, at once; further ones wait.",
    )];
    const TABLES: Option<&'static str> = Some("blob");
    type Tables = Folders;

    fn tables(section: &Section<'_, '_>, context: &Context<'_>) -> Folders {
        folders(section, context)
    }

    fn read(&mut self, section: &Section<'_, '_>, context: &Context<'_>, tables: &Folders) {
        self.folders = granted(section, context, tables);
    }

    fn fake(&mut self, folder: &Path) {
        self.folders.iter_mut().for_each(|own| own.dir = folder.join("blob").join(&own.name));
    }

    fn unused<'a>(tables: &'a Self::Tables, granted: &[&Self]) -> Vec<&'a str> {
        let is_used =
            |name: &str| granted.iter().any(|of| of.folders.iter().any(|folder| folder.name == name));
        tables.keys().map(String::as_str).filter(|name| !is_used(name)).collect()
    }

    fn visit_tables(visit: &mut impl Visit) {
        visit.table(&FOLDER);
    }
}

/// Folders that are configured, by name.
pub(crate) type Folders = BTreeMap<String, FolderConfig>;

/// What is written of a folder.
#[derive(Debug, PartialEq)]
pub(crate) struct Written {
    limits: Limits,
    timeout: Duration,
}

impl Default for Written {
    fn default() -> Self {
        Self { limits: Limits::default(), timeout: Duration::from_secs(30) }
    }
}

/// `[blob.NAME]`.
pub(crate) static FOLDER: Table<Written> = Table {
    header: "[blob.NAME]",
    noun: "",
    intro: "The blob folder `NAME`, which all handlers share that are granted it by `blob`. Each object in it is \
            a file. Without a table it has the defaults.",
    example: r#"
[blob.uploads]
object_bytes = "1GiB"
folder_bytes = "20GiB"

[blob.pictures]
dir = "pictures"
"#,
    keys: &[
        Key::other(
            "dir",
            "a folder such as \"uploads\"",
            Unset::Said("`blob/NAME` in the folder `data`"),
            "Where its objects are; made when needed. It is this server's alone.",
        ),
        Key::bytes("object_bytes", 1, |w| &mut w.limits.object_bytes, "The largest object."),
        Key::bytes(
            "folder_bytes",
            1,
            |w| &mut w.limits.folder_bytes,
            "All objects together, with those that are being put; at least `object_bytes`.",
        ),
        Key::count(
            "folder_objects",
            1,
            |w| &mut w.limits.folder_objects,
            "How many objects there may be, with those that are being put.",
        ),
        Key::timeout(
            "timeout",
            |w| &mut w.timeout,
            "How long a step may take: the wait for a place, a look-up, a read, a write.",
        ),
    ],
};

/// The tables of `[blob]`.
fn folders(section: &Section<'_, '_>, context: &Context<'_>) -> Folders {
    let mut folders = Folders::new();
    for (name, table) in section.entries() {
        check_name("a blob folder", &name).unwrap_or_else(|problem| table.problem(problem));
        let mut written = Written::default();
        FOLDER.read(&table, &mut written);
        if written.limits.folder_bytes < written.limits.object_bytes {
            table.problem("folder_bytes must be at least object_bytes, which one object may have");
        }
        let mut config = folder(&name, written, context);
        if let Some(dir) = table.string("dir") {
            config.dir = context.folder.join(dir);
        }
        // What the one counts the other would not.
        let overlaps =
            |other: &&FolderConfig| other.dir.starts_with(&config.dir) || config.dir.starts_with(&other.dir);
        if let Some(other) = folders.values().find(overlaps) {
            table.problem(format!("the folder is that of [blob.{}], or one is in the other", other.name));
        }
        folders.insert(name, config);
    }
    folders
}

/// The folders that `blob` of a handler names; those without a table have defaults.
fn granted(section: &Section<'_, '_>, context: &Context<'_>, folders: &Folders) -> Vec<FolderConfig> {
    let checked = |name: &str| check_name("a blob folder", name).map(|()| name.to_owned());
    let of_table = |table: Section<'_, '_>| {
        table.report_unknown(&["name", "read_only"]);
        if !table.has("name") {
            table.problem("a blob folder needs `name`");
        }
        let writable = !table.boolean("read_only").unwrap_or(false);
        Some((table.parse("name", "the name of a folder", checked)?, writable))
    };
    let of_text = |name: &str| checked(name).map(|name| (name, true));
    let mut granted = Vec::<FolderConfig>::new();
    for (name, writable) in section.list_or_tables("blob", FOLDERS, of_text, of_table).unwrap_or_default() {
        if granted.iter().any(|folder| folder.name == name) {
            section.problem(format!("blob: `{name}` is there twice"));
            continue;
        }
        let config = folders.get(&name).cloned();
        let config = config.unwrap_or_else(|| folder(&name, Written::default(), context));
        granted.push(FolderConfig { writable, ..config });
    }
    granted
}

fn folder(name: &str, Written { limits, timeout }: Written, context: &Context<'_>) -> FolderConfig {
    let dir = context.data_dir.join("blob").join(name);
    FolderConfig { name: name.to_owned(), dir, limits, timeout, writable: true }
}
