//! `docs/configuration.md`: every table and key, as it is declared.

use std::fmt::Write as _;

use super::answer::{REDIRECT, RESPONSE, Written};
use super::clients::{CLIENTS, ClientsConfig};
use super::compress::COMPRESS;
use super::handler::{FILE, HANDLER, LIMITS};
use super::key::{Key, Table};
use super::listener::{LISTENER, ListenerConfig};
use super::mount::{CACHE, STATIC};
use super::reader::variable;
use super::route::ROUTE;
use super::server::{SERVER, ServerConfig};
use super::tenant::{TENANT, TenantConfig};
use super::tls::{CERTIFICATE, CertificateConfig, TLS, TlsConfig};
use super::types::{HandlerConfig, Limits};
use super::value::SECRETS;
use crate::compression::CompressionConfig;
use crate::handlers::grants::grants_config::{GrantsConfig, Visit};
use crate::static_files::MountConfig;

const HEAD: &str = r#"# Configuration

<!-- Generated from host/src/config by `PATCHBOARD_UPDATE_DOCS=1 cargo test -p patchboard-server
configuration_reference`; a test fails where the two differ. -->

Every key there is, with its default. `patchboard serve` reads `patchboard.toml` of the current folder, or the
file that `--config` or `PATCHBOARD_CONFIG` names. Without one, the folders `handlers` and `static` of the current
folder are served with the defaults. `patchboard check` says all that is wrong, as a start does; a key that is not
known is refused, with the nearest one that is. SIGHUP, or a change of the file, reloads it; a key that "needs a
restart" keeps its value until then, and the log says so.

- Paths are relative to the folder of the file.
- **A time** is a number with `ms`, `s`, `m`, `h` or `d`: `"500ms"`, `"30s"`. What is a time-out is longer than
  nothing.
- **A size** is a number of bytes, or has a unit: `65536`, `"64KiB"`, `"16MiB"`, `"2GiB"`.
- **A name**, whatever it is of (a handler, a bucket, a static mount), has ASCII letters, digits, `-`, `_` and `.`, 128
  at most, and does not begin with `.`.
- **A list** with one item may be that item.

Of the environment, beside what single keys name, `PATCHBOARD_LOG` is what `--log` is: `info`, `warn` or `debug`.
"#;

/// The page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let nothing = |_: &str| None;
    section(&mut page, &SERVER, &mut ServerConfig::new(&nothing), variable_of);
    section(&mut page, &LISTENER, &mut ListenerConfig::default(), none);
    section(&mut page, &TLS, &mut TlsConfig::default(), none);
    section(&mut page, &CERTIFICATE, &mut CertificateConfig::default(), none);
    section(&mut page, &CLIENTS, &mut ClientsConfig::default(), none);
    section(&mut page, &HANDLER, &mut HandlerConfig::default(), none);
    GrantsConfig::visit_keys(&mut Page(&mut page));
    section(&mut page, &LIMITS, &mut Limits::default(), none);
    GrantsConfig::visit_limits(&mut Page(&mut page));
    section(&mut page, &TENANT, &mut TenantConfig::default(), none);
    section(&mut page, &ROUTE, &mut (), none);
    section(&mut page, &FILE, &mut (), none);
    section(&mut page, &SECRETS, &mut (), none);
    GrantsConfig::visit_tables(&mut Page(&mut page));
    section(&mut page, &STATIC, &mut MountConfig::new("", ""), none);
    section(&mut page, &CACHE, &mut (), none);
    section(&mut page, &COMPRESS, &mut CompressionConfig::default(), none);
    section(&mut page, &REDIRECT, &mut Written::redirect(), none);
    section(&mut page, &RESPONSE, &mut Written::response(), none);
    page
}

fn variable_of(key: &str) -> Option<String> {
    Some(variable(key))
}

fn none(_: &str) -> Option<String> {
    None
}

/// Writes what the grants declare.
struct Page<'p>(&'p mut String);

impl Visit for Page<'_> {
    fn keys<T: Default>(&mut self, keys: &'static [Key<T>]) {
        keys_of(self.0, keys, &mut T::default(), none);
    }

    fn table<T: Default + PartialEq + std::fmt::Debug>(&mut self, table: &'static Table<T>) {
        section(self.0, table, &mut T::default(), none);
    }
}

/// A table: its intro, an example, and a paragraph for each key.
fn section<T>(page: &mut String, table: &Table<T>, defaults: &mut T, variable: fn(&str) -> Option<String>) {
    let Table { header, intro, example, keys, .. } = table;
    // The fence says what the example is.
    let fence = if *header == "NAME.toml" { "toml NAME.toml" } else { "toml" };
    let _ = write!(page, "\n## `{header}`\n\n{intro}\n\n```{fence}{example}```\n\n");
    keys_of(page, keys, defaults, variable);
}

/// A paragraph for each key.
fn keys_of<T>(page: &mut String, keys: &[Key<T>], defaults: &mut T, variable: fn(&str) -> Option<String>) {
    for key in keys {
        let default = match key.is_required() {
            true => "required".to_owned(),
            false => format!("default: {}", code(&key.default(defaults))),
        };
        let variable = variable(key.name).map(|name| format!("; `{name}`")).unwrap_or_default();
        let restart = if key.restart { "; needs a restart" } else { "" };
        let expected = key.bounds();
        let _ = writeln!(page, "- **`{}`**: {expected}; {default}{variable}{restart}.", key.name);
        let _ = writeln!(page, "  {}", key.text);
    }
}

/// What would be written is code; what is said is not.
fn code(default: &str) -> String {
    let is_value = |c: char| c.is_ascii_digit() || c == '"' || c == '[';
    match default.starts_with(is_value) || default == "true" || default == "false" {
        true => format!("`{default}`"),
        false => default.to_owned(),
    }
}
