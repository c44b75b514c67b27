//! A manifest of the repository's workspace, as that of a crate that stands for itself: what it
//! inherits is written out, and its sisters lie beside it.

use anyhow::{Context as _, Result};
use toml::{Table, Value};

/// The manifest `text` without the workspace whose manifest is `root`.
///
/// # Errors
///
/// If one of them is no manifest, or what is inherited is not there.
pub(crate) fn alone(text: &str, root: &str) -> Result<Table> {
    let (mut manifest, root): (Table, Table) = (text.parse()?, root.parse()?);
    let inherited = root.get("workspace").and_then(|workspace| workspace.get("package"));
    let package = manifest.get_mut("package").and_then(Value::as_table_mut).context("it has no package")?;
    for (key, value) in package.iter_mut() {
        if value.get("workspace").and_then(Value::as_bool) == Some(true) {
            let of_root = inherited.and_then(|package| package.get(key));
            *value = of_root.with_context(|| format!("no {key} is inherited"))?.clone();
        }
    }
    // What only its own tests need; and a compiler that is newer than this program may warn of
    // what nobody who uses it can mend.
    manifest.remove("dev-dependencies");
    manifest.insert("lints".to_owned(), table("rust", table("warnings", "allow")).into());
    // So that no workspace takes it for a member of its own.
    manifest.insert("workspace".to_owned(), Table::new().into());
    for (name, dependency) in
        manifest.get_mut("dependencies").and_then(Value::as_table_mut).into_iter().flatten()
    {
        if let Some(path) = dependency.get_mut("path") {
            *path = format!("../{name}").into();
        }
    }
    Ok(manifest)
}

/// The names of all that a crate with this manifest depends on, but for its tests.
pub(crate) fn dependencies(manifest: &Table) -> Vec<&str> {
    let of_targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables =
        of_targets.filter_map(|target| target.get("dependencies")).chain(manifest.get("dependencies"));
    tables.filter_map(Value::as_table).flat_map(Table::keys).map(String::as_str).collect()
}

fn table(key: &str, value: impl Into<Value>) -> Table {
    Table::from_iter([(key.to_owned(), value.into())])
}
