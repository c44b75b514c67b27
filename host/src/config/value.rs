//! A value that a handler is given: written out, or found in a secret's file or in a
//! variable of the server's environment.
//!
//! `"text"`, `{ secret = "NAME" }`, or `{ variable = "NAME" }`. A secret is a file of
//! that name in the folder `secrets`, as Kubernetes, Docker and systemd provide them.

use std::fmt;
use std::io;
use std::path::Path;

use super::fakes::Fakes;
use super::key::{Key, Table, Unset};
use super::reader::{Lookup, Section};
use crate::name::check_name;

/// The longest secret, in bytes.
const LONGEST: u64 = 64 << 10;

/// A value that is shown to nobody but the handler.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// The value itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

/// Where values come from that are not written out.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// The folder of the secrets.
    pub(crate) secrets: &'a Path,
    pub(crate) lookup: &'a Lookup,
    /// What stands in for both.
    pub(crate) fakes: Option<&'a Fakes>,
}

/// A value that is not written out.
pub(crate) static SECRETS: Table<()> = Table {
    header: "{ secret = \"NAME\" }",
    noun: "",
    intro: "What may be written in place of a string in `environment` and `config` of a handler, and as the `url` \
            of a bucket or a database, with one of these keys. It is read at start and by a reload.",
    example: r#"
[server]
handlers = "handlers"
secrets = "secrets"

[handlers.orders.config]
api_key = { secret = "orders-api-key" }
region = { variable = "REGION" }
"#,
    keys: &[
        Key::other(
            "secret",
            "the name of a file",
            Unset::Said("none"),
            "A file in the folder `secrets` of `[server]`, of 64 KiB at most; a line's end at its end does not count.",
        ),
        Key::other(
            "variable",
            "the name of a variable",
            Unset::Said("none"),
            "A variable of the server's environment.",
        ),
    ],
};

/// All keys of `section` with their values.
pub(crate) fn values(section: &Section<'_, '_>, sources: Sources<'_>) -> Vec<(String, Value)> {
    section.strings_or_tables_by_key(Value, |table| find(table, sources))
}

/// The value of `key`, where it is given.
pub(crate) fn value(section: &Section<'_, '_>, key: &str, sources: Sources<'_>) -> Option<Value> {
    section.string_or_table(key, Value, |table| find(table, sources))
}

/// What a table such as `{ secret = "NAME" }` leads to.
fn find(table: Section<'_, '_>, sources: Sources<'_>) -> Option<Value> {
    SECRETS.read(&table, &mut ());
    let (secret, variable) = (table.string("secret"), table.string("variable"));
    let value = match (secret, variable, sources.fakes) {
        (Some(secret), None, Some(fakes)) => Ok(fakes.secret(&secret)),
        (None, Some(variable), Some(fakes)) => Ok(fakes.variable(&variable)),
        (Some(secret), None, None) => read_secret(sources.secrets, &secret),
        (None, Some(variable), None) => (sources.lookup)(&variable).ok_or_else(|| {
            format!(
                "the variable {variable} is not set in the server's environment; set it, or write the value"
            )
        }),
        _ => Err("write { secret = \"NAME\" } or { variable = \"NAME\" }".to_owned()),
    };
    value.map_err(|problem| table.problem(problem)).ok().map(Value)
}

/// A line's end at the end of the file is not part of the secret.
fn read_secret(folder: &Path, name: &str) -> Result<String, String> {
    check_name("a secret", name)?;
    let path = folder.join(name);
    let read = || -> io::Result<String> {
        let bytes = patchboard_files::read(&path, LONGEST)?;
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    };
    let mut text = read().map_err(|error| {
        format!("cannot read the secret {}: {error}; see `secrets` in [server]", path.display())
    })?;
    let length = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
    text.truncate(length.unwrap_or(text.len()));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_from_their_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, expected) in
            [("a", "s3cret\n", "s3cret"), ("b", "two\nlines\r\n", "two\nlines"), ("c.d-e_f", "", "")]
        {
            std::fs::write(folder.path().join(name), content).unwrap();
            assert_eq!(read_secret(folder.path(), name).as_deref(), Ok(expected));
        }
        for name in ["../a", "/etc/passwd", ".", "..", ".hidden", "a/b"] {
            assert!(read_secret(folder.path(), name).unwrap_err().contains("the name of a secret"), "{name}");
        }
        let error = read_secret(folder.path(), "none").unwrap_err();
        assert!(error.contains("none") && error.contains("`secrets`"), "{error}");
        std::fs::write(folder.path().join("long"), vec![b'x'; LONGEST as usize + 1]).unwrap();
        assert!(read_secret(folder.path(), "long").unwrap_err().contains("longer"));
    }

    #[test]
    fn a_value_is_not_shown() {
        let value = Value("s3cret".to_owned());
        assert!(!format!("{value:?}").contains("s3cret"));
        assert_eq!(value.reveal(), "s3cret");
    }
}
