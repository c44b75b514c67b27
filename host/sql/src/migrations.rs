//! The migrations of a database: SQL files of a folder, applied once each, in the
//! order of their names.
//!
//! Which ones have been applied is kept in the table `patchboard_migrations` of the
//! database itself, with a digest of each, so that one that was edited afterwards is
//! found instead of being passed over.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The table that remembers them, in SQL that both databases understand.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS patchboard_migrations (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)";
pub(crate) const APPLIED: &str = "SELECT name, digest FROM patchboard_migrations ORDER BY name";
pub(crate) const REMEMBER: &str = "INSERT INTO patchboard_migrations (name, digest) VALUES ($1, $2)";

/// The longest file, in bytes.
const LONGEST: u64 = 16 << 20;

/// A file of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) digest: String,
}

/// The migrations of `folder`: its files whose names end in `.sql`.
///
/// # Errors
///
/// Names the file or folder that cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Migration>, String> {
    let fail = |path: &Path, error: &dyn std::fmt::Display| {
        format!("cannot read the migrations {}: {error}", path.display())
    };
    let mut migrations = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| fail(folder, &error))? {
        let path = entry.map_err(|error| fail(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.ends_with(".sql") || name.starts_with('.') {
            continue;
        }
        let sql = patchboard_files::read(&path, LONGEST).map_err(|error| fail(&path, &error))?;
        let sql = String::from_utf8(sql).map_err(|_| fail(&path, &"it is not UTF-8"))?;
        migrations.push(Migration::new(name, sql));
    }
    migrations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(migrations)
}

impl Migration {
    /// The migration `name`.
    pub fn new(name: &str, sql: String) -> Self {
        let digest = Sha256::digest(&sql).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { name: name.to_owned(), sql, digest }
    }
}

/// The line of a byte of `sql`, as a text that says where.
pub(crate) fn line(sql: &str, byte: usize) -> String {
    let before = sql.as_bytes().get(..byte).unwrap_or_default();
    format!(" in line {}", 1 + before.iter().filter(|byte| **byte == b'\n').count())
}

/// Those of `all` that are not yet `applied`.
///
/// # Errors
///
/// If one was changed after it had been applied, or comes before one that was.
pub(crate) fn pending<'a>(
    all: &'a [Migration],
    applied: &[(String, String)],
) -> Result<Vec<&'a Migration>, String> {
    let last = applied.last().map(|(name, _)| name);
    let mut pending = Vec::new();
    for migration in all {
        let Migration { name, digest, .. } = migration;
        match applied.iter().find(|(applied, _)| applied == name) {
            Some((_, applied)) if applied == digest => {}
            Some(_) => {
                return Err(format!(
                    "migration {name} was changed after it had been applied; restore it, and add another"
                ));
            }
            None if last.is_some_and(|last| name < last) => {
                return Err(format!(
                    "migration {name} would come before others that were applied; give it a later name"
                ));
            }
            None => pending.push(migration),
        }
    }
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["002_b.sql", "001_a.sql", "010_c.sql", "README.md", ".003.sql"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let names: Vec<_> =
            read(folder.path()).unwrap().into_iter().map(|migration| migration.name).collect();
        assert_eq!(names, ["001_a.sql", "002_b.sql", "010_c.sql"]);
        let error = read(&folder.path().join("none")).unwrap_err();
        assert!(error.contains("none"), "{error}");
    }

    #[test]
    fn what_is_pending() {
        let all = [Migration::new("1", "a".into()), Migration::new("2", "b".into())];
        let applied = |migration: &Migration| (migration.name.clone(), migration.digest.clone());
        let names = |applied: &[_]| {
            pending(&all, applied).map(|all| all.iter().map(|one| &*one.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]), Ok(vec!["1", "2"]));
        assert_eq!(names(&[applied(&all[0])]), Ok(vec!["2"]));
        assert_eq!(names(&[applied(&all[0]), applied(&all[1])]), Ok(vec![]));
        assert!(names(&[("1".into(), "other".into())]).unwrap_err().contains("was changed"));
        assert!(names(&[applied(&all[1])]).unwrap_err().contains("would come before"));
    }
}
